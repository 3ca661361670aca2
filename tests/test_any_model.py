"""Any Keras model: each helper's answer is Keras's own, or one sentence that says what would help.

A row is a kind of model, a column a helper. A new helper is one more function under "The columns",
and its name in ``COLUMNS``; what it says to models it can't show goes into ``SAYS``.
"""

import functools
import gc
import math
import re
import weakref
import zipfile

import numpy as np
import pytest

from helpers import (
    activations,
    attribution,
    convolution,
    images,
    layers,
    models,
    patches,
    visualization,
)
from helpers.quiet import keras
from helpers.receptive_field import receptive_field
from helpers.widgets import lessons

kinds = keras.layers
SIDE = 24


# The rows ---------------------------------------------------------------------------------------


def conv(filters=4, kernel=3, **options):
    """A convolution with biases that are not 0, so that leaving them out would show."""
    options = {"padding": "same", "activation": "relu", "bias_initializer": "normal"} | options
    return kinds.Conv2D(filters, kernel, **options)


def stack(*inner, name=None, shape=(SIDE, SIDE, 3)):
    return keras.Sequential([keras.Input(shape), *inner], name=name)


def base(shape=(SIDE, SIDE, 3)):
    photo = keras.Input(shape)
    maps = kinds.MaxPooling2D(name="pool")(conv(name="conv1")(photo))
    return keras.Model(photo, conv(6, name="conv2")(maps), name="base")


def functional():
    model = base()
    head = kinds.Dense(2, name="head")(kinds.GlobalAveragePooling2D(name="mean")(model.output))
    return keras.Model(model.input, head)


def sequential():
    return stack(conv(name="conv"), kinds.MaxPooling2D(), kinds.Flatten(), kinds.Dense(3))


def nested():
    """As in transfer learning: augmented, scaled, a frozen base for any size, a head of its own."""
    photo = keras.Input((SIDE, SIDE, 3))
    maps = kinds.Rescaling(2.0, 0.5)(kinds.RandomFlip()(photo))
    maps = base((None, None, 3))(maps, training=False)
    head = [
        kinds.BatchNormalization(name="norm"),
        kinds.Flatten(),
        kinds.Dropout(0.5),
        kinds.Dense(1),
    ]
    head = stack(*head, name="head", shape=maps.shape[1:])
    return keras.Model(photo, head(maps))


def nested_twice():
    inner = stack(conv(name="conv"), kinds.ReLU(name="relu"), name="inner")
    middle = stack(inner, conv(name="conv"), name="middle")
    return stack(conv(3, name="conv"), middle, kinds.MaxPooling2D(name="pool"))


def shared_layer():
    photo, again = keras.Input((SIDE, SIDE, 3)), conv(3, name="again")
    return keras.Model(photo, kinds.ReLU(name="last")(again(again(again(photo)))))


def shared_model():
    """The same nested model looks at a photo and at its mirror image."""
    photo, twin = keras.Input((SIDE, SIDE, 3)), base()
    mirrored = keras.ops.flip(photo, axis=2)
    return keras.Model(photo, kinds.Concatenate(name="both")([twin(photo), twin(mirrored)]))


def taken_over():
    """Layers of another model, called a second time: their ``output`` is in the other one."""
    other = base()
    return stack(*other.layers[1:], kinds.Flatten(name="flat"))


def several_inputs():
    photo, numbers = keras.Input((SIDE, SIDE, 3), name="photo"), keras.Input((5,), name="numbers")
    maps = kinds.Flatten()(base()(photo))
    return keras.Model([photo, numbers], kinds.Dense(2)(kinds.Concatenate()([maps, numbers])))


def no_biases():
    first = conv(use_bias=False, activation=None, name="conv")
    return stack(first, kinds.BatchNormalization(), kinds.ReLU())


def depthwise():
    deep = kinds.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="normal", name="deep")
    return stack(conv(name="conv"), deep, kinds.DepthwiseConv2D((2, 3), 2, "same", use_bias=False))


