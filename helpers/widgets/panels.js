// Shows an explorer's pictures, keeps those it has shown, and asks for those it lacks.
// A picture comes as described by browser.py; its key is the controls' values in JSON.

const KEPT = 16e6; // bytes of files kept
const PIXELS = 5e6; // pixels of these kept ready to be drawn
const WAIT = 60; // milliseconds between requests while earlier ones are unanswered
const IDLE = 40; // milliseconds without a move before neighbors are fetched
const LOST = 20000; // milliseconds after which an unanswered request is made again
const INKS = { "#6e6e6e": "var(--jp-content-font-color2, inherit)" }; // faint, in the dark as well
const KEYS = "ArrowLeft ArrowRight ArrowUp ArrowDown PageUp PageDown Home End".split(" ");

// ---- drawing: panels to elements ----

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "polyline", "polygon", "image"].includes(tag);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function drawMark(mark, svg, words, panel) {
  if (mark.kind === "path") {
    const points = mark.points.map(([row, col]) => `${col},${row}`).join(" ");
    const line = { points, fill: mark.fill ?? "none", "vector-effect": "non-scaling-stroke" };
    const shape = mark.closed ? "polygon" : "polyline";
    if (mark.halo) svg.append(make(shape, { ...line, stroke: "#000", "stroke-width": mark.width + 2 }));
    svg.append(make(shape, { ...line, stroke: mark.color, "stroke-width": mark.width }));
  } else {
    const side = (first, last) => (first.test(mark.anchor) ? 0 : last.test(mark.anchor) ? -100 : -50);
    const [across, down] = [side(/left/, /right/), side(/top/, /bottom/)];
    const label = make("span", { class: mark.upright ? "cnn-upright" : "" }, mark.words);
    const place = mark.upright ? [down, across === 0 ? -100 : across === -100 ? 0 : -50] : [across, down];
    Object.assign(label.style, {
      left: `${(100 * mark.col) / panel.cols}%`,
      top: `${(100 * mark.row) / panel.rows}%`,
      translate: `${place[0]}% ${place[1]}%`,
      fontSize: `calc(max(9px, var(--unit) * ${mark.size ?? 13}))`,
      fontWeight: mark.bold ? "bold" : "normal",
      color: INKS[mark.color] ?? mark.color ?? (mark.paper ? "#222222" : "inherit"),
      background: mark.paper ?? "none",
    });
    words.append(label);
  }
}

