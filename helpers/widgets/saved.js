// In the kernel's place: a saved explorer's controls and pictures, for the script above.

class Control {
  constructor(spec, changed) {
    Object.assign(this, { spec, value: spec.value, choices: [spec.value], listeners: [] });
    const id = `control-${spec.name}`;
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

function start(saved, root) {
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
  const bytes = (name) => Uint8Array.from(atob(saved.files[name]), (letter) => letter.charCodeAt(0));
  const picture = (key) => {
    const found = saved.pictures[key];
    return found && {
      ...found, rows: found.rows.map((row) => row.map((column) => column.map((name) => saved.panels[name]))),
    };
  };
  const first = picture(saved.first);
  const state = {
    title: saved.title, names: saved.controls.map((spec) => spec.name), edition: 1,
    controls: controls.map((_, k) => `IPY_MODEL_${k}`),
    first: {
      key: saved.first, picture: first,
      files: Object.fromEntries(first.files.map((name) => [name, bytes(name)])),
    },
  };
  const model = {
    get: (name) => state[name],
    on: (event, listener) => event === "msg:custom" && answers.push(listener),
    off: () => {},
    send: ({ want }) => setTimeout(() => {
      const found = picture(want);
      const answer = { key: want, edition: 1, picture: found, sent: found?.files ?? [] };
      answers.forEach((listener) => listener(answer, answer.sent.map(bytes)));
    }),
    widget_manager: { get_model: async (k) => controls[k] },
  };
  const el = make("div");
  root.append(...controls.map((control) => control.element), el);
  changed();
  render({ model, el });
}

start(window.savedExplorer, document.querySelector(".cnn-explorer"));