def strides_and_dilation():
    return stack(
        conv(kernel=(3, 5), strides=2, name="strides"),
        conv(kernel=(2, 3), dilation_rate=(2, 3), padding="valid", name="dilated"),
        kinds.ZeroPadding2D(((0, 1), (2, 0))),
        conv(strides=(1, 2)),
    )


def grouped():
    return stack(conv(4, name="conv"), conv(6, groups=2, name="groups"))


def one_channel():
    return stack(conv(name="conv"), kinds.AveragePooling2D(2), shape=(SIDE, SIDE, 1))


def mixed_precision():
    policy = {"dtype": "mixed_bfloat16"}
    inner = stack(conv(name="inside", **policy), name="inner")
    return stack(conv(3, name="conv", **policy), inner, kinds.Flatten(), kinds.Dense(2, **policy))


def residual():
    """Blocks with a way around, by Add and by +, one of them with a stride; a Dense on maps."""
    photo = keras.Input((SIDE, SIDE, 3))
    maps = conv(4, name="stem")(photo)
    maps = kinds.Add(name="sum")([maps, conv(4, 5)(conv(4, 1)(maps))])
    maps = conv(6, 1, strides=2)(maps) + conv(6, 3, strides=2)(maps)
    return keras.Model(
        photo, kinds.LayerNormalization(name="norm")(kinds.Dense(5, name="dense")(maps))
    )


def squeeze_and_excite():
    photo = keras.Input((SIDE, SIDE, 3))
    maps = conv(4, name="conv")(photo)
    weights = kinds.Dense(4, "sigmoid")(kinds.GlobalAveragePooling2D(keepdims=True)(maps))
    return keras.Model(photo, kinds.Multiply(name="excite")([maps, weights]))


def other_convolutions():
    up = kinds.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")
    return stack(conv(name="conv"), kinds.SeparableConv2D(5, 3, name="two"), up)


def attention():
    photo = keras.Input((8, 8, 3))
    maps = conv(4, name="conv")(photo)
    return keras.Model(photo, kinds.MultiHeadAttention(2, 2, name="attention")(maps, maps))


def with_lambda():
    return stack(conv(name="conv"), kinds.Lambda(lambda maps: maps * 2, name="mine"), conv())


