"""Train the bundled VGG16 base and its 200-class head on Tiny ImageNet.

    python data/recipes/train_vgg16.py tiny-imagenet-200 --start WEIGHTS.npz --out FILE.npz
    python data/recipes/train_vgg16.py tiny-imagenet-200 --out FILE.npz --evaluate

``tiny-imagenet-200`` is the public folder: ``wnids.txt``, ``words.txt``, ``train/<id>/images`` and
``val/images`` with ``val_annotations.txt``. 25 training photos of each class are kept apart:
stages, sizes and checkpoints are chosen by these 5,000. The 10,000 validation photos are for
``--evaluate`` alone, which measures a finished file and writes its card, ``vgg16_base.json``.

Every convolution is followed by BatchNorm while training. Once training is over BatchNorm is a
fixed scale and shift, folded here into the kernels and biases, so that the weights fit
``keras.applications.VGG16``. The head is the average of block5_conv3's maps over all positions,
without the last pool, times a dense layer.

A checkpoint is written every few minutes; the same command goes on from it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import keras
import numpy as np
from keras import layers, ops

from helpers import activations, collection, images, models

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions, filters
NAMES = [f"block{b}_conv{k}" for b, (n, _) in enumerate(BLOCKS, 1) for k in range(1, n + 1)]
MEAN = images.IMAGENET_MEAN_BGR
CLASSES, SIDE, KEPT_APART = 200, 64, 25
STEPS_TO_CHECKPOINT = 150
SIZES, KNOWN_SIZES = (40, 48, 56, 64, 80, 96, 128), (64, 96, 128, 160, 224)
STAGES = (
    "40:2.0216:0.04:0.03:0.25:2,40:2.8:0.035:0.012:0.45:2,"
    "48:1.7:0.012:0.003:0.45:2,64:0.5:0.003:0.00005:0.4:2"
)


class Stage(NamedTuple):
    """One stretch of training at one size of photo.

    Attributes:
        side: Pixels of a training photo's side.
        epochs: How often every training photo is seen.
        first: Rate at the stage's first step.
        last: Rate at its last step; in between it changes linearly.
        crop: Least area of a random crop, as a share of the photo.
        frozen: Blocks, counted from the first, that stay as they are.
    """

    side: int
    epochs: float
    first: float
    last: float
    crop: float
    frozen: int

    @classmethod
    def read(cls, text: str) -> Stage:
        """From "side:epochs:first:last:crop:frozen"."""
        try:
            side, epochs, first, last, crop, frozen = (float(part) for part in text.split(":"))
        except ValueError:
            raise SystemExit(
                f"{text!r} is no stage; it should be side:epochs:first:last:crop:frozen, such as "
                f"40:4:0.04:0.03:0.25:2"
            ) from None
        return cls(int(side), epochs, first, last, crop, int(frozen))


class Photos(NamedTuple):
    """uint8 photos (n, 64, 64, 3) in RGB and their class numbers, int32 (n,)."""

    images: np.ndarray
    labels: np.ndarray


def read_photo(path: Path) -> np.ndarray:
    """One photo, uint8 (64, 64, 3), RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None or image.shape != (SIDE, SIDE, 3):
        raise SystemExit(f"{path}: not a photo of {SIDE} × {SIDE} pixels; unpack it again")
    return image[:, :, ::-1]


def read_classes(folder: Path) -> tuple[list[str], list[str]]:
    """The classes' identifiers, in the order of ``wnids.txt``, and their names."""
    try:
        ids = (folder / "wnids.txt").read_text().split()
        lines = (folder / "words.txt").read_text().splitlines()
    except OSError as error:
        raise SystemExit(
            f"{folder}: no {Path(error.filename).name} here; give the unpacked folder "
            "tiny-imagenet-200, with wnids.txt, words.txt, train and val"
        ) from None
    words = dict(line.split("\t") for line in lines)
    missing = [name for name in ids if name not in words]
    if len(ids) != CLASSES or missing:
        raise SystemExit(f"{folder}: wnids.txt and words.txt should name {CLASSES} classes")
    return ids, [words[name] for name in ids]


