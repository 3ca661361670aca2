"""What is measured: VGG16 with the bundled weights, one photo, and every lesson's explorers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import activations, collection, images, models, patches, widgets


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
    }


def all_maps() -> dict[str, np.ndarray]:
    """All convolutions' feature maps of the cat, (rows, cols, channels) by layer."""
    found = activations.feature_maps(vgg16(), images.prepare(photo()))
    return {name: maps[0] for name, maps in found.items()}
