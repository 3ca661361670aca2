
// ---- a visitor's own photo through block 1 ----

const SIDE = 224, TILE = 56, MEANS = [103.939, 116.779, 123.68]; // of blue, green, red
const COLORS = ["blue", "green", "red"];
const round = (x, digits = 2) => x.toFixed(digits).replace(/^-(?=0\.?0*$)/, "").replace("-", "−");
const short = (x) => round(x, Math.abs(x) >= 10 ? 0 : Math.abs(x) >= 1 ? 1 : Math.abs(x) >= 0.1 ? 2 : Math.abs(x) >= 0.01 ? 3 : 4);

class Block {
  static async fetched(from) {
    const get = async (name) => {
      const answer = await fetch(new URL(name, from));
      if (!answer.ok) throw new Error(`${name} did not come: ${answer.status}`);
      return answer;
    };
    const script = make("script", { src: new URL("tf.min.js", from) });
    const loaded = new Promise((done, failed) => {
      script.onload = done;
      script.onerror = () => failed(new Error("tf.min.js did not come"));
    });
    document.head.append(script);
    const [about, numbers] = await Promise.all(
      [(await get("block1.json")).json(), (await get("block1.bin")).arrayBuffer(), loaded]);
    const block = new Block();
    block.names = about.layers;
    let at = 0;
    block.weights = about.shapes.map((shape) => {
      const count = shape.reduce((a, b) => a * b);
      const values = new Float32Array(numbers, 4 * at, count);
      at += count;
      return values;
    });
    block.shapes = about.shapes;
    return block;
  }

  take(canvas) { // a photo of SIDE × SIDE
    this.canvas = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, SIDE, SIDE);
    const input = new Float32Array(SIDE * SIDE * 3);
    for (let k = 0; k < SIDE * SIDE; k++) {
      for (let c = 0; c < 3; c++) input[3 * k + c] = data[4 * k + 2 - c] - MEANS[c];
    }
    this.inputs = [input];
    this.maps = [];
  }

  run(layer) { // the maps of a layer, as long as the photo is the same
    if (this.maps[layer]) return this.maps[layer];
    if (layer > 0) this.inputs[layer] = this.run(layer - 1);
    const depth = this.shapes[2 * layer][2];
    this.maps[layer] = tf.tidy(() => {
      const input = tf.tensor4d(this.inputs[layer], [1, SIDE, SIDE, depth]);
      const kernel = tf.tensor4d(this.weights[2 * layer], this.shapes[2 * layer]);
      return tf.conv2d(input, kernel, 1, "same").add(tf.tensor1d(this.weights[2 * layer + 1])).relu().dataSync();
    });
    return this.maps[layer];
  }

  // A number taken apart: for each input channel its patch, weights, products and their sum.
  probe(layer, channel, row, col) {
    const depth = this.shapes[2 * layer][2], input = this.inputs[layer], kernel = this.weights[2 * layer];
    return Array.from({ length: depth }, (_, c) => {
      const patch = [], weights = [], products = [];
      for (let i = 0; i < 9; i++) {
        const [y, x] = [row + Math.floor(i / 3) - 1, col + (i % 3) - 1];
        const inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
        patch.push(inside ? input[(y * SIDE + x) * depth + c] : 0);
        weights.push(kernel[(i * depth + c) * 64 + channel]);
        products.push(patch[i] * weights[i]);
      }
      return { c, patch, weights, products, sum: products.reduce((a, b) => a + b) };
    });
  }
}

// Black, violet, orange, yellow, as the lessons' maps.
const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const inferno = Array.from({ length: 256 }, (_, k) => {
  const at = Math.min(k / 255 * 4, 3.999), low = Math.floor(at);
  return STOPS[low].map((one, c) => Math.round(one + (STOPS[low + 1][c] - one) * (at - low)));
});

function top99(maps, channel) {
  const sample = [];
  for (let k = channel; k < maps.length; k += 64 * 11) sample.push(maps[k]);
  sample.sort((a, b) => a - b);
  return sample[Math.floor(sample.length * 0.99)] || Math.max(sample.at(-1), 1e-9);
}

function paint(maps, channel, most, context, x, y, side) {
  const image = context.createImageData(side, side), step = SIDE / side;
  for (let row = 0; row < side; row++) {
    for (let col = 0; col < side; col++) {
      const value = maps[(Math.floor((row + 0.5) * step) * SIDE + Math.floor((col + 0.5) * step)) * 64 + channel];
      const color = inferno[Math.min(Math.round(value / most * 255), 255)];
      image.data.set([...color, 255], 4 * (row * side + col));
    }
  }
  context.putImageData(image, x, y);
}