def read_training(folder: Path, ids: list[str]) -> tuple[Photos, Photos]:
    """The training photos, and those kept apart: the last 25 of each class by number."""
    parts: tuple[list, list] = ([], [])
    for label, name in enumerate(ids):
        paths = sorted(
            (folder / "train" / name / "images").glob("*.JPEG"),
            key=lambda path: int(path.stem.split("_")[-1]),
        )
        if len(paths) <= KEPT_APART:
            raise SystemExit(f"{folder}: class {name} has no photos in train/{name}/images")
        for path in paths[:-KEPT_APART]:
            parts[0].append((read_photo(path), label))
        for path in paths[-KEPT_APART:]:
            parts[1].append((read_photo(path), label))
    return tuple(
        Photos(np.stack([p for p, _ in part]), np.array([c for _, c in part], np.int32))
        for part in parts
    )


def read_validation(folder: Path, ids: list[str]) -> Photos:
    """The 10,000 validation photos."""
    try:
        lines = (folder / "val" / "val_annotations.txt").read_text().splitlines()
    except OSError:
        raise SystemExit(f"{folder}: no val/val_annotations.txt here; unpack it again") from None
    rows = [line.split("\t")[:2] for line in lines]
    images = np.stack([read_photo(folder / "val" / "images" / name) for name, _ in rows])
    return Photos(images, np.array([ids.index(name) for _, name in rows], np.int32))


def resized(photos: np.ndarray, side: int) -> np.ndarray:
    """The photos at another size, uint8 (n, side, side, 3)."""
    if side == photos.shape[1]:
        return photos
    way = cv2.INTER_AREA if side < photos.shape[1] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(photo, (side, side), interpolation=way) for photo in photos])


def network(frozen: int = 0) -> keras.Model:
    """VGG16's base with BatchNorm after every convolution, averaged and classified."""
    x = inputs = layers.Input((None, None, 3))
    for block, (count, filters) in enumerate(BLOCKS, 1):
        learns = block > frozen
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(
                filters, 3, padding="same", use_bias=False, name=name, trainable=learns
            )(x)
            x = layers.BatchNormalization(
                momentum=0.98, epsilon=1e-3, name=f"{name}_norm", trainable=learns
            )(x)
            x = layers.ReLU()(x)
        if block < len(BLOCKS):
            x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(CLASSES, name="head", dtype="float32")(x))


class Batches(keras.utils.PyDataset):
    """Some of a stage's batches: random crops, flips, contrast and brightness."""

    def __init__(self, photos: Photos, stage: Stage, batch: int, steps: range, seed: int) -> None:
        super().__init__(max_queue_size=8)
        self.photos, self.stage, self.batch, self.steps, self.seed = (
            *(photos, stage, batch, steps, seed),
        )

    def __len__(self) -> int:
        return len(self.steps)

    def _crop(self, index: int, rng: np.random.Generator) -> np.ndarray:
        side, share = self.stage.side, np.sqrt(rng.uniform(self.stage.crop, 1))
        stretch = np.exp(rng.uniform(-0.28, 0.28))
        rows, cols = (min(SIDE, round(SIDE * share * s)) for s in (stretch, 1 / stretch))
        top, left = rng.integers(0, SIDE + 1 - rows), rng.integers(0, SIDE + 1 - cols)
        image = self.photos.images[index, top : top + rows, left : left + cols]
        way = cv2.INTER_AREA if rows > side else cv2.INTER_CUBIC
        image = cv2.resize(image, (side, side), interpolation=way)
        return image[:, ::-1] if rng.random() < 0.5 else image

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        step, per_epoch = self.steps[index], len(self.photos.labels) // self.batch
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.photos.labels))
        chosen = order[place * self.batch : (place + 1) * self.batch]
        rng = np.random.default_rng((self.seed, epoch, place))
        crops = np.stack([self._crop(k, rng) for k in chosen]).astype(np.float32)
        contrast = rng.uniform(0.75, 1.25, (len(chosen), 1, 1, 1))
        brightness = rng.uniform(-25, 25, (len(chosen), 1, 1, 1))
        crops = np.clip((crops - 128) * contrast + 128 + brightness, 0, 255)
        return crops[..., ::-1].astype(np.float32) - MEAN, self.photos.labels[chosen]