def saved():
    """The twice nested model, from a file."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        nested_twice().save(Path(folder, "mine.keras"))
        return models.load_model(Path(folder, "mine.keras"))


@keras.saving.register_keras_serializable()
class Subclassed(keras.Model):
    """A model whose layers are called by its own code."""

    def __init__(self):
        super().__init__(name="own")
        self.conv, self.head = conv(name="conv"), kinds.Dense(2, name="head")

    def call(self, photo):
        return self.head(kinds.Flatten()(self.conv(photo)))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, SIDE, SIDE, 3), np.float32))
    return model


def subclassed_with_a_graph():
    photo = keras.Input((SIDE, SIDE, 3))
    return keras.Model(photo, Subclassed().call(photo))


def application(name, side):
    return lambda: getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))


SMALL = {
    build.__name__: build
    for build in (
        functional, sequential, nested, nested_twice, shared_layer, shared_model, taken_over,
        several_inputs, no_biases, depthwise, strides_and_dilation, grouped, one_channel,
        mixed_precision, residual, squeeze_and_excite, other_convolutions, attention, with_lambda,
        saved, subclassed, subclassed_with_a_graph,
    )
}  # fmt: skip
LARGE = {
    "ResNet50": 64, "MobileNetV2": 64, "EfficientNetB0": 64, "DenseNet121": 64, "Xception": 72,
    "ConvNeXtTiny": 64,
}  # fmt: skip
ROWS = [
    *SMALL, *(pytest.param(name, marks=[] if name == "MobileNetV2" else pytest.mark.ci)
              for name in LARGE),
]  # fmt: skip

#: Where a helper says one sentence instead: model → column ("" is every other one) → its words.
NO_GRAPH = r"own is a subclassed model.*keras\.Model\(photo, model\.call\(photo\)\)"
SAYS = {
    "several_inputs": {
        column: "has 2 inputs; only models with one can be used"
        for column in ("field", "scanned", "climbed", "looked")
    },
    "one_channel": {"scanned": r"takes \(None, 24, 24, 1\), not photos"},
    "subclassed": dict.fromkeys(
        ("summary", "shapes", "effect", "answers", "field", "scanned", "climbed", "looked"),
        NO_GRAPH,
    ),
}

#: The last layer on the way whose units have a field of their own; behind it, all see everything.
LAST_FIELD = {
    "functional": "conv2", "nested": "head/norm", "nested_twice": "pool",
    "shared_layer": "last",
    "mixed_precision": "inner/inside", "residual": "norm",
    "squeeze_and_excite": "conv", "ResNet50": "conv5_block3_out", "MobileNetV2": "out_relu",
    "EfficientNetB0": "block1a_activation", "DenseNet121": "relu",
    "Xception": "block14_sepconv2_act",
    "ConvNeXtTiny": "convnext_tiny_stage_3_block_2_identity",
}  # fmt: skip


@functools.cache
def model_of(name):
    keras.utils.set_random_seed(1)
    return SMALL[name]() if name in SMALL else application(name, LARGE[name])()


def batch_for(model, count=2):
    random = np.random.default_rng(3)
    shapes = [tensor.shape[1:] for tensor in getattr(model, "inputs", [])] or [(SIDE, SIDE, 3)]
    arrays = [random.random((count, *shape), np.float32) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def recorded(model, batch):
    """What each call of each layer answers while Keras itself runs the model: lists by id."""
    found, own = {}, keras.layers.Layer.__call__

    def call(layer, *args, **options):
        answer = own(layer, *args, **options)
        found.setdefault(id(layer), []).append(answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.layers.Layer, "__call__", call)
        model(batch, training=False)
    return found


@functools.cache
def direct(name):
    """What every layer of a model answers to its batch, by the names that ``walk`` gives."""
    model = model_of(name)
    found, answers = recorded(model, batch_for(model)), {}
    for where, layer in layers.walk(model).items():
        if not isinstance(layer, kinds.InputLayer):
            answers[where] = np.asarray(found[id(layer)].pop(0), np.float32)
    assert not any(found[id(layer)] for layer in layers.walk(model).values() if id(layer) in found)
    return answers


def assert_close(one, other, name):
    """Equal but for rounding, which is coarse in bfloat16."""
    assert one.shape == other.shape
    rounding = 0.03 if name == "mixed_precision" else 1e-4
    assert np.abs(one - other).max() <= rounding * max(1, np.abs(other).max())


def some(found, count=4):
    """A few of many, from the first to the last."""
    places = np.unique(np.linspace(0, len(found) - 1, count).astype(int))
    return [found[place] for place in places]


# The columns ------------------------------------------------------------------------------------


def summary(name):
    """The layers' parameters add up to Keras's number, their multiply-adds to TensorFlow's."""
    model = model_of(name)
    costs = layers.layer_costs(model)
    assert [cost.name for cost in costs] == list(layers.walk(model))
    assert sum(cost.parameters for cost in costs) == model.count_params()
    for cost in costs:
        assert cost.index is None or model.layers[cost.index].name == cost.name.split("@")[0]
    assert (None in [cost.multiply_adds for cost in costs]) == (name == "attention")
    for cost in some(costs):
        words = layers.arithmetic(cost.name, model).multiply_adds
        assert words == "not counted" or words.endswith(f"{cost.multiply_adds:,}")
    if name != "attention":  # Keras hides convolutions of several groups from the profiler
        one = [getattr(layer, "groups", 1) == 1 for layer in layers.walk(model).values()]
        seen = sum(cost.multiply_adds for cost, ok in zip(costs, one, strict=True) if ok)
        assert seen == multiplied(model)


