// Notes, in the page, when a reader's input came and when its picture was on the screen.
(() => {
  let input = 0; // when the last key or mouse event came
  for (const kind of ["keydown", "mousedown", "mousemove", "click"]) {
    document.addEventListener(kind, (event) => (input = event.timeStamp), true);
  }
  const asked = new Set(); // keys of pictures that the kernel was asked for
  const panel = window.jupyterapp?.shell.currentWidget;
  panel?.sessionContext.session.kernel.anyMessage.connect((_, { msg, direction }) => {
    const wanted = msg.content?.data?.content?.want;
    if (direction === "send" && wanted) asked.add(wanted);
  });
  // Calls back after the frame that is being made now was handed to the screen.
  const painted = (done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(0);
  });
  // An explorer says which values its picture is for; a bare Image has a new source for each.
  const shown = (output) => output.querySelector(".cnn-panels")?.dataset.shown
    ?? output.querySelector("img.widget-image")?.src;
  const values = (output) => [...output.querySelectorAll("[role=slider]")]
    .map((handle) => handle.getAttribute("aria-valuenow")).join();
  window.moves = {
    forget: () => asked.clear(),
    // Whether what is shown was asked for since then; always so of a bare Image.
    fresh: (output) => !output.querySelector(".cnn-panels") || asked.has(shown(output)),
    // Resolves with the milliseconds from the input to the new picture, once nothing has been
    // shown for `calm` milliseconds after it; -1 if there is none.
    next: (output, calm = 0, wait = 30000) => new Promise((resolve) => {
      const before = shown(output);
      let last = -1, timer = setTimeout(() => finish(), wait);
      const finish = () => { observer.disconnect(); resolve(last); };
      const observer = new MutationObserver(async () => {
        if (shown(output) === before && last < 0) return;
        const image = output.querySelector("img.widget-image");
        if (image && !output.querySelector(".cnn-panels")) await image.decode().catch(() => {});
        painted((time) => {
          last = time - input;
          clearTimeout(timer);
          if (calm) timer = setTimeout(finish, calm); else finish();
        });
      });
      observer.observe(output, {
        subtree: true, attributes: true, attributeFilter: ["data-shown", "src"],
      });
    }),
    // A drag faster than any hand's: events made here, one every few milliseconds.
    drag: async (places, y, pause) => {
      for (const x of places) {
        const move = { clientX: x, clientY: y, buttons: 1, bubbles: true, cancelable: true };
        document.documentElement.dispatchEvent(new MouseEvent("mousemove", move));
        input = performance.now();
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    },
    // Many moves by the keyboard, one a frame or so, along the sliders of an output.
    walk: async (output, count) => {
      const handles = [...output.querySelectorAll("[role=slider]")];
      for (let k = 0; k < count; k += 1) {
        const handle = handles[Math.floor(k / 25) % handles.length];
        const keys = ["ArrowRight", "PageUp", "ArrowRight", "ArrowLeft", "PageDown"];
        const end = k % 50 === 0 ? "Home" : k % 50 === 25 ? "End" : keys[k % 5];
        handle.dispatchEvent(new KeyboardEvent("keydown", { key: end, bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 12));
      }
    },
    heap: () => performance.memory?.usedJSHeapSize ?? 0,
    values,
  };
})();
