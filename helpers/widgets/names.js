// Makes an explorer accessible: ipywidgets gives a slider's handle no name and a picture no text
// for a screen reader, and Jupyter's own shortcuts can take the arrow keys away from a slider.

function set(element, attribute, text) {
  if (element && text && element.getAttribute(attribute) !== text) {
    element.setAttribute(attribute, text);
  }
}

function nameAll(explorer) {
  for (const handle of explorer.querySelectorAll('[role="slider"]')) {
    const control = handle.closest(".widget-slider");
    const label = control.querySelector(".widget-label");
    const readout = control.querySelector(".widget-readout"); // the value in words or digits
    set(handle, "aria-label", label.textContent);
    set(handle, "aria-valuetext", readout.textContent);
    if (readout.isContentEditable) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${label.textContent}, type a number`);
    }
    label.removeAttribute("title"); // it says "null"
  }
  const caption = explorer.querySelector(".widget-html");
  set(caption, "aria-live", "polite");
  set(explorer.querySelector(".widget-image"), "alt", caption?.textContent.trim());
}

const SLIDER_KEYS = new Set(
  ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]
);

function keepKeys(event) {
  const handle = event.target.closest?.('.cnn-explorer [role="slider"]');
  handle?.toggleAttribute("data-lm-suppress-shortcuts", SLIDER_KEYS.has(event.key));
}

function render({ model, el }) {
  let explorer = null;
  let stopped = false;
  const observer = new MutationObserver(() => nameAll(explorer));
  const begin = () => {
    explorer = el.closest(".cnn-explorer");
    if (explorer) {
      set(explorer, "role", "group");
      set(explorer, "aria-label", model.get("title"));
      nameAll(explorer);
      observer.observe(explorer, {
        attributeFilter: ["aria-valuetext"],
        characterData: true,
        childList: true,
        subtree: true,
      });
    } else if (!stopped) {
      requestAnimationFrame(begin); // not on the page yet
    }
  };
  begin();
  window.addEventListener("keydown", keepKeys, true); // before Jupyter looks
  return () => {
    stopped = true;
    observer.disconnect();
    window.removeEventListener("keydown", keepKeys, true);
  };
}

export default { render };