def multiplied(model):
    """The multiply-adds for one photo that TensorFlow's profiler finds in the graph it traced."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32) for tensor in model.inputs]
    graph = tf.function(
        lambda *arrays: model(arrays if len(arrays) > 1 else arrays[0], training=False)
    ).get_concrete_function(*specs)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    found = tf.compat.v1.profiler.profile(graph.graph, cmd="op", options=options)
    count, products = 0, ("Conv2D", "DepthwiseConv2dNative", "MatMul", "Conv2DBackpropInput")
    while found.children:
        (found,) = found.children
        count += found.float_ops * (found.name in products)
    return count // 2


def shapes(name):
    model = model_of(name)
    for where, answer in direct(name).items():
        assert layers.output_shape(where, model)[1:] == answer.shape[1:], where


def filters(name):
    model = model_of(name)
    found = layers.walk(model, layers.filter_kinds())
    assert found
    for where, layer in found.items():
        assert layers.find_conv(model, where) is layers.find(model, where) is layer
        kernel, biases = layers.kernel_and_bias(layer)
        own, *bias = layer.get_weights()
        assert kernel.shape[:2] == layer.kernel_size
        assert np.array_equal(kernel, own.reshape(kernel.shape))
        assert np.array_equal(biases, bias[0] if bias else np.zeros(kernel.shape[-1]))
    rest = [where for where in layers.walk(model) if where not in found]
    for where in some(rest) if rest else []:
        with pytest.raises(ValueError, match="and has no filters"):
            layers.find_conv(model, where)


def effect(name):
    """A filter's products and sums, done by OpenCV, are the map that Keras computes."""
    model = model_of(name)
    chosen = some(list(layers.walk(model, layers.filter_kinds())))
    flows_in = activations.feature_maps(model, batch_for(model), chosen, "input")
    for where in chosen:
        layer, maps = layers.find_conv(model, where), direct(name)[where][0]
        number = maps.shape[-1] - 1
        apart = convolution.decompose(layer, flows_in[where][:1], number)
        assert_close(apart.activation, maps[..., number], name)
        row, col = maps.shape[0] // 2, 0
        one = convolution.probe(layer, flows_in[where][:1], number, row, col)
        assert one.activation == pytest.approx(apart.activation[row, col], rel=1e-3, abs=1e-4)


def answers(name):
    model, wanted = model_of(name), direct(name)
    found = activations.feature_maps(model, batch_for(model), list(wanted))
    for where, maps in found.items():
        assert_close(maps, wanted[where], name)


