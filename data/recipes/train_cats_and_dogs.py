"""Train the small cat–dog network from scratch on a folder of ``cats/`` and ``dogs/``.

    python data/recipes/train_cats_and_dogs.py PHOTOS --validation MORE_PHOTOS --out FILE.npz

The shipped network is a plain Sequential of convolutions, pools and two dense layers. Training
needs help that the finished network does not: augmented photos, dropout, and BatchNorm after
every convolution. Dropout does nothing once training is over, and BatchNorm is then a fixed
scale and shift, folded here into the kernels and biases; that nothing changed is checked.

A checkpoint is written after every epoch; the same command goes on where it stopped. At the end
the finished file is read back, measured on all photos, and its model card written beside it
(``cats_and_dogs.json``); ``--card-only`` does just that with a file that is already there.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import keras
import numpy as np
from keras import layers

from helpers.datasets import labeled_photos, measure
from helpers.images import load_photo
from helpers.models import CAT_DOG_SIDE, load_cat_dog

SIDE = CAT_DOG_SIDE
FILTERS = (32, 64, 128, 128)
FILE_NAME = "cats_and_dogs_float16.npz"
DATA = (
    "Photos of Kaggle's and Microsoft's public 'Dogs vs. Cats' (Asirra), short side at most 192 "
    "pixels; half cats, half dogs; none in both sets. They are not part of this project."
)
LIMITS = [
    "It knows cats and dogs only: for any other photo it still gives a probability of a dog.",
    "Trained from scratch on few photos, it is far less accurate than networks of today; it is "
    "made for looking inside, not for use.",
    "It sees the square in the photo's middle, at 150x150 pixels; animals at the edge or very "
    "small ones are missed.",
    "Training prints the accuracy on the validation photos now and then, so whoever tunes the "
    "recipe sees them; their accuracy is slightly flattering.",
]


def training_network(dropout: float) -> keras.Model:
    """The same network with BatchNorm and dropout, ending in a logit."""
    x = inputs = keras.Input((SIDE, SIDE, 3))
    for number, filters in enumerate(FILTERS, 1):
        x = layers.Conv2D(filters, 3, use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{number}")(x)
        x = layers.MaxPooling2D()(layers.ReLU()(x))
        if number > 2:
            x = layers.SpatialDropout2D(0.1)(x)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    x = layers.Dropout(dropout)(layers.Dense(512, activation="relu", name="dense1")(x))
    return keras.Model(inputs, layers.Dense(1, name="dog", dtype="float32")(x))


def fold(trained: keras.Model) -> dict[str, np.ndarray]:
    """BatchNorm folded into plain kernels and biases: w·γ/σ and β − μ·γ/σ."""
    weights = {}
    for number in range(1, len(FILTERS) + 1):
        (kernel,) = trained.get_layer(f"conv{number}").get_weights()
        norm = trained.get_layer(f"norm{number}")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        weights[f"conv{number}/kernel"] = kernel * scale
        weights[f"conv{number}/bias"] = beta - mean * scale
    for name in ("dense1", "dog"):
        weights[f"{name}/kernel"], weights[f"{name}/bias"] = trained.get_layer(name).get_weights()
    return weights


def unfold(network: keras.Model, file: Path, photos: np.ndarray) -> None:
    """Start from finished weights: each BatchNorm takes its layer's mean and deviation on photos.

    Right after this the network answers as the finished one does.
    """
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: array.astype(np.float32) for name, array in stored.items()}
    x = photos.astype(np.float32) / 255
    for number in range(1, len(FILTERS) + 1):
        kernel, bias = arrays[f"conv{number}/kernel"], arrays[f"conv{number}/bias"]
        x = np.array(keras.ops.conv(x, kernel))
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        norm = network.get_layer(f"norm{number}")
        network.get_layer(f"conv{number}").set_weights([kernel])
        norm.set_weights([np.sqrt(variance + norm.epsilon), mean + bias, mean, variance])
        x = np.array(keras.ops.max_pool(np.maximum(x + bias, 0), 2))
    for name in ("dense1", "dog"):
        network.get_layer(name).set_weights([arrays[f"{name}/{p}"] for p in ("kernel", "bias")])


def augment(photo: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A random crop, turn, stretch, flip, exposure and gap of one photo, SIDE × SIDE, 0–1.

    With strength 0 only the flip is left; 1 is the full amount.
    """
    rows, cols = photo.shape[:2]
    scale = SIDE / (min(rows, cols) * (1 + strength * rng.uniform(-0.6, 0.15)))
    stretch = 1 + strength * rng.uniform(-0.15, 0.15)
    angle = np.deg2rad(strength * rng.uniform(-20, 20))
    flip = rng.choice([-1, 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([scale * stretch * flip, scale / stretch])
    free = np.maximum(np.array([cols, rows]) - SIDE / scale, 0) / 2
    middle = np.array([cols, rows]) / 2 + rng.uniform(-1, 1, 2) * free
    shift = np.array([SIDE, SIDE]) / 2 - matrix @ middle
    moved = cv2.warpAffine(
        photo,
        np.column_stack([matrix, shift]),
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    ).astype(np.float32)
    if rng.random() < 0.15 * strength:  # without its colors
        moved[:] = moved.mean(axis=-1, keepdims=True)
    contrast = 1 + strength * rng.uniform(-0.4, 0.4)
    moved = (moved / 255 - 0.5) * contrast + 0.5 + strength * rng.uniform(-0.2, 0.2)
    moved = np.clip(moved * (1 + strength * rng.uniform(-0.15, 0.15, 3)), 0, 1)
    if rng.random() < 0.5 * strength:  # a gap: a gray rectangle hides a part
        height, width = rng.integers(20, 70, 2)
        top, left = rng.integers(0, SIDE - height), rng.integers(0, SIDE - width)
        moved[top : top + height, left : left + width] = 0.5
    return moved


class Photos(keras.utils.PyDataset):
    """Augmented batches in an order drawn anew for every epoch."""

    def __init__(
        self, photos: list, labels: np.ndarray, batch: int, strength: float, seed: int
    ) -> None:
        super().__init__()
        self.photos, self.labels, self.batch, self.strength = photos, labels, batch, strength
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(photos))

    def __len__(self) -> int:
        return len(self.photos) // self.batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch : (index + 1) * self.batch]
        batch = np.stack([augment(self.photos[k], self.rng, self.strength) for k in chosen])
        return batch.astype(np.float32), self.labels[chosen, np.newaxis]


def load_square(paths: list[Path]) -> np.ndarray:
    """All photos as the finished network sees them: uint8 (n, SIDE, SIDE, 3)."""
    return np.stack([load_photo(path, (SIDE, SIDE)) for path in paths])


def probabilities(network: keras.Model, photos: np.ndarray) -> np.ndarray:
    """What the network answers to each photo: a probability of "dog", or its logit."""
    parts = [
        network.predict_on_batch(photos[i : i + 100].astype(np.float32) / 255)[:, 0]
        for i in range(0, len(photos), 100)
    ]
    return np.concatenate(parts)


def model_card(file: Path, folders: dict[str, Path], recipe: str) -> dict[str, Any]:
    """Measure a finished file on several folders of photos: what its model card says."""
    network = load_cat_dog(file)
    card: dict[str, Any] = {
        "network": "cat-dog network: 4 convolutions, 2 dense layers; probability of a dog",
        "parameters": network.count_params(),
        "input": "RGB photo, center-cropped to 150x150 pixels, divided by 255",
        "file": {"name": FILE_NAME, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "measured_on": datetime.date.today().isoformat(),
    }
    for name, folder in folders.items():
        found = measure(network, labeled_photos(folder), progress=False)
        (cats_right, cats_wrong), (dogs_wrong, dogs_right) = found.confusion.tolist()
        card[name] = {
            "photos": int(found.confusion.sum()),
            "accuracy": round(found.accuracy, 4),
            "confusion": {
                "cats": {"called cat": cats_right, "called dog": cats_wrong},
                "dogs": {"called cat": dogs_wrong, "called dog": dogs_right},
            },
        }
    return card | {"recipe": recipe, "data": DATA, "limits": LIMITS}


def main() -> None:
    """Train, write the weights, measure them, write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder with cats/ and dogs/")
    parser.add_argument("--validation", type=Path, required=True, help="photos to judge on")
    parser.add_argument(
        "--same-source", type=Path, help="photos of the shipped ones' source that do not ship"
    )
    parser.add_argument("--start", type=Path, help="finished weights to go on from")
    parser.add_argument("--out", type=Path, default=Path(FILE_NAME))
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument(
        "--settle", type=int, default=0, help="more epochs at a fifth of the rate, milder crops"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--card-only",
        action="store_true",
        help="train nothing, measure --out; give the options it was trained with",
    )
    args = parser.parse_args()
    if not args.card_only:
        train(args)
    start = "from an earlier run's weights, " if args.start else ""
    recipe = (
        f"data/recipes/train_cats_and_dogs.py: {start}{args.epochs} epochs and {args.settle} more "
        f"with a fifth of the rate and of the augmentation, batches of {args.batch}, "
        f"AdamW with a peak rate of {args.rate:g} and cosine decay, dropout {args.dropout:g}; "
        f"crops, turns, stretches, flips, exposure, missing colors and gaps as augmentation; "
        f"BatchNorm folded"
    )
    folders = {"training": args.photos, "validation": args.validation}
    if args.same_source:
        folders["same_source"] = args.same_source
    card = model_card(args.out, folders, recipe)
    target = args.out.with_name("cats_and_dogs.json")
    target.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{target.name}: { ({name: card[name]['accuracy'] for name in folders}) }")


def prepare_phase(network: keras.Model, peak: float, steps: int) -> None:
    """Compile for some steps: the rate goes up to its peak quickly and then down to nothing."""
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, steps, warmup_target=peak, warmup_steps=steps // 20
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.05),
    )


def train(args: argparse.Namespace) -> None:
    """Train, fold, check that folding changed nothing, write the weights."""
    keras.utils.set_random_seed(7)
    paths, labels = labeled_photos(args.photos)
    labels = labels.astype(np.float32)
    photos = [np.ascontiguousarray(load_photo(path, size=None)) for path in paths]
    test_paths, test_labels = labeled_photos(args.validation)
    test_square = load_square(test_paths)

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = training_network(args.dropout)
    keras.mixed_precision.set_global_policy("float32")
    batches = len(photos) // args.batch
    prepare_phase(network, args.rate, args.epochs * batches)
    checkpoint, state = args.out.with_suffix(".keras"), args.out.with_suffix(".state")
    first = 0
    if args.start:
        unfold(network, args.start, load_square(paths[::10]))
    if checkpoint.exists() and state.exists():
        network = keras.models.load_model(checkpoint)
        first = json.loads(state.read_text())["epochs"]
    start = time.time()
    for epoch in range(first, args.epochs + args.settle):
        settling = epoch >= args.epochs
        if epoch == args.epochs:
            prepare_phase(network, args.rate / 5, args.settle * batches)
        augmented = Photos(photos, labels, args.batch, strength=0.2 if settling else 1, seed=epoch)
        history = network.fit(augmented, epochs=1, verbose=0, shuffle=False)
        partial = checkpoint.with_name("partial.keras")
        network.save(partial)
        partial.replace(checkpoint)
        state.write_text(json.dumps({"epochs": epoch + 1}))
        line = (
            f"epoch {epoch + 1}/{args.epochs + args.settle} loss {history.history['loss'][0]:.4f}"
        )
        if (epoch + 1) % 10 == 0:
            right = (probabilities(network, test_square) > 0) == (test_labels > 0.5)
            line += f" validation {right.mean():.4f}"
        print(f"{line} {time.time() - start:.0f} s", flush=True)

    weights = {name: value.astype(np.float16) for name, value in fold(network).items()}
    np.savez_compressed(args.out, **weights)
    plain = probabilities(load_cat_dog(args.out), test_square) > 0.5
    same = np.mean(plain == (probabilities(network, test_square) > 0))
    print(f"same answer before and after folding, in float16, on {same:.4f} of the photos")


if __name__ == "__main__":
    main()
