"""What is measured: VGG16 with the bundled weights, one photo, and every lesson's explorers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import activations, collection, images, models, patches, widgets
from helpers.quiet import keras


def vgg16(**options: Any) -> Any:
    """VGG16 with the bundled weights, without a word about them."""
    with contextlib.redirect_stdout(io.StringIO()):
        return models.load_vgg16("bundled", **options)


def photo() -> np.ndarray:
    """The cat, uint8 (224, 224, 3)."""
    return images.load_photo("chelsea")


def explorers() -> dict[str, Callable[[], widgets.Explorer]]:
    """Functions that make the lessons' explorers as the lessons do, by lesson and name."""
    model, cat = vgg16(input_shape=(None, None, 3)), photo()
    astronaut = images.load_photo("astronaut")
    row, col = 112, 112

    def representations() -> widgets.Explorer:
        network = models.load_cat_dog()
        photos = {name: images.load_photo(name, (150, 150)) for name in images.SAMPLES}
        layers = [layer.name for layer in network.layers if len(layer.output.shape) == 4]
        return widgets.representations(network, photos, layers)

    def best_patches() -> widgets.Explorer:
        scan = patches.scan(
            models.load_cat_dog(),
            ["conv3", "conv4", "pool4"],
            collection.files("cats", "dogs")[:100],
            images.scale_to_one,
            each_unit=True,
            progress=False,
        )
        return widgets.best_patches(scan)

    def where_it_looks() -> widgets.Explorer:
        photos = {name: images.load_photo(name, (80, 80)) for name in ("chelsea", "coffee")}
        layers = ["block5_conv3", "block4_conv3"]
        return widgets.where_it_looks(models.load_classifier(), photos, layers)

    def what_decides() -> widgets.Explorer:
        classifier, layers = models.load_classifier(), keras.layers
        base = keras.Model(classifier.inputs[0], classifier.get_layer("block5_conv3").output)
        tail = [layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
        network = keras.Sequential([keras.Input((96, 96, 3)), base, *tail])
        kernel, bias = classifier.get_layer("head").get_weights()
        two = [classifier.class_names.index(n) for n in ("Persian cat", "Chihuahua")]
        tail[1].set_weights([kernel[:, two] @ [[-1], [1]], bias[two] @ [[-1], [1]]])
        return widgets.decision(network, images.load_photo("bengal_16", (96, 96)), ("cat", "dog"))

    return {
        "00 first look": lambda: widgets.first_look(model, cat),
        "01 network": lambda: widgets.network(models.describe_vgg16()),
        "02 filter bank": lambda: widgets.filter_bank(model),
        "03 filter grid": lambda: widgets.filter_grid(model),
        "04 pixel probe": lambda: widgets.pixel_probe(model, cat, 34, (row, col)),
        "04 convolution effect": lambda: widgets.convolution_effect(model, cat, "block1_conv2", 1),
        "05 feature maps": lambda: widgets.feature_map_pages(model, cat),
        "05 two photos": lambda: widgets.feature_map_pages(
            model, cat, astronaut, names=("cat", "astronaut")
        ),
        "06 representations": representations,
        "07 best patches": best_patches,
        "08 trained or chance": lambda: widgets.trained_or_chance(model, cat[::2, ::2]),
        "09 preferred pictures": lambda: widgets.preferred_pictures(model),
        "10 where it looks": where_it_looks,
        "11 what decides": what_decides,
    }


def all_maps() -> dict[str, np.ndarray]:
    """All convolutions' feature maps of the cat, (rows, cols, channels) by layer."""
    found = activations.feature_maps(vgg16(), images.prepare(photo()))
    return {name: maps[0] for name, maps in found.items()}
