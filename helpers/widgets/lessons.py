"""The lessons' explorers: each wires controls to one function of ``plots``.

``model`` is a ``keras.Model`` with its weights and ``photo`` uint8 (rows, cols, 3), of a size that
the model takes; ``photos`` are such photos by name. The model sees what ``images.prepare`` makes of
them. What is not there or does not fit, such as a layer, a filter or a photo of another size, is a
ValueError of one sentence.
"""

import math
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from helpers import activations, attribution, brightness, filters, gallery, images, models, plots
from helpers.convolution import decompose, probe
from helpers.layers import (
    arithmetic,
    check_index,
    filter_kinds,
    find_conv,
    groups,
    kernel_and_bias,
    layer_costs,
    name_of,
    walk,
)
from helpers.patches import Scan
from helpers.plots import blocks, decisions, filter_grids, first_look as looks, mosaics
from helpers.plots.page import Picture
from helpers.plots.representations import SIDE
from helpers.receptive_field import receptive_field
from helpers.widgets.explorer import Explorer, choice_slider, dropdown, slider

BY_SHARE, BY_INDEX = "by share of the work", "by index"
ANYWHERE, ONE_UNIT = "anywhere in the map", "at this row and column"
COMPARED = "anywhere, beside random and weakest"


def _convolutions(model: Any) -> dict[str, Any]:
    """A model's convolutions by name; a ValueError where there are none."""
    found = walk(model, filter_kinds())
    if not found:
        raise ValueError(f"{model.name} has no convolutions, so there are no filters to show")
    return found


def first_look(model: Any, photo: np.ndarray) -> Explorer:
    """Lesson 00: which feature map of the first convolution to enlarge."""
    name = next(iter(_convolutions(model)))
    found = activations.feature_maps(model, images.prepare(photo), name)
    maps = found[name][0, :, :, :64]
    wall = mosaics.wall(maps, side=looks.TILE)
    draw = partial(plots.photo_and_maps, photo, maps, name, wall=wall)
    return Explorer({"channel": slider("Channel", maps.shape[-1] - 1)}, draw, "First look")


def network(model: Any) -> Explorer:
    """Lesson 01: the network to scale, one layer picked out with its arithmetic.

    The model is a chain of layers with an input of fixed size; its weights are never read.
    """
    costs = layer_costs(model)
    names = [cost.name for cost in costs]
    sums = {name: arithmetic(name, model) for name in names}

    def draw(layer: str) -> Picture:
        return plots.network_to_scale(costs, names.index(layer), sums[layer])

    first = next((cost.name for cost in costs if cost.parameters), names[0])
    return Explorer({"layer": choice_slider("Layer", names, first)}, draw, "Layer by layer")


def filter_bank(model: Any) -> Explorer:
    """Lesson 02: the filters of any convolution, one of them enlarged as a box."""
    found = _convolutions(model)

    kernels = lru_cache(lambda name: kernel_and_bias(found[name])[0])
    limits = lru_cache(lambda name: filters.ranges(kernels(name)).limit)

    def draw(layer: str, number: int) -> Picture:
        return plots.filter_boxes(kernels(layer), layer, number, limits(layer))

    controls = {
        "layer": choice_slider("Layer", list(found)),
        "number": slider("Filter", lambda now: kernels(now["layer"]).shape[-1] - 1),
    }
    return Explorer(controls, draw, "Filter bank")


