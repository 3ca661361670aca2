
// ---- on a page: an explorer wakes when it comes near the screen ----

async function unpacked(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  const packed = new Uint8Array(bytes, 0, 2).join() === "31,139"; // some servers unpack it
  const stream = new Blob([bytes]).stream();
  return new Response(packed ? stream.pipeThrough(new DecompressionStream("gzip")) : stream).json();
}

async function wake(place) {
  const address = new URL(place.dataset.states, document.baseURI);
  const still = place.querySelector("img");
  place.style.minHeight = `${place.offsetHeight}px`; // the page stays where it is
  try {
    const saved = await unpacked(address);
    await start(saved, place, new URL("../", address));
    still?.remove();
    if (saved.note) place.append(make("p", { class: "cnn-saved" }, saved.note));
    place.dataset.awake = "yes";
  } catch (error) { // its first picture stays
    place.append(make("p", { class: "cnn-saved" }, `This explorer could not wake up: ${error.message}`));
    place.dataset.awake = "no";
  }
  place.style.minHeight = "";
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    wake(target);
  }
}, { rootMargin: "400px" });
document.querySelectorAll(".cnn-explorer[data-states]").forEach((place) => near.observe(place));

// What can be scrolled sideways can be scrolled by keyboard as well.
function reachable() {
  for (const one of document.querySelectorAll("pre, table.docutils, div.math")) {
    one.toggleAttribute("tabindex", false);
    if (one.scrollWidth > one.clientWidth) one.setAttribute("tabindex", 0);
  }
}
reachable();
window.addEventListener("resize", reachable);
