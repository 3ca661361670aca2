"""Train the bundled VGG16 base from scratch on CIFAR-10 (and, if given, more cats and dogs).

    python data/recipes/train_vgg16.py CIFAR10 --pets MORE_PHOTOS --out FILE.npz

CIFAR10 is a folder with ``train/`` and ``test/``, each with one folder of images a class. Without
it, ``keras.datasets.cifar10`` is used, which downloads the same images. MORE_PHOTOS is a folder
with ``cats/`` and ``dogs/``; they join these two classes from the second stage on.

The bundled weights were made by exactly these stages: 12 epochs at 32 px, 4 at 64 px and 3 more at
64 px; about 47 + 50 + 39 minutes on two processor cores. Every convolution is followed by
BatchNorm while training. Once training is over BatchNorm is a fixed scale and shift, folded here
into the kernels and biases, so that the weights fit ``keras.applications.VGG16``.

A checkpoint is written after every stage.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import keras
import numpy as np
from keras import layers

from helpers.images import load_photo, prepare

CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions, filters
CAT, DOG = CLASSES.index("cat"), CLASSES.index("dog")


def load_cifar10(folder: Path | None, part: str) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10's "train" or "test" images, uint8 (n, 32, 32, 3) RGB, and their class numbers."""
    if folder is None:
        train, test = keras.datasets.cifar10.load_data()
        images, labels = train if part == "train" else test
        return images, labels[:, 0].astype(np.int32)
    paths = [sorted((folder / part / name).iterdir()) for name in CLASSES]
    images = np.stack([load_photo(path, size=(32, 32)) for group in paths for path in group])
    return images, np.repeat(np.arange(10), [len(group) for group in paths]).astype(np.int32)


def load_pets(folder: Path | None) -> tuple[list[np.ndarray], np.ndarray]:
    """Cat and dog photos with a short side of 112 px, and their class numbers."""
    photos, labels = [], []
    for name, label in (("cats", CAT), ("dogs", DOG)) if folder else ():
        for path in sorted((folder / name).iterdir()):
            photo = load_photo(path, size=None)
            scale = 112 / min(photo.shape[:2])
            photos.append(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
            labels.append(label)
    return photos, np.array(labels, np.int32)


def training_network(side: int) -> keras.Model:
    """VGG16's base with BatchNorm after every convolution, averaged and classified."""
    x = inputs = layers.Input((side, side, 3))
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name=f"{name}_norm")(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(10, name="head", dtype="float32")(x))


class Batches(keras.utils.PyDataset):
    """Shuffled batches: random crops, flips, contrast and brightness."""

    def __init__(
        self,
        cifar: tuple[np.ndarray, np.ndarray],
        pets: tuple[list[np.ndarray], np.ndarray],
        side: int,
        batch: int,
        seed: int,
    ) -> None:
        super().__init__(max_queue_size=8)
        self.images, self.pets, self.side, self.batch = cifar[0], pets[0], side, batch
        self.labels = np.concatenate([cifar[1], pets[1]])
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(self.labels))

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def _crop(self, index: int) -> np.ndarray:
        side, rng = self.side, self.rng
        if index < len(self.images):
            image = self.images[index]
            if side != image.shape[0]:
                image = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
            edge = side // 8
            image = cv2.copyMakeBorder(image, *[edge] * 4, cv2.BORDER_REFLECT_101)
            top, left = rng.integers(0, 2 * edge + 1, 2)
            image = image[top : top + side, left : left + side]
        else:
            photo = self.pets[index - len(self.images)]
            part = int(rng.uniform(0.5, 1) * min(photo.shape[:2]))
            top = rng.integers(0, photo.shape[0] - part + 1)
            left = rng.integers(0, photo.shape[1] - part + 1)
            image = photo[top : top + part, left : left + part]
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return image[:, ::-1] if rng.random() < 0.5 else image

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch : (index + 1) * self.batch]
        images = np.stack([self._crop(k) for k in chosen]).astype(np.float32)
        contrast = self.rng.uniform(0.8, 1.2, (len(chosen), 1, 1, 1))
        brightness = self.rng.uniform(-20, 20, (len(chosen), 1, 1, 1))
        images = np.clip((images - 128) * contrast + 128 + brightness, 0, 255)
        return prepare(images.astype(np.uint8)), self.labels[chosen]