class Pictures {
  canvases = new Map();
  drawn = new Map();
  edition = 0;

  constructor(block) {
    this.block = block;
  }

  file(name, width, height, draw) {
    const full = `${name}-${this.edition}`;
    if (!this.canvases.has(full)) {
      const canvas = make("canvas", { width, height });
      draw(canvas.getContext("2d", { willReadFrequently: true }));
      this.canvases.set(full, canvas);
    }
    return full;
  }

  bytes = (name) => new Promise((done) => {
    this.canvases.get(name).toBlob(async (blob) => done(await blob.arrayBuffer()));
  });

  picture = (key) => {
    const [layer, channel, row, col] = JSON.parse(key);
    if (![row, col].every((at) => at >= 0 && at < SIDE) || !(channel >= 0 && channel < 64)) return undefined;
    const { block } = this, maps = block.run(layer), name = block.names[layer];
    const most = top99(maps, channel);
    const photo = this.file("photo", SIDE, SIDE, (context) => context.drawImage(block.canvas, 0, 0));
    const map = this.file(`map-${layer}-${channel}`, SIDE, SIDE, (context) => paint(maps, channel, most, context, 0, 0, SIDE));
    const wall = this.file(`wall-${layer}`, 8 * TILE, 8 * TILE, (context) => {
      for (let k = 0; k < 64; k++) paint(maps, k, top99(maps, k), context, TILE * (k % 8), TILE * Math.floor(k / 8), TILE);
    });
    const box = (top, left, bottom, right) => ({
      kind: "path", points: [[top, left], [top, right], [bottom, right], [bottom, left]], closed: true,
      fill: null, color: "#ffdd00", width: 2, halo: true,
    });
    const panel = (title, more) => ({ title, note: "", rows: 0, cols: 0, width: 250, marks: [], top: [], left: [], ...more });
    const pixel = { rows: SIDE, cols: SIDE, values: { row: "row", col: "col" } };
    const field = layer === 0 ? 1.5 : 2.5; // the probed number's receptive field
    const around = (half) => box(row + 0.5 - half, col + 0.5 - half, row + 0.5 + half, col + 0.5 + half);
    const tile = [Math.floor(channel / 8) * TILE, (channel % 8) * TILE];
    const shown = [
      panel("the photo: click a pixel", { rows: SIDE, cols: SIDE, file: photo, hard: false, clicks: pixel, marks: [around(field + 2)] }),
      panel(`map ${channel} of ${name}`, {
        rows: SIDE, cols: SIDE, file: map, hard: true, clicks: pixel, marks: [around(3)],
        scale: { colors: inferno.filter((_, k) => k % 17 === 0).map((color) => `rgb(${color})`), words: ["0", "", round(most)] },
      }),
      panel("all 64 maps: click one", {
        rows: 8 * TILE, cols: 8 * TILE, file: wall, hard: false, width: 290,
        clicks: { rows: 8, cols: 8, values: { channel: [...Array(64).keys()] } },
        marks: [box(tile[0] + 2, tile[1] + 2, tile[0] + TILE - 2, tile[1] + TILE - 2)],
      }),
    ];
    const parts = block.probe(layer, channel, row, col);
    const three = [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, 3);
    if (layer === 0) three.sort((a, b) => a.c - b.c);
    const largest = (which) => Math.max(...three.flatMap((one) => one[which].map(Math.abs)), 1e-9);
    const table = (title, numbers, limit, note = "") => panel(title, {
      rows: 3, cols: 3, width: 170, note,
      cells: [0, 3, 6].map((from) => numbers.slice(from, from + 3).map((x) => {
        const share = Math.min(Math.abs(x) / limit, 1) * 0.75; // white is 0, blue less, orange more
        const color = (x < 0 ? [42, 95, 148] : [201, 106, 20]).map((one) => Math.round(255 + (one - 255) * share));
        const [red, green, blue] = color.map((one) => (one / 255) ** 2.2);
        const bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
        return [short(x), `rgb(${color})`, bright ? "#000000" : "#ffffff"];
      })),
    });
    const limits = ["patch", "weights", "products"].map(largest);
    const lines = three.map((one) => {
      const who = layer === 0 ? COLORS[one.c] : `input map ${one.c}`;
      return [
        table(`${who}: patch`, one.patch, limits[0]),
        table("× weights", one.weights, limits[1]),
        table("= products", one.products, limits[2], `sum ${round(one.sum)}`),
      ];
    });
    const bias = block.weights[2 * layer + 1][channel];
    const total = parts.reduce((sum, one) => sum + one.sum, 0) + bias;
    const others = parts.filter((one) => !three.includes(one));
    const sums = three.map((one) => round(one.sum)).concat(
      others.length ? [`${round(others.reduce((sum, one) => sum + one.sum, 0))} (the ${others.length} others)`] : []);
    const value = maps[(row * SIDE + col) * 64 + channel];
    const close = Math.abs(Math.max(total, 0) - value) <= 1e-2 + 1e-3 * Math.abs(total);
    return {
      rows: [shown.map((one) => [one]), lines], // a column for each input channel
      width: 850, height: 640, files: [photo, map, wall],
      caption: `${name}, filter ${channel}, at row ${row}, col ${col}: ${sums.join(" + ")} and the bias ${round(bias)} make `
        + `${round(total)}; ReLU leaves ${round(Math.max(total, 0))}. In the map stands ${round(value)}${close ? "." : ", which is not the same!"}`,
    };
  };
}