class Rate(keras.callbacks.Callback):
    """Sets the rate of every step: a hundred steps of warming up, then along a line."""

    def __init__(self, stage: Stage, steps: range, total: int) -> None:
        super().__init__()
        self.stage, self.steps, self.total = stage, steps, total

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Set the rate of one step."""
        step, (_, _, first, last, *_) = self.steps[batch], self.stage
        rate = min(1, (step + 1) / 100) * (first + (last - first) * step / self.total)
        self.model.optimizer.learning_rate = rate


def smoothed_loss(truth: object, logits: object) -> object:
    """Cross-entropy with a tenth of the weight spread over all classes."""
    one_hot = ops.one_hot(ops.cast(truth, "int32"), CLASSES)
    return keras.losses.categorical_crossentropy(
        one_hot, logits, from_logits=True, label_smoothing=0.1
    )


def save(path: Path, arrays: dict[str, np.ndarray], compressed: bool = False) -> None:
    """Write a file whole or not at all: a full disk leaves the one that was there."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            (np.savez_compressed if compressed else np.savez)(file, **arrays)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SystemExit(
            f"{path}: could not be written ({error.strerror}); the last one stays"
        ) from None


def read_arrays(path: Path, what: str) -> dict[str, np.ndarray]:
    """A file of arrays, without pickle."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise SystemExit(f"{path}: not {what} that can be read") from None


def set_weights(model: keras.Model, arrays: dict[str, np.ndarray], path: Path) -> None:
    """Give the network a checkpoint's weights."""
    weights = {f"weight/{v.path}": v for v in model.weights if "seed" not in v.path}
    if any(k not in arrays or arrays[k].shape != tuple(v.shape) for k, v in weights.items()):
        raise SystemExit(f"{path}: a checkpoint of another network; move it away to start anew")
    for key, variable in weights.items():
        variable.assign(arrays[key])


def unfold(model: keras.Model, arrays: dict[str, np.ndarray], photos: np.ndarray) -> None:
    """Start from folded weights: BatchNorm takes each layer's mean and deviation on photos."""
    if any(f"{name}/{part}" not in arrays for name in NAMES for part in ("kernel", "bias")):
        raise SystemExit("--start: not the 13 convolutions of VGG16, such as block1_conv1/kernel")
    x = images.prepare(photos)
    for name in NAMES:
        kernel, bias = (arrays[f"{name}/{part}"].astype(np.float32) for part in ("kernel", "bias"))
        groups = [x[first : first + 50] for first in range(0, len(x), 50)]
        x = np.concatenate([np.array(ops.conv(g, kernel, padding="same")) + bias for g in groups])
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        shift = np.where((x > 0).mean((0, 1, 2)) < 1e-3, 0, mean)  # dead channels live again
        model.get_layer(name).set_weights([kernel])
        scale = np.maximum(np.sqrt(variance + 1e-3), 0.05)
        model.get_layer(f"{name}_norm").set_weights([scale, shift, mean - bias, variance])
        x = np.maximum(x, 0)
        if f"{name[:-1]}{int(name[-1]) + 1}" not in NAMES and name != NAMES[-1]:
            x = np.array(ops.max_pool(x, 2))
    kernel, bias = (arrays.get(f"head/{part}") for part in ("kernel", "bias"))
    if kernel is not None and kernel.shape == (x.shape[-1], CLASSES):
        model.get_layer("head").set_weights([kernel.astype(np.float32), bias.astype(np.float32)])