function drawArray(panel, files, drawn) {
  const bitmap = files.bitmaps.get(panel.file);
  const box = make("div", { class: "cnn-array" });
  box.style.aspectRatio = `${panel.cols} / ${panel.rows}`;
  if (panel.cells) {
    const rows = panel.cells.map((line) => {
      const cells = line.map(([words, color, ink]) =>
        make("td", { style: `background: ${color}; color: ${ink}` }, words));
      return make("tr", { style: `height: ${100 / panel.cells.length}%` }, ...cells);
    });
    const table = make("table", { "aria-label": panel.title || null }, make("tbody", {}, ...rows));
    const longest = Math.max(...panel.cells.flat().flatMap(([words]) => words.split("\n")).map((w) => w.length));
    const size = Math.min(15, panel.width / panel.cols / longest / 0.68);
    table.style.fontSize = `calc(var(--unit) * ${size})`;
    box.append(table);
  } else if (drawn) {
    box.append(drawn);
  } else if (bitmap) {
    const canvas = make("canvas", { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.classList.toggle("cnn-hard", panel.hard);
    box.append(canvas);
  }
  if (panel.marks.length) {
    const view = `0 0 ${panel.cols} ${panel.rows}`;
    const svg = make("svg", { viewBox: view, preserveAspectRatio: "none", "aria-hidden": "true" });
    const words = make("div", { class: "cnn-labels" });
    panel.marks.forEach((mark) => drawMark(mark, svg, words, panel));
    box.append(svg, words);
  }
  if (!panel.cells) {
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", [panel.title, panel.note].filter(Boolean).join(". ") || "part of the picture");
  }
  return box;
}

function drawPanel(panel, files, clicked, canvas) {
  const figure = make("figure", { class: "cnn-panel" });
  figure.style.setProperty("--width", panel.width);
  if (panel.title) figure.append(make("figcaption", { class: "cnn-title" }, panel.title));
  if (panel.top.length) {
    figure.append(make("div", { class: "cnn-top" }, ...panel.top.map(([words, share]) =>
      make("span", { style: `left: ${100 * share}%` }, words))));
  }
  if (panel.left.length) {
    figure.classList.add("cnn-with-left");
    figure.append(make("div", { class: "cnn-left" },
      make("span", { class: "cnn-room" }, panel.left.reduce((a, [b]) => (b.length > a.length ? b : a), "")),
      ...panel.left.map(([words, share]) => make("span", { style: `top: ${100 * share}%` }, words))));
  }
  if (panel.rows) {
    const array = drawArray(panel, files, canvas);
    if (panel.clicks) {
      array.classList.add("cnn-clicks");
      array.addEventListener("click", (event) => {
        const box = array.getBoundingClientRect();
        const { rows, cols, values } = panel.clicks;
        const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
        const row = at((event.clientY - box.top) / box.height, rows);
        const col = at((event.clientX - box.left) / box.width, cols);
        for (const [name, of] of Object.entries(values)) {
          const value = of === "row" ? row : of === "col" ? col : of[row * cols + col];
          if (value !== undefined) clicked(name, value);
        }
      });
    }
    figure.append(array);
  }
  if (panel.scale) {
    const ends = panel.scale.words.map((words) => make("span", {}, words));
    const bar = make("div", { class: "cnn-bar" });
    bar.style.background = `linear-gradient(to right, ${panel.scale.colors})`;
    figure.append(make("div", { class: "cnn-scale" }, bar, make("div", { class: "cnn-ends" }, ...ends)));
  }
  if (panel.note) figure.append(make("div", { class: "cnn-note" }, panel.note));
  return figure;
}

// Draws a picture into an element; panels that are as they were stay as they are.
async function drawPicture(place, picture, files, clicked, isCurrent) {
  const panels = picture.rows.flat(2);
  const layout = JSON.stringify(picture.rows.map((row) => row.map((column) => column.length)));
  const missing = panels.filter((panel, k) => panel.file && !files.bitmaps.has(panel.file)
    && place.shown?.[k]?.panel.file !== panel.file);
  const decoding = missing.map((panel) => files.decode(panel.file)).filter(Boolean);
  if (decoding.length) await Promise.all(decoding);
  if (!isCurrent()) return false;
  const old = place.layout === layout ? place.shown : [];
  const fresh = panels.map((panel, k) => {
    const name = JSON.stringify(panel);
    return old[k]?.name === name ? old[k] : { name, panel };
  });
  fresh.forEach((one, k) => {
    if (one.element) return;
    const same = old[k] && old[k].panel.file === one.panel.file && old[k].panel.hard === one.panel.hard;
    one.element = drawPanel(one.panel, files, clicked, same && old[k].element.querySelector("canvas"));
    old[k]?.element.replaceWith(one.element);
  });
  if (!old.length) {
    const next = fresh.values();
    const fill = (name, children) => make("div", { class: name }, ...children);
    place.replaceChildren(...picture.rows.map((row) => fill("cnn-row", row.map((column) =>
      fill("cnn-column", column.map(() => next.next().value.element))))));
  }
  Object.assign(place, { layout, shown: fresh });
  place.style.setProperty("--total", picture.width);
  place.style.setProperty("--height", picture.height);
  place.style.setProperty("--widest", Math.max(...panels.map((panel) => panel.width)));
  return true;
}

// ---- files: their bytes, and those used last as pixels too ----

// An array as it is: how many columns it has, 256 colors, and a color's number for each place.
function painted(bytes) {
  const [cols, ...colors] = new Uint32Array(bytes.buffer, 0, 257);
  const pixels = Uint32Array.from(bytes.subarray(4 * 257), (number) => colors[number]);
  const canvas = make("canvas", { width: cols, height: pixels.length / cols });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), cols), 0, 0);
  return canvas;
}

class Files {
  bytes = new Map();
  bitmaps = new Map();

  add(name, data) { // a copy, since a message's buffers share its memory
    const start = data.byteOffset ?? 0;
    this.bytes.set(name, new Uint8Array((data.buffer ?? data).slice(start, start + data.byteLength)));
  }

