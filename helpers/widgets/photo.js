// Buttons for the camera: open it, take a snapshot, close it; and a line of text from the kernel.

const SIDE = 1280; // pixels of a snapshot's longer side, at most

// What getUserMedia's errors mean for a reader
const REASONS = {
  NotAllowedError:
    "The camera was refused: allow it in the browser's address bar, or upload a photo "
    + "(inside another page's frame, as on Colab, it may stay refused).",
  NotFoundError: "There is no camera here; upload a photo instead.",
  NotReadableError: "The camera is in use by another program; close that one, or upload a photo.",
};
const INSECURE =
  "This page may not use a camera: it needs an address with https, or localhost; upload a photo.";

function make(tag, attributes, words = "") {
  const element = Object.assign(document.createElement(tag), attributes);
  if (words) element.append(words);
  return element;
}

function button(words, pressed) {
  const made = make("button", { type: "button", className: "jupyter-button widget-button" }, words);
  made.style.width = "12em";
  made.addEventListener("click", pressed);
  return made;
}

function render({ model, el }) {
  let stream = null;
  let gone = false;
  const sees = make("video", { muted: true, playsInline: true, ariaLabel: "What the camera sees now" });
  sees.style.cssText = "max-width: min(320px, 98%); margin: 4px 2px";
  const said = make("p", { role: "status" });
  const say = (words) => { said.textContent = words; };
  const open = button("Use the camera", start);
  const snap = button("Take the photo", snapshot);
  const close = button("Close the camera", () => { stop(open); say("The camera is off."); });

  function show(on) {
    open.style.display = on ? "none" : "";
    for (const part of [sees, snap, close]) part.style.display = on ? "" : "none";
  }

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return say(INSECURE);
    open.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: SIDE } } });
      if (gone) return stop();
      sees.srcObject = stream;
      await sees.play();
      show(true);
      snap.focus();
      say("The camera is on.");
    } catch (error) {
      stop();
      say(REASONS[error.name] ?? `The camera does not answer (${error.name}); upload a photo.`);
    } finally {
      open.disabled = false;
    }
  }

  function stop(focused) {
    stream?.getTracks().forEach((track) => track.stop());
    stream = sees.srcObject = null;
    show(false);
    focused?.focus();
  }

  function snapshot() {
    const scale = Math.min(1, SIDE / Math.max(sees.videoWidth, sees.videoHeight));
    const [width, height] = [sees.videoWidth * scale, sees.videoHeight * scale].map(Math.round);
    const canvas = make("canvas", { width, height });
    canvas.getContext("2d").drawImage(sees, 0, 0, width, height);
    stop(open);
    say("The photo is on its way.");
    canvas.toBlob(async (blob) => {
      model.send({ snapshot: "your snapshot" }, undefined, [await blob.arrayBuffer()]);
    }, "image/jpeg", 0.95);
  }

  model.on("change:said", () => say(model.get("said")));
  show(false);
  say(model.get("said"));
  el.append(open, sees, snap, close, said);
  return () => { gone = true; stop(); };
}

export default { render };
