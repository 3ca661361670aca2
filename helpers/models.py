"""The networks of the course, with weights in them or merely described."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from helpers import downloads
from helpers import weights as weight_files
from helpers.images import load_photo, prepare, scale_to_one
from helpers.memory import give_back_freed

#: What ``load_vgg16`` and the environment variable ``CNN_WEIGHTS`` accept besides a path.
WEIGHT_CHOICES = ("bundled", "imagenet", "random")

#: Rows and cols at which the bundled classifier is right most often; see data/README.md.
CLASSIFIER_SIDE = 64

#: Rows and cols of the cat–dog network's photos.
CAT_DOG_SIDE = 150


class Guess(NamedTuple):
    """A class that a network takes a photo for, and its probability, 0–1."""

    name: str
    probability: float


_weights_used: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def load_vgg16(
    weights: str | os.PathLike | None = None,
    include_top: bool = False,
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
        include_top: Also the three dense layers (138 million parameters in all); there are no
            bundled weights for these.
        input_shape: (rows, cols, 3); (None, None, 3) takes photos of any size from 32 px on.

    Returns:
        A ``keras.Model``, not compiled.

    Raises:
        FileNotFoundError: There is no such weights file.
        ValueError: An unknown choice, a damaged file, or a file of another architecture.
        OSError: ``"imagenet"`` was asked for, is not cached and cannot be fetched.
    """
    asked, reason = _asked_for(weights)
    _check_input_shape(input_shape, include_top)
    remote = weight_files.IMAGENET_FULL if include_top else weight_files.IMAGENET_BASE

    if asked == "imagenet":
        path, reason = downloads.cached(remote), "found in Keras's cache"
        if path is None:
            path, reason = downloads.fetch(remote), "downloaded just now"
    elif asked == "bundled":
        path = weight_files.BUNDLED
        if include_top:
            raise ValueError(
                "the bundled weights have no classifier for ImageNet's 1,000 classes; "
                "use include_top=False, weights='imagenet', or describe_vgg16()"
            )
    elif asked == "random":
        path = None
    else:
        path = asked
    arrays = weight_files.read(path) if path is not None else None

    model = _build_vgg16(include_top, input_shape)
    if arrays is not None:
        _put_in(model, arrays, Path(path).name)
    del arrays
    give_back_freed()  # about 100 MB
    used = asked if asked in WEIGHT_CHOICES else Path(asked).name
    _weights_used[model] = used
    print(f"VGG16 weights: {used} ({reason})")
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
    base = _build_vgg16(False, (None, None, 3))
    pixels, last = base.inputs[0], base.get_layer("block5_conv3").output
    average = keras.layers.GlobalAveragePooling2D(name="average")(last)
    head = keras.layers.Dense(len(names), activation="softmax", name="head")
    model = keras.Model(pixels, head(average), name="classifier")
    _put_in(model, arrays, path.name)
    model.class_names = names
    return model


def classify(photo: str | os.PathLike | np.ndarray, top: int = 5, model: Any = None) -> list[Guess]:
    """What a network takes a photo for: its likeliest classes, the likeliest first.

    Args:
        photo: Anything that ``images.load_photo`` takes. The network sees the square in its
            middle, at ``CLASSIFIER_SIDE`` or at the size that ``model`` takes.
        top: How many classes.
        model: A network with a classifier: ``load_classifier(…)``, ``load_cat_dog()``, or
            ``load_vgg16("imagenet", include_top=True)``. By default the bundled classifier.

    Raises:
        FileNotFoundError: There is no such photo.
        ValueError: The photo is damaged, the model has no classifier, or ``top`` is not positive.
        OSError: The names of ImageNet's classes are not in Keras's cache and cannot be fetched.

    Example:
        >>> len(classify("chelsea", top=3))
        3
    """
    if top < 1:
        raise ValueError(f"top is at least 1 class, not {top}")
    model = _bundled_classifier() if model is None else model
    names, get_ready = _classes_of(model)
    rows, cols = (side or CLASSIFIER_SIDE for side in model.inputs[0].shape[1:3])
    answer = model.predict_on_batch(get_ready(load_photo(photo, (rows, cols))))[0]
    if len(names) == 2 and len(answer) == 1:  # one number that stands for two classes
        answer = np.array([1 - answer[0], answer[0]])
    order = np.argsort(-answer, kind="stable")[:top]
    return [Guess(names[k], float(answer[k])) for k in order]


