"""The networks of the course, with weights in them or merely described."""

import functools
import json
import operator
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers.images import load_photo, prepare
from helpers.safety import downloads, give_back_freed, weights as weight_files

#: What ``load_vgg16`` and the environment variable ``CNN_WEIGHTS`` accept besides a path.
WEIGHT_CHOICES = ("bundled", "imagenet", "random")

#: Where a network's weights can come from; see ``chance``.
KINDS = ("trained", "fresh", "shuffled")

#: Rows and cols at which the bundled classifier is right most often; see data/README.md.
CLASSIFIER_SIDE = 64
CAT_DOG_SIDE = 150  #: rows and cols of the cat–dog network's photos


class Guess(NamedTuple):
    """A class that a network takes a photo for, and its probability, 0–1."""

    name: str
    probability: float


def load_vgg16(
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
) -> Any:
    """Build VGG16 and load weights into it; print one line that says which, and why.

    Nothing is downloaded unless ``"imagenet"`` is asked for.

    Source: Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556, as in
    ``keras.applications.VGG16``. Feed it what ``images.prepare`` returns.

    Args:
        weights: ``"bundled"`` (trained on Tiny ImageNet; ships with the course), ``"imagenet"``
            (Keras's own, 59 MB, from its cache or downloaded once), ``"random"`` (untrained, the
            same every time) or a path of a weights file. None stands for what the environment
            variable ``CNN_WEIGHTS`` says, or else for "bundled".
        input_shape: (rows, cols, 3); (None, None, 3) takes photos of any size from 32 px on.

    Returns:
        A ``keras.Model``, not compiled; its attribute ``weights_used`` names the weights.

    Raises:
        FileNotFoundError: There is no such weights file.
        ValueError: An unknown choice, a damaged file, or a file of another architecture.
        OSError: ``"imagenet"`` was asked for, is not cached and cannot be fetched.
    """
    reason = "asked for"
    if weights is None:
        weights, reason = os.environ.get("CNN_WEIGHTS", "").strip(), "set by CNN_WEIGHTS"
        if not weights:
            weights, reason = "bundled", "they come with the course"
    asked = weight_files.choice(weights, WEIGHT_CHOICES, reason)
    _check_input_shape(input_shape)
    path = {"bundled": weight_files.BUNDLED, "random": None}.get(asked, asked)
    if asked == "imagenet":
        path, reason = downloads.cached(weight_files.IMAGENET_BASE), "found in Keras's cache"
        if path is None:
            path, reason = downloads.fetch(weight_files.IMAGENET_BASE), "downloaded just now"
    model = _loaded(lambda: _vgg16_base(input_shape), asked, path)
    print(f"VGG16 weights: {model.weights_used} ({reason})")
    return model


def load_classifier(weights: str | os.PathLike = "bundled") -> Any:
    """VGG16's base with the head that was trained with it: names 200 classes, photos of any size.

    The head is short enough to say: the average of block5_conv3's maps over all positions (without
    the last pool), times a dense layer, softmax.

    Args:
        weights: ``"bundled"`` or the path of an ``.npz`` that holds ``head/kernel``, ``head/bias``
            and ``classes`` beside the convolutions.

    Returns:
        A ``keras.Model``, not compiled: what ``images.prepare`` returns → float32 (n, classes).

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, has no head, or one that does not fit.
    """
    from helpers.quiet import keras

    path = weight_files.BUNDLED if weights == "bundled" else Path(weights)
    arrays = weight_files.read(path)
    names = weight_files.class_names(path, arrays)
    base = _vgg16_base((None, None, 3))
    average = keras.layers.GlobalAveragePooling2D(name="average")
    head = keras.layers.Dense(len(names), activation="softmax", name="head")
    last = base.get_layer("block5_conv3").output
    model = keras.Model(base.inputs[0], head(average(last)), name="classifier")
    weight_files.fill(model, arrays, path.name)
    model.class_names = names
    return model


def classify(photo: str | os.PathLike | np.ndarray, top: int = 5, model: Any = None) -> list[Guess]:
    """What a network takes a photo for: its likeliest classes, the likeliest first.

    Args:
        photo: Anything that ``images.load_photo`` takes. The network sees the square in its
            middle, at ``CLASSIFIER_SIDE``.
        top: How many classes.
        model: What ``load_classifier`` returns; by default the bundled classifier.

    Raises:
        FileNotFoundError: There is no such photo.
        ValueError: The photo is damaged, the model has no classifier, or ``top`` is not positive.

    Example:
        >>> len(classify("chelsea", top=3))
        3
    """
    if top < 1:
        raise ValueError(f"top is at least 1 class, not {top}")
    model = _bundled_classifier() if model is None else model
    if not hasattr(model, "class_names"):
        raise ValueError(
            f"{model.name} has no classifier that names its classes; leave model out for the "
            f"bundled one, or load one with load_classifier()"
        )
    square = load_photo(photo, (CLASSIFIER_SIDE, CLASSIFIER_SIDE))
    answer = model.predict_on_batch(prepare(square))[0]
    order = np.argsort(-answer, kind="stable")[:top]
    return [Guess(model.class_names[k], float(answer[k])) for k in order]