def one_cycle(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to the peak rate in the first quarter of the steps, then down to almost nothing."""

    class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: object) -> object:
            done = keras.ops.cast(step, "float32") / steps
            down = keras.ops.maximum((1 - done) / 0.75, 1e-3)
            return peak * keras.ops.where(done < 0.25, 0.05 + 0.95 * done / 0.25, down)

    return OneCycle()


def train_stage(
    network: keras.Model,
    side: int,
    epochs: int,
    peak: float,
    cifar: tuple[np.ndarray, np.ndarray],
    pets: tuple[list[np.ndarray], np.ndarray],
    batch: int,
    seed: int,
) -> None:
    """Train for some epochs at one image size, in place."""

    def loss(truth: object, logits: object) -> object:
        one_hot = keras.ops.one_hot(keras.ops.cast(truth, "int32"), 10)
        return keras.losses.categorical_crossentropy(
            one_hot, logits, from_logits=True, label_smoothing=0.1
        )

    steps = epochs * len(Batches(cifar, pets, side, batch, seed))
    network.compile(
        keras.optimizers.SGD(
            one_cycle(peak, steps), momentum=0.9, nesterov=True, weight_decay=5e-4
        ),
        loss,
        metrics=["accuracy"],
    )
    start = time.time()
    for epoch in range(epochs):
        batches = Batches(cifar, pets, side, batch, 1000 * seed + epoch)
        history = network.fit(batches, epochs=1, verbose=0, shuffle=False).history
        print(
            f"{side} px, epoch {epoch + 1}/{epochs}: loss {history['loss'][0]:.3f}, "
            f"accuracy {history['accuracy'][0]:.3f}, {time.time() - start:.0f} s",
            flush=True,
        )


def fold(trained: keras.Model) -> dict[str, np.ndarray]:
    """BatchNorm folded into plain kernels and biases: w·γ/σ and β − μ·γ/σ."""
    arrays = {}
    for layer in trained.layers:
        if isinstance(layer, layers.Conv2D):
            (kernel,) = layer.get_weights()
            norm = trained.get_layer(f"{layer.name}_norm")
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            arrays[f"{layer.name}/kernel"] = kernel * scale
            arrays[f"{layer.name}/bias"] = beta - mean * scale
    arrays["head/kernel"], arrays["head/bias"] = trained.get_layer("head").get_weights()
    return arrays


def plain_predictions(
    arrays: dict[str, np.ndarray], images: np.ndarray, side: int, batch: int = 200
) -> np.ndarray:
    """Class numbers that the folded weights give, in Keras's own VGG16: int (n,)."""
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(side, side, 3))
    for layer in network.layers:
        if layer.weights:
            pair = [arrays[f"{layer.name}/{part}"] for part in ("kernel", "bias")]
            layer.set_weights([part.astype(np.float32) for part in pair])
    kernel, bias = (arrays[f"head/{part}"].astype(np.float32) for part in ("kernel", "bias"))
    found = []
    for first in range(0, len(images), batch):
        group = images[first : first + batch]
        if side != group.shape[1]:
            group = np.stack(
                [cv2.resize(i, (side, side), interpolation=cv2.INTER_CUBIC) for i in group]
            )
        pooled = network.predict_on_batch(prepare(group)).mean(axis=(1, 2))
        found.append((pooled @ kernel + bias).argmax(axis=-1))
    return np.concatenate(found)


def main() -> None:
    """Train, fold, measure, write; or, with --evaluate, only measure a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cifar10", nargs="?", type=Path, help="folder with train/ and test/")
    parser.add_argument("--pets", type=Path, help="folder with cats/ and dogs/")
    parser.add_argument("--out", type=Path, default=Path("vgg16_base_float16.npz"))
    parser.add_argument(
        "--stages",
        default="32:12:0.1,64:4:0.02,64:3:0.02",
        help="pixels:epochs:peak rate of each stage",
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="only measure these weights")
    parser.add_argument("--side", type=int, default=64, help="pixels at which to measure")
    args = parser.parse_args()
    test_images, test_labels = load_cifar10(args.cifar10, "test")
    if args.evaluate:
        with np.load(args.evaluate, allow_pickle=False) as file:
            arrays = dict(file)
    else:
        keras.utils.set_random_seed(7)
        cifar, pets = load_cifar10(args.cifar10, "train"), load_pets(args.pets)
        previous, network = None, None
        for number, stage in enumerate(args.stages.split(","), 1):
            side, epochs, peak = (float(part) for part in stage.split(":"))
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
            network = training_network(int(side))
            keras.mixed_precision.set_global_policy("float32")
            if previous is not None:
                network.set_weights(previous)
            none = ([], np.empty(0, np.int32))
            with_pets = pets if number > 1 else none
            train_stage(
                network, int(side), int(epochs), peak, cifar, with_pets, args.batch, seed=number
            )
            previous = network.get_weights()
            network.save_weights(args.out.with_suffix(f".stage{number}.weights.h5"))
        arrays = {name: array.astype(np.float16) for name, array in fold(network).items()}
        np.savez_compressed(args.out, **arrays)
    right = plain_predictions(arrays, test_images, args.side) == test_labels
    print(f"accuracy at {args.side} px on {len(right)} test images: {right.mean():.4f}")


if __name__ == "__main__":
    main()