def filter_grid(model: Any) -> Explorer:
    """Lesson 03: any layer's filters, 64 at a time, seen from any input channel."""
    kernels = {name: kernel_and_bias(layer)[0] for name, layer in _convolutions(model).items()}
    found = {name: filters.ranges(kernel) for name, kernel in kernels.items()}
    first = next(iter(kernels))
    # channels 0, 1, 2 are colors only in the first layer, and blue, green, red only in a VGG
    known = model.name.startswith("vgg") and kernels[first].shape[2] == 3

    def draw(layer: str, channel: int, page: int, scale: str) -> Picture:
        color = images.CHANNELS[channel] if known and layer == first else ""
        return plots.filter_grid(
            kernels[layer], channel, page - 1, scale, layer, color, found[layer]
        )

    pages = {name: -(-k.shape[3] // math.prod(filter_grids.GRID)) for name, k in kernels.items()}
    controls = {
        "layer": choice_slider("Layer", list(kernels)),
        "channel": slider("Input channel", lambda now: kernels[now["layer"]].shape[2] - 1),
        "page": slider("Page", lambda now: pages[now["layer"]], 1, minimum=1),
        "scale": dropdown("Scale", list(filters.WEIGHT_SCALES), "0 is mid-gray"),
    }
    return Explorer(controls, draw, "Filter grids")


def convolution_effect(
    model: Any, photo: np.ndarray, layer: str | None = None, filter_index: int = 0
) -> Explorer:
    """Lesson 04: any filter at work: three input channels, their slices, sums and the response.

    It begins with this layer, by name or index, or the first convolution; and with this filter.
    """
    found = _convolutions(model)
    first_layer = next(iter(found))
    inputs = activations.feature_maps(model, images.prepare(photo), list(found), "input")
    for name, maps in inputs.items():  # one channel after the other: much faster with OpenCV
        inputs[name] = np.ascontiguousarray(maps[0].transpose(2, 0, 1)).transpose(1, 2, 0)
    kernels = lru_cache(2)(lambda name: kernel_and_bias(found[name])[0])
    work = lru_cache(2)(lambda name, index: decompose(found[name], inputs[name], index))

    def draw(layer: str, filter: int, order: str, first: int) -> Picture:
        done, kernel = work(layer, filter), kernels(layer)[:, :, :, filter]
        depth = kernel.shape[-1]
        ordered = done.by_share if order == BY_SHARE else np.arange(depth)
        channels = ordered[first : first + 3].tolist()
        names = images.CHANNELS if layer == first_layer and depth == 3 else ()
        title = f"{layer}, filter {filter}"
        own = filter // (kernels(layer).shape[-1] // groups(found[layer])) * depth  # group's first
        seen = inputs[layer][:, :, own : own + depth]
        return plots.filter_effect(seen, kernel, done, channels, names, title)

    name = first_layer if layer is None else name_of(model, layer)
    find_conv(model, name)
    check_index(filter_index, kernels(name).shape[-1], "filter", name)
    controls = {
        "layer": choice_slider("Layer", list(found), name),
        "filter": slider("Filter", lambda now: kernels(now["layer"]).shape[-1] - 1, filter_index),
        "order": dropdown("Channels", [BY_SHARE, BY_INDEX]),
        "first": slider("First shown", lambda now: max(kernels(now["layer"]).shape[2] - 3, 0)),
    }
    return Explorer(controls, draw, "What a filter does to the photo")


def pixel_probe(
    model: Any, photo: np.ndarray, filter_index: int = 0, place: tuple[int, int] | None = None
) -> Explorer:
    """Lesson 04: any number in the first layer's maps, taken apart into its 27 products.

    It begins with this filter and (row, col), or the middle of the map. The first convolution has
    to be 3×3 on three channels.
    """
    layer, where = next((layer, name) for name, layer in _convolutions(model).items())
    bank, _ = kernel_and_bias(layer)
    if bank.shape[:3] != (3, 3, 3):
        raise ValueError(
            f"the pixel probe shows 3×3 kernels on three channels; {where}'s are "
            f"{bank.shape[0]}×{bank.shape[1]} on {bank.shape[2]}"
        )
    inputs = activations.feature_maps(model, images.prepare(photo), where, "input")[where]
    activation = lru_cache(8)(lambda index: decompose(layer, inputs, index).activation)
    rows, cols = activation(filter_index).shape
    row, col = (rows // 2, cols // 2) if place is None else place
    probe(layer, inputs, filter_index, row, col)  # says what is wrong, if something is

    def draw(filter: int, row: int, col: int) -> Picture:
        found, title = probe(layer, inputs, filter, row, col), f"{where}, filter {filter}"
        return plots.pixel_probe(photo, activation(filter), found, (row, col), name=title)

    controls = {
        "filter": slider("Filter", bank.shape[-1] - 1, filter_index),
        "row": slider("Row", rows - 1, row),
        "col": slider("Column", cols - 1, col),
    }
    return Explorer(controls, draw, "One number, taken apart")


def feature_map_pages(
    model: Any,
    photo: np.ndarray,
    other: np.ndarray | None = None,
    names: tuple[str, str] = ("first photo", "second photo"),
) -> Explorer:
    """Lesson 05: all convolutions' feature maps, 64 channels a page. The network runs once.

    Of two photos of one size the same channels are shown, in the same colors, each below the photo,
    which has one of the names.
    """
    if other is not None and np.shape(photo) != np.shape(other):
        sizes = f"{np.shape(photo)} and {np.shape(other)}"
        raise ValueError(f"both photos must have the same size, not {sizes}")
    both = dict(zip(names, (photo, other), strict=True))
    photos = {"the photo": photo} if other is None else both
    scales, page_of = brightness.SCALES[:3], blocks.PAGE
    names_of_layers = list(_convolutions(model))
    batch = images.prepare(np.stack([*photos.values()]))
    maps = activations.feature_maps(model, batch, names_of_layers)
    ranks = {name: activations.by_activity(found[0]) for name, found in maps.items()}
    layers = {name: blocks.summed_up(name, maps.pop(name), scales) for name in names_of_layers}

    def draw(layer: str, page: int, scale: str, order: str) -> Picture:
        by_index, every = order == BY_INDEX, ranks[layer]
        here = np.arange(len(every))[(page - 1) * page_of :][:page_of]
        which = f"ranks {here[0] + 1} to {here[-1] + 1} by activity"
        which = f"channels {here[0]} to {here[-1]}" if by_index else which
        channels = here if by_index else every[here]
        return blocks.page(photos, layers[layer], channels, scale, which)

    controls = {
        "layer": choice_slider("Layer", names_of_layers),
        "page": slider("Page", lambda now: -(-len(ranks[now["layer"]]) // page_of), 1, minimum=1),
        "scale": dropdown("Scale", list(scales)),
        "order": dropdown("Order", [BY_INDEX, "by activity"]),
    }
    return Explorer(controls, draw, "Feature maps, page by page")


def representations(model: Any, photos: dict[str, np.ndarray], layers: list[str]) -> Explorer:
    """Lesson 06: one photo, any of these layers, any channel of the cat–dog network.

    The model takes photos scaled to 0–1, and the layers are named.
    """
    batch = images.scale_to_one(np.stack(list(photos.values())))
    maps = activations.feature_maps(model, batch, layers)
    numbers = {name: number for number, name in enumerate(photos)}
    fields = {layer: receptive_field(model, layer) for layer in layers}

    @lru_cache(maxsize=64)
    def wall(photo: str, layer: str, scale: str) -> Any:
        return mosaics.wall(maps[layer][numbers[photo]], scale, side=SIDE)

    def draw(layer: str, channel: int, photo: str, scale: str) -> Picture:
        shown, every = maps[layer][numbers[photo]], wall(photo, layer, scale)
        return plots.chosen_channel(
            photos[photo], shown, layer, channel, fields[layer], scale, every
        )

    controls = {
        "layer": choice_slider("Layer", layers),
        "channel": slider("Channel", lambda now: maps[now["layer"]].shape[-1] - 1),
        "photo": dropdown("Photo", list(photos)),
        "scale": dropdown("Brightness", list(reversed(brightness.SCALES))),
    }
    return Explorer(controls, draw, "Every layer's maps of a photo")


def best_patches(scan: Scan) -> Explorer:
    """Lesson 07: the photos that excite any channel, or any single unit, of a scan.

    Nothing is computed again, only looked up.
    """
    layers = list(scan.rankings)
    each_unit = all(ranking.maps is not None for ranking in scan.rankings.values())

    def draw(layer: str, channel: int, where: str, row: int = 0, col: int = 0) -> Picture:
        if where == COMPARED:
            return plots.patch_comparison(scan, layer, [channel])
        unit = (row, col) if where == ONE_UNIT else (None, None)
        return plots.top_photos(scan, layer, channel, *unit)

    def units(axis: int) -> dict[str, Any]:
        return {
            "maximum": lambda now: scan[now["layer"]].map_shape[axis] - 1,
            "value": scan[layers[0]].map_shape[axis] // 2,
            "rests": lambda now: now["where"] != ONE_UNIT,
        }

    controls = {
        "layer": choice_slider("Layer", layers),
        "channel": slider("Channel", lambda now: scan[now["layer"]].map_shape[2] - 1),
        "where": dropdown("Where", [ANYWHERE, COMPARED, ONE_UNIT][: 2 + each_unit]),
    }
    if each_unit:
        controls |= {"row": slider("Row", **units(0)), "col": slider("Column", **units(1))}
    return Explorer(controls, draw, "What excites a unit")


def trained_or_chance(model: Any, photo: np.ndarray) -> Explorer:
    """Lesson 08: the first filters and any layer's maps of one photo, trained or by chance.

    The model's first convolution sees three channels. It has its own weights again afterward.
    """
    convolutions, own, found = _convolutions(model), model.get_weights(), {}
    layers = list(convolutions)
    for kind in models.KINDS:
        model.set_weights(models.chance(own, kind))
        maps = activations.feature_maps(model, images.prepare(photo), layers)
        kernel = kernel_and_bias(convolutions[layers[0]])[0]
        # all that is shown, and a copy: what is left over can go
        found |= {(kind, name): (kernel, maps[name][0, :, :, :64].copy()) for name in layers}
    model.set_weights(own)

    def draw(weights: str, layer: str) -> Picture:
        kernel, maps = found[weights, layer]
        caption = (
            f"{weights}: of the numbers in these {maps.shape[-1]} maps of {layer}, "
            f"{np.mean(maps == 0):.0%} are 0. Filters: each scaled by itself, mid-gray is 0."
        )
        return plots.beside_chance({weights: (kernel, maps)}, layer, 8, 480, caption)

    controls = {
        "weights": dropdown("Weights", list(models.KINDS)),
        "layer": choice_slider("Layer", layers),
    }
    return Explorer(controls, draw, "Trained, or chance")


def where_it_looks(
    model: Any, photos: dict[str, np.ndarray], layers: list[str], patch: int = 16
) -> Explorer:
    """Lesson 10: what counts in a photo for any class, by any method, laid over it.

    The model is a classifier with ``class_names`` and a class activation map. Grad-CAM looks at
    each of the layers, and occlusion covers patches of so many pixels a side.
    """
    names = [name.split(",")[0] for name in model.class_names]
    batches = {name: images.prepare(photo) for name, photo in photos.items()}
    answers = {name: model.predict_on_batch(batch)[0] for name, batch in batches.items()}
    ways = {"class activation map": attribution.class_activation_map}
    ways |= {f"Grad-CAM of {layer}": partial(attribution.grad_cam, layer=layer) for layer in layers}
    ways[f"occlusion, {patch} × {patch} pixels"] = partial(attribution.occlusion, patch=patch)

    @lru_cache(maxsize=256)
    def heat(photo: str, number: int, way: str) -> np.ndarray:
        return np.squeeze(ways[way](model, batches[photo], number))

    def draw(photo: str, label: int, way: str, opacity: int) -> Picture:
        order, answer = np.argsort(-answers[photo], kind="stable"), answers[photo]
        number = int(order[-1 - label]) if label < 0 else label
        caption = (
            f"{way} for {names[number]}, which gets {answer[number]:.1%} here, at an opacity of "
            f"{opacity / 10:.0%}; the first guess is {names[order[0]]} with {answer[order[0]]:.1%}."
        )
        found = {names[number]: heat(photo, number, way)}
        return plots.heat_over_photo(photos[photo], found, opacity / 10, 320, caption)

    guesses = [(f"its guess number {rank}", -rank) for rank in (1, 2, 3)]
    controls = {
        "photo": dropdown("Photo", list(photos)),
        "label": dropdown("Class", guesses + sorted(zip(names, range(len(names)), strict=True))),
        "way": dropdown("Method", list(ways)),
        "opacity": slider("Opacity, tenths", 10, 6),
    }
    return Explorer(controls, draw, "Where it looks")


def preferred_pictures(
    model: Any, layers: Sequence[str] = (), channels: Sequence[int] = (), **how: Any
) -> Explorer:
    """Lesson 09: the picture that a channel would choose, in any layer.

    Pictures made beforehand are there at once; all others are made before this returns, with a
    bar, and stopping it keeps the best so far. The arguments are those of ``gallery.pictures``.
    """
    _convolutions(model)
    stored = gallery.made(model)
    found = gallery.pictures(model, layers, channels, **how)

    def draw(layer: str, number: int) -> Picture:
        channel = [*found[layer]][number]
        made = channel in stored.get(layer, {}) and not how
        return plots.chosen_picture(found[layer], layer, channel, made)

    controls = {
        "layer": choice_slider("Layer", [*found]),
        "number": slider("Picture", lambda now: len(found[now["layer"]]) - 1),
    }
    return Explorer(controls, draw, "Pictures a unit would choose")


def decision(model: Any, photo: np.ndarray, classes: tuple[str, str] = ("no", "yes")) -> Explorer:
    """Lesson 11: what each place and each channel adds to the answer of the reader's own network.

    The model ends with ``GlobalAveragePooling2D`` and a ``Dense`` layer of one unit with a sigmoid;
    answers under 0.5 mean the first class. For another photo, give ``show`` what
    ``decision(model, other).draw`` is.
    """
    maps, kernel, biases = attribution.averaged_maps(model, images.prepare(photo))
    if kernel.shape[1] != 1:
        raise ValueError(f"{model.name} answers with {kernel.shape[1]} numbers, not one dense unit")
    terms, bias = maps[0] * kernel[:, 0], float(biases[0])
    draw = partial(plots.decision, photo, terms, bias, classes=classes)
    last = min(decisions.SHOWN, len(kernel))
    return Explorer({"rank": slider("Channel's rank", last, 1, minimum=1)}, draw, "What decides")