def field(name):
    """The first and last rows and columns of a field move its unit, those beside it don't."""
    model, known = model_of(name), {}
    for where in layers.walk(model):
        try:
            known[where] = receptive_field(model, where)
        except ValueError as error:
            if " inputs;" in str(error) or "subclassed" in str(error):
                raise
            assert re.search("sees the whole photo|fields are known for", str(error)), error
    if name in LAST_FIELD:
        assert list(known)[-1] == LAST_FIELD[name]
    own, photo = model.get_weights(), layers.model_input(model).shape[1:]
    model.set_weights(positive(model))
    inside = {}
    for where, found in known.items():
        units = layers.output_shape(where, model)[1:3]
        if len(layers.output_shape(where, model)) == 4:
            spots = np.argwhere(found.inside(units, photo[:2]))
            if len(spots) and not isinstance(layers.find(model, where), kinds.InputLayer):
                inside[where] = spots[len(spots) // 2]
    assert inside
    chosen = some(list(inside))
    for where in chosen:
        row, col = inside[where]
        top, left, bottom, right = known[where].box(row, col)
        lines = [(0, top - 1), (0, top), (0, bottom - 1), (0, bottom)]
        lines += [(1, left - 1), (1, left), (1, right - 1), (1, right)]
        photos = np.zeros((9, *photo), np.float32)
        for one, (axis, place) in zip(photos[1:], lines, strict=True):
            if 0 <= place < photo[axis]:
                np.moveaxis(one, axis, 0)[place] = 1
        before, *after = activations.feature_maps(model, photos, chosen)[where][:, row, col]
        moved = [bool((np.abs(one - before) > 1e-6 * np.abs(before)).any()) for one in after]
        assert moved == [False, True, True, False] * 2, where
    model.set_weights(own)


def positive(model):
    """Weights with which no two influences cancel out and no ReLU is silent."""
    random, found = np.random.default_rng(5), []
    for weight in model.weights:
        array = np.asarray(weight)
        if "kernel" in weight.name:
            array = random.uniform(0.5, 1.5, array.shape) / math.prod(array.shape[:-1])
        elif weight.name == "bias":
            array = np.zeros_like(array)
        elif "layer_scale" in weight.path:  # ConvNeXt begins with a millionth
            array = np.ones_like(array)
        found.append(array)
    return found


def scanned(name):
    """The ranking holds the largest number of each map; patches are cut out of the photos."""
    model = model_of(name)
    side = layers.model_input(model).shape[1]
    photos = np.random.default_rng(4).integers(0, 256, (5, side, side, 3), np.uint8)
    names = [x for x in layers.walk(model) if len(layers.output_shape(x, model)) in (2, 4)]
    chosen = some(names[1:], 3)
    found = patches.scan(model, chosen, photos, images.scale_to_one, progress=False)
    answers = recorded(model, images.scale_to_one(photos))
    for where, layer in layers.walk(model).items():
        maps = None if isinstance(layer, kinds.InputLayer) else answers[id(layer)].pop(0)
        if where not in chosen:
            continue
        maps = np.asarray(maps, np.float32).reshape(5, -1, maps.shape[-1])
        assert_close(found[where].values, maps.max(axis=1), name)
        hit = found[where].best(0)[0]
        patch = found.patch(where, hit)
        if (seen := found[where].field) is None:
            assert np.array_equal(patch, photos[hit.photo])
        else:
            assert patch.shape[:2] in (seen.size, (side, side))


def without_activation(layer, compute):
    """What a layer without its activation function would lead to."""
    own = getattr(layer, "activation", None)
    if own is None:
        return compute()
    layer.activation = keras.activations.linear
    try:
        return compute()
    finally:
        layer.activation = own


def last_maps(model):
    """The last layer that answers with maps, before the last of all; at its first call."""
    names = [name for name in list(layers.walk(model))[:-1] if "@" not in name]
    return next(x for x in names[::-1] if len(layers.output_shape(x, model)) == 4)


def climbed(name):
    """What is climbed on at first is the mean of Keras's own sums, before any activation."""
    import tensorflow as tf

    model = model_of(name)
    side, _, depth = layers.model_input(model).shape[1:]
    where = last_maps(model)
    start, found = visualization.pixels(1, side + 4), visualization.channel(where, 0)
    ascent = visualization.ascend(
        model, found, start, steps=2, jitter=4, prepare=lambda x: x[..., :depth], progress=False
    )
    row, col = np.random.default_rng(0).integers(0, 5, (2, 2), np.int32)[0]
    window = start.picture(tf.constant(start.numbers))[:, row : row + side, col : col + side]
    layer, window = layers.find(model, where), window[..., :depth]
    calls = without_activation(layer, lambda: recorded(model, window))[id(layer)]
    wanted = np.asarray(calls[0], np.float32)[..., 0].mean()
    assert ascent.values[0, 0] == pytest.approx(wanted, rel=0.03 if "mixed" in name else 1e-3)


def looked(name):
    """Grad-CAM's gradient is the one that Keras's own run of the model leaves on a tape."""
    import tensorflow as tf

    model = model_of(name)
    layers.model_input(model)
    where, batch = last_maps(model), tf.constant(batch_for(model))
    end = layers.find(model, list(layers.walk(model))[-1])
    shape = layers.output_shape(-1, model)[1:]
    output = tuple(0 for _ in shape) if len(shape) > 1 else 0

    def run():
        with tf.GradientTape() as tape:
            tape.watch(batch)
            found = recorded(model, batch)
            score = tf.reshape(found[id(model)][0], (len(batch), -1))[:, 0]
        maps = found[id(layers.find(model, where))][0]
        return maps, tape.gradient(score, maps)

    maps, slope = without_activation(end, run)
    maps, slope = (np.asarray(each, np.float32) for each in (maps, slope))
    wanted = np.maximum((maps * slope.mean(axis=(1, 2), keepdims=True)).sum(axis=-1), 0)
    assert_close(attribution.grad_cam(model, batch.numpy(), output, where), wanted, name)


COLUMNS = {
    column.__name__: column
    for column in (summary, shapes, filters, effect, answers, field, scanned, climbed, looked)
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", ROWS)
def test_it_is_what_keras_computes_or_one_sentence(name, column):
    words = SAYS.get(name, {}).get(column)
    if words is None:
        COLUMNS[column](name)
        return
    with pytest.raises(ValueError, match=words) as caught:
        COLUMNS[column](name)
    assert "\n" not in str(caught.value)


# Names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("nested_twice", ["conv", "middle/inner/conv", "middle/inner/relu", "middle/conv", "pool"]),
        ("shared_layer", ["input_layer", "again", "again@2", "again@3", "last"]),
        (
            "shared_model",
            ["input_layer", "base/conv1", "base/pool", "base/conv2"]
            + ["base@2/conv1", "base@2/pool", "base@2/conv2", "both"],
        ),
        ("taken_over", ["conv1", "pool", "conv2", "flat"]),
    ],
)
def test_every_layer_has_a_name(name, wanted):
    found = [
        re.sub(r"^input_layer_\d+$", "input_layer", one) for one in layers.walk(model_of(name))
    ]
    assert found == wanted