  // Makes pixels of a file: at once of an array as it is, else it returns a promise.
  decode(name) {
    const bytes = this.bytes.get(name);
    if (name.endsWith(".raw")) return void this.bitmaps.set(name, painted(bytes));
    return createImageBitmap(new Blob([bytes])).then((bitmap) => this.bitmaps.set(name, bitmap));
  }

  // Makes a neighbor's pixels ready, so that the step to it need not wait for them.
  prepare(picture) {
    for (const { file } of picture.rows.flat(2)) if (file && !this.bitmaps.has(file)) this.decode(file);
  }

  // Forgets the pixels used longest ago, but not those of this picture.
  trim(used) {
    for (const name of used.filter((one) => this.bitmaps.has(one))) {
      const bitmap = this.bitmaps.get(name);
      this.bitmaps.delete(name);
      this.bitmaps.set(name, bitmap);
    }
    let pixels = 0;
    for (const { width, height } of this.bitmaps.values()) pixels += width * height;
    for (const [name, bitmap] of this.bitmaps) {
      if (pixels <= PIXELS || used.includes(name)) break;
      pixels -= bitmap.width * bitmap.height;
      this.bitmaps.delete(name);
      bitmap.close?.();
    }
  }

  // Forgets the bytes of all but the files that are named.
  only(names) {
    for (const name of this.bytes.keys()) if (!names.has(name)) this.bytes.delete(name);
  }