def fold(trained: keras.Model) -> dict[str, np.ndarray]:
    """BatchNorm folded into plain kernels and biases: w·γ/σ and β − μ·γ/σ; float16."""
    arrays = {}
    for name in NAMES:
        (kernel,) = trained.get_layer(name).get_weights()
        norm = trained.get_layer(f"{name}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        arrays[f"{name}/kernel"] = kernel * scale
        arrays[f"{name}/bias"] = beta - mean * scale
    arrays["head/kernel"], arrays["head/bias"] = trained.get_layer("head").get_weights()
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def scores(model: keras.Model, photos: np.ndarray, side: int, batch: int = 100) -> np.ndarray:
    """What a network answers to photos shown at one size: float32 (n, 200)."""
    groups = (photos[first : first + batch] for first in range(0, len(photos), batch))
    prepared = (images.prepare(resized(group, side)) for group in groups)
    return np.concatenate([np.array(model.predict_on_batch(group)) for group in prepared])


def top(answers: np.ndarray, labels: np.ndarray, count: int) -> float:
    """How often the right class is among the first few."""
    first = np.argsort(-answers, axis=-1)[:, :count]
    return float((first == labels[:, np.newaxis]).any(axis=-1).mean())


def train(args: argparse.Namespace, photos: Photos, apart: Photos) -> keras.Model:
    """Run the stages, from the last checkpoint on; the trained network."""
    checkpoint = args.out.with_suffix(".checkpoint.npz")
    stages = [Stage.read(text) for text in args.stages.split(",")]
    begin, saved, done = time.time(), {}, 0
    at_stage = 0
    if checkpoint.exists():
        saved = read_arrays(checkpoint, "a checkpoint")
        at_stage, done = (int(saved.get(key, 0)) for key in ("stage", "step"))
    model = None
    for number, stage in enumerate(stages):
        if number < at_stage:
            continue
        keras.utils.set_random_seed(11 + number)
        keras.mixed_precision.set_global_policy("float32" if args.float32 else "mixed_bfloat16")
        previous, model = model, network(stage.frozen)
        if previous is not None:
            model.set_weights(previous.get_weights())
        elif saved:
            set_weights(model, saved, checkpoint)
        elif args.start:
            unfold(model, read_arrays(args.start, "weights"), photos.images[::400])
        optimizer = keras.optimizers.SGD(stage.first, 0.9, nesterov=True, weight_decay=5e-4)
        model.compile(optimizer, smoothed_loss, metrics=["accuracy"])
        optimizer.build(model.trainable_variables)
        momenta = [v for v in optimizer.variables if "momentum" in v.path]
        if f"momentum/{number}/0" in saved:
            for k, variable in enumerate(momenta):
                variable.assign(saved[f"momentum/{number}/{k}"])
        total = round(stage.epochs * (len(photos.labels) // args.batch))
        while done < total:
            steps = range(done, min(total, done + STEPS_TO_CHECKPOINT))
            seed = 1000 * (number + args.seed)
            batches = Batches(photos, stage, args.batch, steps, seed)
            rate = Rate(stage, steps, total)
            history = model.fit(batches, verbose=0, shuffle=False, callbacks=[rate]).history
            done = steps[-1] + 1
            say = f"{stage.side} px, step {done}/{total}: loss {history['loss'][0]:.3f}, "
            say += f"accuracy {history['accuracy'][0]:.3f}"
            if not np.isfinite(history["loss"][0]):
                raise SystemExit(f"{say}: training went astray; the last checkpoint stays")
            if done == total or steps[0] // 1200 != done // 1200:
                right = top(scores(model, apart.images[::5], SIDE), apart.labels[::5], 1)
                say += f", kept apart at {SIDE} px {right:.3f}"
            print(f"{say}, {time.time() - begin:.0f} s", flush=True)
            arrays = {
                f"weight/{v.path}": np.array(v) for v in model.weights if "seed" not in v.path
            }
            for k, variable in enumerate(momenta):
                arrays[f"momentum/{number}/{k}"] = np.array(variable)
            save(checkpoint, {**arrays, "stage": np.array(number), "step": np.array(done)})
        done, saved = 0, {}
    return model


def known_photos(names: list[str]) -> list[tuple[Path, int]]:
    """The course's photos whose subject is the name of a class, and that class's number."""
    found = []
    table = (collection.FOLDER / "photos.csv").read_text(encoding="utf-8").splitlines()
    for photo in csv.DictReader(table):
        breed = photo["subject"].split(", ")[-1].lower()
        for number, name in enumerate(names):
            words = [word.strip().lower() for word in name.split(",")]
            if breed in words or any(f" {breed}".endswith(f" {word}") for word in words):
                found.append((collection.FOLDER / photo["file"], number))
                break  # a photo counts for one class
    return found


def evaluate(args: argparse.Namespace) -> None:
    """Measure a finished file and write its card."""
    ids, names = read_classes(args.photos)
    model = models.load_classifier(args.out)
    _, apart = read_training(args.photos, ids)
    by_side = {
        side: round(top(scores(model, apart.images, side), apart.labels, 1), 4) for side in SIZES
    }
    best = max(by_side, key=by_side.get)
    validation = read_validation(args.photos, ids)
    answers = scores(model, validation.images, best)
    known = known_photos(names)
    labels = np.array([label for _, label in known])
    at_sizes = {}
    for side in KNOWN_SIZES:
        shown = [images.load_photo(path, (side, side)) for path, _ in known]
        said = scores(model, np.stack(shown), side, batch=20) if known else np.empty((0, CLASSES))
        at_sizes[side] = {f"top{k}": round(top(said, labels, k), 3) for k in (1, 5) if len(known)}
    card: dict[str, Any] = {
        "network": "VGG16's 13 convolutions, the average over all positions, a dense layer",
        "trained_on": "Tiny ImageNet: 100,000 photos of 64 × 64 pixels, 200 of ImageNet's classes",
        "side": best,
        "photos": len(validation.labels),
        "top1": round(top(answers, validation.labels, 1), 4),
        "top5": round(top(answers, validation.labels, 5), 4),
        "kept_apart_by_side": by_side,
        "course_photos_of_known_classes": {"photos": len(known), "by_side": at_sizes},
        "dead_channels": {
            "over 500 validation photos at 64 px": dead_channels(
                model, validation.images[::20], 64
            ),
            "over the course's photos at 224 px": dead_channels(model, course_photos(), 224),
        },
        "history": args.history,
    }
    target = args.out.with_name("vgg16_base.json")
    target.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2, ensure_ascii=False))


def course_photos() -> np.ndarray:
    """All photos of the course at 224 px."""
    return np.stack([images.load_photo(path) for path in collection.files()])


def dead_channels(model: keras.Model, photos: np.ndarray, side: int) -> dict[str, float]:
    """For each convolution the share of channels that stay at 0 on all photos."""
    alive = {name: False for name in NAMES}
    for first in range(0, len(photos), 20):
        batch = images.prepare(resized(photos[first : first + 20], side))
        for name, maps in activations.feature_maps(model, batch, NAMES).items():
            alive[name] = alive[name] | (maps.max(axis=(0, 1, 2)) > 0)
    return {name: round(1 - float(np.mean(seen)), 4) for name, seen in alive.items()}


def main() -> None:
    """Train, fold, write; or, with --evaluate, only measure a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="the unpacked folder tiny-imagenet-200")
    parser.add_argument("--start", type=Path, help="folded weights to start from")
    parser.add_argument("--out", type=Path, default=Path("vgg16_base_float16.npz"))
    parser.add_argument("--stages", default=STAGES, help="side:epochs:first:last:crop:frozen,…")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--float32", action="store_true", help="not bfloat16")
    parser.add_argument("--evaluate", action="store_true", help="only measure --out")
    parser.add_argument("--history", default="", help="what the card shall say of the training")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.evaluate:
        evaluate(args)
        return
    ids, names = read_classes(args.photos)
    photos, apart = read_training(args.photos, ids)
    model = train(args, photos, apart)
    save(args.out, {**fold(model), "classes": np.array(names)}, compressed=True)


if __name__ == "__main__":
    main()