def test_plain_models_have_the_names_and_the_order_they_had(vgg16):
    for model in (vgg16, model_of("MobileNetV2"), model_of("functional"), model_of("sequential")):
        assert list(layers.walk(model)) == [layer.name for layer in model.layers]


def test_indexes_are_those_of_the_model_itself():
    model = model_of("nested")
    for index, layer in enumerate(model.layers):
        assert layers.find(model, index) is layers.find(model, layer.name) is layer
    places = {cost.name: cost.index for cost in layers.layer_costs(model)}
    assert {places[name] for name in places if "/" in name} == {None}
    assert layers.output_shape(3, model) == (None, 12, 12, 6)
    assert list(activations.feature_maps(model, batch_for(model), [3, -1])) == ["base", "head"]


def test_a_shared_layer_counts_once_and_works_as_often_as_it_is_called():
    costs = {cost.name: cost for cost in layers.layer_costs(model_of("shared_layer"))}
    once, again = costs["again"], costs["again@2"]
    assert once.parameters == 3 * 3 * 3 * 3 + 3
    assert again.parameters == 0
    assert once.multiply_adds == again.multiply_adds == SIDE * SIDE * 3 * 27


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("nested", "conv2", "no layer 'conv2'; .* has base/conv2$"),
        ("nested", "base/conv9", r"no layer 'base/conv9'; .* has input_layer\S* … head/dense"),
        ("attention", "attention/query", "'attention' is a MultiHeadAttention; of what is inside"),
    ],
)
def test_a_name_that_is_none_meets_a_sentence(name, asked, words):
    with pytest.raises(ValueError, match=words):
        layers.find(model_of(name), asked)


def test_several_tensors_at_once_are_refused():
    model = model_of("residual")
    with pytest.raises(ValueError, match="'sum' takes 2 tensors; choose a layer with one"):
        activations.feature_maps(model, batch_for(model), "sum", "input")


def test_several_inputs_come_as_a_list_or_by_name():
    model = model_of("several_inputs")
    photos, numbers = batch_for(model)
    wanted = direct("several_inputs")["base/conv2"]
    for batch in ([photos, numbers], {"numbers": numbers, "photo": photos}):
        found = activations.feature_maps(model, batch, "base/conv2")["base/conv2"]
        assert_close(found, wanted, "several_inputs")
    for batch in (photos, [photos], {"photo": photos}):
        with pytest.raises(ValueError, match="takes a list or dict of arrays, for photo, numbers"):
            activations.feature_maps(model, batch)


# The graph --------------------------------------------------------------------------------------