  get size() {
    return [...this.bytes.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  }
}

// ---- names: what ipywidgets leaves out for screen readers and for the keyboard ----

function set(element, attribute, text) {
  if (element && text && element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
}

function nameControls(explorer) {
  for (const handle of explorer.querySelectorAll('[role="slider"]')) {
    const control = handle.closest(".widget-slider");
    const label = control?.querySelector(".widget-label");
    const readout = control?.querySelector(".widget-readout"); // the value in words or digits
    if (!label || !readout) continue;
    set(handle, "aria-label", label.textContent);
    set(handle, "aria-valuetext", readout.textContent);
    if (readout.isContentEditable) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${label.textContent}, type a number`);
    }
    label.removeAttribute("title"); // it says "null"
  }
}

function keepKeys(event) { // Jupyter's shortcuts must not take the arrow keys from a slider
  const handle = event.target.closest?.('.cnn-explorer [role="slider"]');
  handle?.toggleAttribute("data-lm-suppress-shortcuts", KEYS.includes(event.key));
}

// ---- the widget ----

async function render({ model, el }) {
  const controls = await Promise.all(
    model.get("controls").map((name) => model.widget_manager.get_model(name.slice("IPY_MODEL_".length))));
  const names = model.get("names");
  const place = make("div", { class: "cnn-picture" });
  const caption = make("p", { class: "cnn-caption", "aria-live": "polite" });
  el.classList.add("cnn-panels");
  el.append(place, caption);

  const kept = new Map(); // picture by key, the one shown last at the end
  const files = new Files();
  const pending = new Map(); // time of asking by key; 0 for a neighbor
  let shown = null, moved = null, timer = null, lastAsked = -Infinity, direction = 1, awake = false;

  const value = (control) => control.get("index") ?? control.get("value");
  const values = () => controls.map(value);
  const key = () => JSON.stringify(values());

  function ask(wanted, all = false) {
    pending.set(wanted, lastAsked = performance.now());
    setTimeout(() => pending.delete(wanted), LOST);
    model.send(all ? { want: wanted, all } : { want: wanted });
  }

  function keep(wanted, picture, names, buffers) {
    names.forEach((name, k) => files.add(name, buffers[k]));
    if (picture.files.some((name) => !files.bytes.has(name))) return ask(wanted, true);
    kept.delete(wanted);
    kept.set(wanted, picture);
    while (files.size > KEPT && kept.size > 1) {
      kept.delete(kept.keys().next().value);
      files.only(new Set([...kept.values()].flatMap((each) => each.files)));
    }
    if (wanted !== key()) files.prepare(picture);
  }

  async function show(wanted) {
    const picture = kept.get(wanted);
    kept.delete(wanted);
    kept.set(wanted, picture);
    if (!(await drawPicture(place, picture, files, clicked, () => key() === wanted))) return;
    files.trim(picture.files);
    caption.textContent = picture.caption;
    el.dataset.shown = shown = wanted;
    rest();
  }

  function look() { // at the controls: show what is kept, or ask for what is not
    clearTimeout(timer);
    const wanted = key();
    if (kept.has(wanted)) { if (shown !== wanted) show(wanted); else rest(); return; }
    if (pending.has(wanted)) return;
    const busy = [...pending.values()].some((time) => time > 0);
    const early = busy ? lastAsked + WAIT - performance.now() : 0;
    if (early > 0) timer = setTimeout(look, early);
    else ask(wanted);
  }

  function rest() { // fetch the neighbors of what is shown, one at a time
    clearTimeout(timer);
    if (awake) timer = setTimeout(() => { if (!pending.size) neighbors().some(fetchOne); }, IDLE);
  }

  function neighbors() {
    const order = [...controls.keys()].sort((a, b) => (b === moved) - (a === moved));
    return order.flatMap((k, rank) => {
      const low = controls[k].get("index") === undefined ? controls[k].get("min") : 0;
      const high = controls[k].get("max") ?? controls[k].get("_options_labels").length - 1;
      const steps = rank ? [1, -1] : [direction, -direction, 2 * direction];
      return steps.filter((step) => {
        const next = value(controls[k]) + step;
        return !controls[k].get("disabled") && next >= low && next <= high;
      }).map((step) => JSON.stringify(values().map((now, i) => (i === k ? now + step : now))));
    });
  }

  function fetchOne(wanted) {
    if (kept.has(wanted)) files.prepare(kept.get(wanted));
    if (kept.has(wanted) || refused.has(wanted)) return false;
    ask(wanted);
    pending.set(wanted, 0);
    return true;
  }

  function clicked(name, to) {
    const control = controls[names.indexOf(name)];
    if (!control || control.get("disabled")) return;
    control.set(control.get("index") === undefined ? "value" : "index", to);
    control.save_changes();
  }

  const refused = new Set(); // keys that no control's range allows
  function answered({ key: wanted, picture, sent, error }, buffers) {
    pending.delete(wanted);
    if (picture) keep(wanted, picture, sent, buffers);
    else refused.add(wanted);
    if (error && wanted === key()) caption.textContent = error;
    if (kept.has(wanted) && wanted === key()) show(wanted);
    else if (wanted !== key() && shown !== key()) look();
    else rest();
  }

  function begin() { // a new edition: forget all but the picture that comes with it
    [kept, pending, refused, files.bytes, files.bitmaps].forEach((each) => each.clear());
    const first = model.get("first");
    const names = Object.keys(first.files);
    keep(first.key, first.picture, names, names.map((name) => first.files[name]));
    shown = null;
    look();
  }

  let before = values();
  const changed = () => {
    const now = values();
    const k = now.findIndex((one, i) => one !== before[i]);
    if (k < 0) return;
    [moved, direction, before] = [k, Math.sign(now[k] - before[k]), now];
    refused.clear();
    look(); // at once, so that the question leaves before the control's own message
  };
  const wake = () => { awake = true; if (shown === key()) rest(); };
  const observer = new MutationObserver(() => nameControls(explorer));
  let explorer = null, ended = false;
  const settle = () => { // once it is on the page
    explorer = el.closest(".cnn-explorer");
    if (!explorer) return ended || requestAnimationFrame(settle);
    set(explorer, "role", "group");
    set(explorer, "aria-label", model.get("title"));
    nameControls(explorer);
    observer.observe(explorer, {
      attributeFilter: ["aria-valuetext"], characterData: true, childList: true, subtree: true,
    });
    for (const event of ["pointerenter", "focusin"]) explorer.addEventListener(event, wake);
  };
  controls.forEach((control) => control.on("change:value change:index", changed));
  model.on("msg:custom", answered);
  model.on("change:edition", begin);
  window.addEventListener("keydown", keepKeys, true); // before Jupyter looks
  settle();
  begin();
  return () => {
    ended = true;
    clearTimeout(timer);
    observer.disconnect();
    controls.forEach((control) => control.off("change:value change:index", changed));
    model.off("msg:custom", answered);
    model.off("change:edition", begin);
    window.removeEventListener("keydown", keepKeys, true);
  };
}

export default { render };