def card(network: str) -> dict[str, Any]:
    """What was recorded when a network's training was over: accuracies, recipe, limits.

    Args:
        network: "vgg16_base" or "cats_and_dogs", whose card lies beside its weights in ``data``.
    """
    path = weight_files.BUNDLED.with_name(f"{network}.json")
    return json.loads(path.read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def _bundled_classifier() -> Any:
    return load_classifier()


def chance(weights: list[np.ndarray], kind: str, seed: int = 0) -> list[np.ndarray]:
    """Weights that owe nothing to training, to compare a trained network with.

    ========  ==========================================================================
    trained   the weights as they are
    fresh     what a training begins with: He initialization, normal random numbers of
              variance 2 / (products in one sum), and biases of 0
    shuffled  the numbers of each array in other places: of the same sizes and signs
    ========  ==========================================================================

    Source: He et al. 2015, "Delving deep into rectifiers", https://arxiv.org/abs/1502.01852.

    Args:
        weights: What ``model.get_weights()`` returns, for convolutions and dense layers.
        kind: One of ``KINDS``.
        seed: Another one draws other numbers.

    Returns:
        Arrays of the same shapes, float32, for ``model.set_weights``.

    Raises:
        ValueError: No such kind.

    Example:
        >>> [array.tolist() for array in chance([np.ones((3, 3, 1, 1)), np.ones(1)], "fresh")][1]
        [0.0]
    """
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r} of weights; choose one of {', '.join(KINDS)}")
    if kind == "trained":
        return list(weights)
    random = np.random.default_rng(seed)
    if kind == "shuffled":
        return [random.permutation(array.ravel()).reshape(array.shape) for array in weights]
    return [
        random.standard_normal(array.shape, np.float32)
        * np.float32(np.sqrt(2 / np.prod(array.shape[:-1])) if array.ndim > 1 else 0)
        for array in weights
    ]


def cat_dog_network() -> Any:
    """The cat–dog network without its training: a plain Sequential of 3,453,121 parameters.

    Four times a 3×3 convolution ("valid", ReLU) and a 2×2 pool, then two dense layers. The last
    one, called "dog", gives the probability that the photo shows a dog.

    Returns:
        A ``keras.Sequential`` for photos (n, 150, 150, 3) scaled to 0–1, not compiled.
    """
    from helpers.quiet import keras

    stack = [keras.Input((CAT_DOG_SIDE, CAT_DOG_SIDE, 3))]
    for number, filters in enumerate((32, 64, 128, 128), 1):
        stack.append(keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        stack.append(keras.layers.MaxPooling2D(name=f"pool{number}"))
    stack += [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(512, activation="relu", name="dense1"),
        keras.layers.Dense(1, activation="sigmoid", name="dog"),
    ]
    return keras.Sequential(stack, name="cat_dog")


def load_cat_dog(weights: str | os.PathLike = "bundled") -> Any:
    """Build the cat–dog network and load weights into it.

    Feed it what ``images.scale_to_one`` makes of photos of 150×150 pixels.

    Args:
        weights: ``"bundled"`` (trained; ships with the course), ``"random"`` (untrained, the same
            every time), or the path of a weights file.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        FileNotFoundError: There is no such weights file.
        ValueError: A damaged file, or a file of another architecture.
    """
    asked = weight_files.choice(weights, ("bundled", "random"))
    path = {"bundled": weight_files.CAT_DOG, "random": None}.get(asked, asked)
    return _loaded(cat_dog_network, asked, path)


def _loaded(build: Callable[[], Any], asked: str, path: str | os.PathLike | None) -> Any:
    """Build a model, the same every time, and put a file's weights into it if there is one."""
    from helpers.quiet import keras

    arrays = None if path is None else weight_files.read(path)  # refused before anything is built
    keras.utils.set_random_seed(0)
    model = build()
    if arrays is not None:
        weight_files.fill(model, arrays, Path(path).name)
    del arrays
    give_back_freed()  # about 100 MB
    model.weights_used = asked if asked in WEIGHT_CHOICES else Path(asked).name
    return model


def load_model(path: str | os.PathLike) -> Any:
    """Read a whole network from a ``.keras`` file, as ``model.save("mine.keras")`` writes it.

    Load only files of people you trust: no code of the file is run, but its layers are built.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No ``.keras`` file, a damaged one, or one with a layer that is code (``Lambda``)
            or of a class that Keras does not know.
    """
    from helpers.quiet import keras

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; model.save('mine.keras') writes one")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} is no .keras file; model.save('mine.keras') writes one")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras's own words fill a page
        why, unknown = "is damaged", re.search(r"Could not locate class '(\w+)'", str(error))
        if "Lambda" in str(error):
            why = "holds a Lambda, code that is not run from a file; save it with, say, Rescaling"
        elif unknown:
            why = (
                f"holds a {unknown[1]}, which Keras does not know; define that class first, below "
                f"a line @keras.saving.register_keras_serializable()"
            )
        raise ValueError(f"{path.name} {why}") from error


def describe_vgg16() -> Any:
    """The whole VGG16, 138,357,544 parameters, described without allocating one of them.

    Shapes, names and parameter counts are all there; the weights themselves do not exist and must
    not be read. ``keras.StatelessScope`` keeps Keras from creating them.

    Returns:
        A ``keras.Model`` with input (None, 224, 224, 3) and output (None, 1000).
    """
    from helpers.quiet import keras

    with keras.StatelessScope(initialize_variables=False):
        photo = keras.Input((224, 224, 3), name="input_layer")  # the same name every time
        return keras.applications.VGG16(weights=None, input_tensor=photo)


def _vgg16_base(input_shape: tuple[int | None, int | None, int]) -> Any:
    from helpers.quiet import keras

    return keras.applications.VGG16(weights=None, include_top=False, input_shape=tuple(input_shape))


def _check_input_shape(input_shape: tuple[int | None, int | None, int]) -> None:
    try:
        *sides, channels = input_shape
        sides_right = all(side is None or operator.index(side) >= 32 for side in sides)
    except (TypeError, ValueError):
        sides, channels, sides_right = [], 0, False
    if len(sides) != 2 or channels != 3 or not sides_right:
        raise ValueError(
            f"input_shape is (rows, cols, 3) with at least 32 rows and cols, or None for any, "
            f"not {input_shape!r}"
        )