async function ownPhoto(root) {
  const from = new URL(root.dataset.from, document.baseURI);
  const status = make("p", { role: "status" }, "The network is on its way …");
  const file = make("input", { type: "file", accept: "image/*", id: "own-file" });
  const camera = make("button", { type: "button" }, "Use the camera");
  const video = make("video", { playsinline: "", muted: "", hidden: "", "aria-label": "what the camera sees" });
  const place = make("div", { class: "cnn-explorer", role: "group", "aria-label": "Your photo in block 1" });
  root.append(make("p", { class: "own-choice" }, make("label", { for: "own-file" }, "A photo: "), file, camera), video, status, place);
  const block = await Block.fetched(from);
  await tf.ready();
  const pictures = new Pictures(block);

  async function show(source, width, height) {
    const side = Math.min(width, height), canvas = make("canvas", { width: SIDE, height: SIDE });
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(
      source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE); // the middle of it
    status.textContent = "Computing 64 feature maps …";
    await new Promise((done) => setTimeout(done, 30)); // so that the words are seen
    block.take(canvas);
    pictures.edition += 1;
    pictures.canvases.clear();
    const numbers = (count) => [...Array(count).keys()];
    const choices = [numbers(2), numbers(64), numbers(SIDE), numbers(SIDE)];
    const controls = [["layer", "Layer", block.names, 0], ["channel", "Filter", undefined, 0],
      ["row", "Row", undefined, SIDE / 2], ["col", "Column", undefined, SIDE / 2]];
    place.replaceChildren();
    await start({
      title: "Your photo in block 1", first: JSON.stringify([0, 0, SIDE / 2, SIDE / 2]),
      controls: controls.map(([name, label, options, value]) => ({ name, label, options, value, kind: "slider" })),
      choices: new Proxy({}, { get: (_, key) => choices[JSON.parse(key).length] }),
      picture: pictures.picture, bytes: pictures.bytes,
    }, place);
    status.textContent = `Computed here, by TensorFlow.js on ${tf.getBackend() === "cpu" ? "the processor" : "the graphics card"}.`;
  }

  async function open(blob) {
    try {
      const bitmap = await createImageBitmap(blob);
      await show(bitmap, bitmap.width, bitmap.height);
    } catch (error) {
      status.textContent = `This file can't be shown as a photo (${error.message}); a JPEG, PNG or WebP would be right.`;
    }
  }

  file.addEventListener("change", () => file.files[0] && open(file.files[0]));
  camera.addEventListener("click", async () => {
    try {
      if (video.srcObject) {
        await show(video, video.videoWidth, video.videoHeight);
        video.srcObject.getTracks().forEach((track) => track.stop());
        Object.assign(video, { srcObject: null, hidden: true });
        camera.textContent = "Use the camera";
      } else {
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
        video.hidden = false;
        await video.play();
        camera.textContent = "Take the picture";
      }
    } catch (error) {
      status.textContent = `The camera can't be used (${error.message}); a photo from a file does as well.`;
    }
  });
  await open(await (await fetch(new URL("sample.webp", from))).blob());
  root.dataset.awake = "yes";
}

const ownRoot = document.querySelector("#own-photo");
if (ownRoot) {
  ownPhoto(ownRoot).catch((error) => {
    ownRoot.append(make("p", {}, `This page could not start: ${error.message}`));
    ownRoot.dataset.awake = "no";
  });
}
