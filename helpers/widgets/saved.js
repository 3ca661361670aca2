// In the kernel's place: a saved explorer's controls and pictures, for the script above.
// Its files are in it, or are fetched, each when a picture first needs it, from beside "from";
// or it has functions "picture" and "bytes" that make them.

let controlsMade = 0; // pages may have several explorers

class Control {
  constructor(spec, changed) {
    Object.assign(this, { spec, value: spec.value, choices: [spec.value], listeners: [] });
    const id = `cnn-control-${controlsMade++}`;
    const menu = spec.kind === "menu";
    this.input = make(menu ? "select" : "input", { id, ...(menu ? {} : { type: "range", min: 0 }) });
    this.output = make("output", { for: id });
    this.element = make("div", { class: "cnn-control" },
      make("label", { for: id }, spec.label), this.input, menu ? "" : this.output);
    this.input.addEventListener("input", () => {
      this.value = this.choices[Number(this.input.value)];
      changed();
    });
  }
  allow(choices) { // the values that are saved for those of the controls before
    this.choices = choices;
    if (!choices.includes(this.value)) {
      const distance = (value) => Math.abs(value - this.value);
      this.value = choices.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    }
    const words = (value) => String(this.spec.options?.[value] ?? value);
    if (this.spec.kind === "menu") {
      this.input.replaceChildren(...choices.map((value, k) => make("option", { value: k }, words(value))));
    }
    this.input.max = choices.length - 1;
    this.input.value = choices.indexOf(this.value);
    this.input.disabled = choices.length < 2;
    this.output.textContent = words(this.value);
    if (this.spec.kind !== "menu") this.input.setAttribute("aria-valuetext", words(this.value));
  }
  get(name) {
    const known = { disabled: this.choices.length < 2, min: this.choices[0], max: this.choices.at(-1) };
    known[this.spec.options ? "index" : "value"] = this.value;
    return known[name];
  }
  set(_name, value) {
    this.value = value;
  }
  save_changes() {
    this.spec.changed();
  }
  on(_events, listener) {
    this.listeners.push(listener);
  }
  off() {}
}

async function start(saved, root, from = "") {
  const answers = [];
  const changed = () => {
    const before = [];
    for (const control of controls) {
      control.allow(saved.choices[JSON.stringify(before)]);
      before.push(control.value);
    }
    controls.forEach((control) => control.listeners.forEach((listener) => listener()));
  };
  const controls = saved.controls.map((spec) => new Control({ ...spec, changed }, changed));
  const bytes = saved.bytes ?? (async (name) => {
    if (saved.files) return Uint8Array.from(atob(saved.files[name]), (letter) => letter.charCodeAt(0));
    const answer = await fetch(new URL(name, from));
    if (!answer.ok) throw new Error(`no picture came from ${answer.url}: ${answer.status}`);
    return answer.arrayBuffer();
  });
  const picture = saved.picture ?? ((key) => {
    const found = saved.pictures[key];
    return found && {
      ...found, rows: found.rows.map((row) => row.map((column) => column.map((name) => saved.panels[name]))),
    };
  });
  const first = picture(saved.first);
  const state = {
    title: saved.title, names: saved.controls.map((spec) => spec.name), edition: 1,
    controls: controls.map((_, k) => `IPY_MODEL_${k}`),
    first: {
      key: saved.first, picture: first,
      files: Object.fromEntries(await Promise.all(first.files.map(async (name) => [name, await bytes(name)]))),
    },
  };
  const had = new Set(first.files); // the browser keeps what it was sent, as long as there is room
  const model = {
    get: (name) => state[name],
    on: (event, listener) => event === "msg:custom" && answers.push(listener),
    off: () => {},
    send: async ({ want, all }) => {
      const found = picture(want);
      const answer = { key: want, picture: found, sent: [] };
      if (found) answer.sent = found.files.filter((name) => all || !had.has(name));
      let buffers = [];
      try {
        [buffers] = await Promise.all([Promise.all(answer.sent.map(bytes)), new Promise(setTimeout)]);
        answer.sent.forEach((name) => had.add(name));
      } catch (error) {
        Object.assign(answer, { picture: undefined, sent: [], error: error.message });
      }
      answers.forEach((listener) => listener(answer, buffers));
    },
    widget_manager: { get_model: async (k) => controls[k] },
  };
  const el = make("div");
  root.append(...controls.map((control) => control.element), el);
  changed();
  render({ model, el });
}