def test_a_gradient_reaches_the_layers_inside():
    """From the end of the outer model to a map inside, as Grad-CAM needs it."""
    import tensorflow as tf

    model = model_of("nested")
    inner, photos = layers.sub_model(model, ["base/conv2", "head"]), tf.constant(batch_for(model))
    with tf.GradientTape() as tape:
        tape.watch(photos)
        found = inner(photos, training=False)
        score = tf.reduce_sum(found["head"])
    slope = tape.gradient(score, found["base/conv2"])
    with tf.GradientTape() as tape:
        maps = tf.constant(direct("nested")["base/conv2"])
        tape.watch(maps)
        score = tf.reduce_sum(layers.find(model, "head")(maps, training=False))
    assert np.abs(slope).max() > 0
    np.testing.assert_allclose(slope, tape.gradient(score, maps), atol=1e-6)


def test_new_weights_show_in_a_nested_model_too():
    model = nested()
    photos = batch_for(model)
    activations.feature_maps(model, photos, "base/conv1")
    kernel, bias = layers.find(model, "base/conv1").weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign([1.0, 2.0, -3.0, 0.0])
    found = activations.feature_maps(model, photos, "base/conv1")["base/conv1"]
    assert (found == [1, 2, 0, 0]).all()


def test_looking_inside_changes_nothing_and_keeps_nothing_alive():
    inner = base()
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), inner, kinds.Flatten()])
    before = [len(layer._inbound_nodes) for layer in (*inner.layers, *model.layers)]
    activations.feature_maps(model, batch_for(model))
    assert [len(layer._inbound_nodes) for layer in (*inner.layers, *model.layers)] == before
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_sequential_that_grew_is_walked_again():
    model = stack(conv(name="conv"), shape=(8, 8, 3))
    assert activations.feature_maps(model, batch_for(model), -1)["conv"].shape == (2, 8, 8, 4)
    model.pop()
    model.add(conv(5, name="conv"))
    model.add(kinds.Flatten(name="flat"))
    assert list(layers.walk(model)) == ["conv", "flat"]
    assert activations.feature_maps(model, batch_for(model), "conv")["conv"].shape == (2, 8, 8, 5)


# What is drawn ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nested", "depthwise", "grouped", "shared_layer", "residual"])
@pytest.mark.parametrize(
    "explorer",
    ["network", "filter_bank", "filter_grid", "convolution_effect", "feature_map_pages"],
)
def test_explorers_show_it(name, explorer, sweep):
    photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    photos = () if explorer in ("network", "filter_bank", "filter_grid") else (photo,)
    shown = getattr(lessons, explorer)(model_of(name), *photos)
    assert sweep(shown) >= 4
    if name == "nested":
        options = [value for _, value in shown.controls["layer"]._options_full]
        assert "base/conv2" in options


def test_a_filter_without_a_relu_is_not_said_to_have_one():
    for name, words in (("no_biases", "bias 0 give a response of −"), ("grouped", ", then ReLU,")):
        model = model_of(name)
        photo = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        caption = lessons.convolution_effect(model, photo).picture.caption
        assert words in caption


# Files ------------------------------------------------------------------------------------------


def damaged(path):
    """A zip file without a network in it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: with_lambda().save(path), "holds a Lambda, code that is not run from"),
        (lambda path: path.write_bytes(b"no zip"), r"is no \.keras file; model\.save\('mine"),
        (damaged, "is damaged"),
    ],
)
def test_a_file_that_can_not_be_loaded_is_refused_in_a_sentence(tmp_path, write, words):
    path = tmp_path / "mine.keras"
    write(path)
    with pytest.raises(ValueError, match=f"^mine.keras {words}") as caught:
        models.load_model(path)
    assert "\n" not in str(caught.value)


def test_a_file_with_a_class_of_ones_own_says_how_to_load_it(tmp_path):
    class Doubled(kinds.Layer):
        def call(self, maps):
            return maps * 2

    stack(conv(), Doubled()).save(tmp_path / "mine.keras")
    with pytest.raises(ValueError, match="holds a Doubled, which Keras does not know; define"):
        models.load_model(tmp_path / "mine.keras")


def test_a_file_that_is_not_there_or_of_another_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.keras; model\.save"):
        models.load_model(tmp_path / "none.keras")
    (tmp_path / "mine.weights.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"mine\.weights\.h5 is no \.keras file"):
        models.load_model(tmp_path / "mine.weights.h5")