def classifier_card() -> dict[str, Any]:
    """What was measured of the bundled VGG16 when its training was over.

    Source: ``data/vgg16_base.json``, written by ``data/recipes/train_vgg16.py``.
    """
    path = weight_files.BUNDLED.with_name("vgg16_base.json")
    return json.loads(path.read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def _bundled_classifier() -> Any:
    return load_classifier()


def _classes_of(model: Any) -> tuple[list[str], Any]:
    """The names of what a model tells apart, and what turns a photo into its input."""
    if hasattr(model, "class_names"):
        return model.class_names, prepare
    if model.layers[-1].name == "dog":
        return ["cat", "dog"], scale_to_one
    if model in _weights_used and tuple(model.outputs[0].shape) == (None, 1000):
        names = weight_files.IMAGENET_CLASSES
        path = downloads.cached(names) or downloads.fetch(names)
        index = json.loads(path.read_text(encoding="utf-8"))
        return [index[str(k)][1].replace("_", " ") for k in range(1000)], prepare
    raise ValueError(
        f"{model.name} has no classifier that names its classes; leave model out for the bundled "
        f"one, or load one with load_classifier() or load_cat_dog()"
    )


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
    from helpers.quiet import keras

    asked = os.fspath(weights) if isinstance(weights, (str, os.PathLike)) else weights
    if asked not in ("bundled", "random") and not _looks_like_a_path(asked):
        raise ValueError(
            f"unknown weights {asked!r}; choose 'bundled', 'random', or the path of a .npz, "
            f".weights.h5, .h5 or .keras file"
        )
    path = weight_files.CAT_DOG if asked == "bundled" else asked
    arrays = None if asked == "random" else weight_files.read(path)
    keras.utils.set_random_seed(0)
    model = cat_dog_network()
    if arrays is not None:
        _put_in(model, arrays, Path(path).name)
    _weights_used[model] = asked if asked in WEIGHT_CHOICES else Path(asked).name
    return model


def _put_in(model: Any, arrays: dict[str, list[np.ndarray]], label: str) -> None:
    """Check arrays against a model's layers and copy them in."""
    layers = [layer for layer in model.layers if layer.weights]
    wanted = {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in layers}
    fitted = weight_files.fit_to(arrays, wanted, label)
    for layer in layers:
        layer.set_weights(fitted[layer.name])


def weights_used(model: Any) -> str:
    """Which weights ``load_vgg16`` put into a model.

    Returns:
        ``"imagenet"``, ``"bundled"``, ``"random"``, or the name of the weights file.

    Raises:
        ValueError: The model does not come from ``load_vgg16``.
    """
    if model not in _weights_used:
        name = getattr(model, "name", model)
        raise ValueError(f"{name!r} was not loaded by helpers.models, so its weights are unknown")
    return _weights_used[model]


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


def _build_vgg16(include_top: bool, input_shape: tuple[int | None, int | None, int]) -> Any:
    from helpers.quiet import keras

    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(
        weights=None, include_top=include_top, input_shape=tuple(input_shape)
    )


def _asked_for(weights: str | os.PathLike | None) -> tuple[str, str]:
    """One of ``WEIGHT_CHOICES`` or a path, and where the choice comes from."""
    asked, reason, where = weights, "asked for", ""
    if weights is None:
        asked, reason = os.environ.get("CNN_WEIGHTS", "").strip(), "set by CNN_WEIGHTS"
        where = " (from CNN_WEIGHTS)"
        if not asked:
            return "bundled", "they come with the course"
    elif isinstance(weights, (str, os.PathLike)):
        asked = os.fspath(weights)
    if asked not in WEIGHT_CHOICES and not _looks_like_a_path(asked):
        raise ValueError(
            f"unknown weights {asked!r}{where}; choose one of {', '.join(WEIGHT_CHOICES)}, "
            f"or the path of a .npz, .weights.h5, .h5 or .keras file"
        )
    return asked, reason


def _looks_like_a_path(asked: Any) -> bool:
    if not isinstance(asked, str) or not asked:
        return False
    with contextlib.suppress(OSError):  # such as a name longer than the disk allows
        return Path(asked).suffix in (".npz", ".h5", ".keras") or Path(asked).exists()
    return False


def _check_input_shape(input_shape: tuple[int | None, int | None, int], include_top: bool) -> None:
    try:
        rows, cols, channels = input_shape
    except (TypeError, ValueError):
        raise ValueError(f"input_shape is (rows, cols, 3), not {input_shape!r}") from None
    sides_right = all(
        side is None or (isinstance(side, (int, np.integer)) and side >= 32)
        for side in (rows, cols)
    )
    if channels != 3 or not sides_right:
        raise ValueError(
            f"input_shape is (rows, cols, 3) with at least 32 rows and cols, or None for any, "
            f"not {input_shape!r}"
        )
    if include_top and (rows, cols) != (224, 224):
        raise ValueError(f"with its classifier VGG16 takes (224, 224, 3), not {input_shape!r}")
