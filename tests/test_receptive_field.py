"""Receptive fields are exactly the pixels whose change moves the unit."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from helpers.quiet import keras
from helpers.receptive_field import ReceptiveField, receptive_field

SIDES = (19, 17)


def moved_by(model, row, col):
    """The pixels (top, left, bottom, right) whose change moves one unit, by its gradient.

    All weights are positive and nothing is cut off, so no two influences cancel out.
    """
    import tensorflow as tf

    photo = tf.Variable(tf.random.stateless_uniform((1, *SIDES, 1), (1, 2), 1, 2))
    with tf.GradientTape() as tape:
        unit = tf.reduce_sum(model(photo)[:, row, col])
    gradient = tape.gradient(unit, photo)
    touched = np.argwhere(np.abs(gradient[0, :, :, 0].numpy()) > 0)
    if not len(touched):
        return None  # it sees nothing but zeros
    return (*touched.min(axis=0), *(touched.max(axis=0) + 1))


steps = st.lists(
    st.tuples(
        st.sampled_from(["conv", "depthwise", "pool", "zeros"]),
        st.tuples(st.integers(1, 3), st.integers(1, 3)),  # kernel
        st.integers(1, 2),  # stride
        st.sampled_from(["same", "valid"]),
        st.integers(1, 2),  # dilation, where the stride is 1
    ),
    min_size=1,
    max_size=4,
)


def build(steps):
    tensor = photo = keras.Input((*SIDES, 1))
    positive = keras.initializers.RandomUniform(0.5, 1, seed=0)
    for kind, kernel, stride, padding, dilation in steps:
        if kind == "zeros":
            layer = keras.layers.ZeroPadding2D(((1, 2), (2, 0)))
        elif kind == "pool":  # of the mean: of a maximum only one pixel moves the unit
            layer = keras.layers.AveragePooling2D(kernel, stride, padding)
        else:
            dilation = dilation if stride == 1 else 1
            options = {"padding": padding, "strides": stride, "dilation_rate": dilation}
            if kind == "conv":
                layer = keras.layers.Conv2D(2, kernel, kernel_initializer=positive, **options)
            else:
                layer = keras.layers.DepthwiseConv2D(
                    kernel, depthwise_initializer=positive, **options
                )
        tensor = layer(tensor)
    return keras.Model(photo, keras.layers.Activation("relu")(tensor))


@given(steps=steps, where=st.tuples(*[st.sampled_from([0, 0.3, 0.5, 0.6, 1])] * 2))
@settings(max_examples=30, deadline=None, derandomize=True, phases=[Phase.generate])
def test_the_field_is_what_moves_the_unit(steps, where):
    try:
        model = build(steps)
    except ValueError:  # nothing is left of the photo
        return
    units = model.output.shape[1:3]
    row, col = (round(share * (length - 1)) for share, length in zip(where, units, strict=True))
    field = receptive_field(model, -1)
    top, left, bottom, right = field.box(row, col)
    found = moved_by(model, row, col)
    if field.inside(units, SIDES)[row, col]:
        assert found == (top, left, bottom, right)
    elif found is not None:  # cut off at the photo's edge, and perhaps a little more
        assert (np.array(found[:2]) >= (max(top, 0), max(left, 0))).all()
        assert (np.array(found[2:]) <= (min(bottom, SIDES[0]), min(right, SIDES[1]))).all()


@pytest.mark.parametrize(
    "step",
    [
        ("conv", (3, 2), 1, "same", 1),
        ("conv", (2, 3), 1, "valid", 2),
        ("conv", (3, 3), 2, "same", 1),
        ("pool", (2, 3), 2, "valid", 1),
        ("pool", (3, 3), 2, "same", 1),
        ("depthwise", (3, 3), 1, "same", 2),
        ("zeros", (1, 1), 1, "same", 1),
    ],
)
def test_every_kind_of_layer_between_two_convolutions(step):
    conv = ("conv", (3, 3), 1, "same", 1)
    model = build([conv, step, conv])
    units, field = model.output.shape[1:3], receptive_field(model, -1)
    row, col = units[0] // 2, units[1] // 2
    assert field.inside(units, SIDES)[row, col]
    assert moved_by(model, row, col) == field.box(row, col)


blocks = st.lists(
    st.tuples(
        st.sampled_from(["Add", "Concatenate", "Multiply", "Average"]),
        st.integers(1, 2),  # stride of each branch
        st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=2, max_size=3),
        st.sampled_from(["same", "valid"]),  # cropped to fit, as in the first U-Net
        st.booleans(),  # as a nested model
    ),
    min_size=1,
    max_size=3,
)


def branching(blocks):
    """Residual and inception blocks of all kinds, the weights positive."""
    tensor = photo = keras.Input((*SIDES, 1))
    options = {"kernel_initializer": keras.initializers.RandomUniform(0.5, 1, seed=0)}
    for merge, stride, kernels, padding, nested in blocks:
        start = keras.Input(tensor.shape[1:]) if nested else tensor
        branches = [start] if stride == 1 and merge in ("Concatenate",) else []
        for kernel in kernels:
            conv = keras.layers.Conv2D(2, kernel, stride, padding, **options)(start)
            branches.append(keras.layers.BatchNormalization()(conv))
        least = [min(branch.shape[axis] for branch in branches) for axis in (1, 2)]
        for place, branch in enumerate(branches):
            spare = [branch.shape[axis] - least[axis - 1] for axis in (1, 2)]
            if any(spare):
                cut = tuple((each // 2, each - each // 2) for each in spare)
                branches[place] = keras.layers.Cropping2D(cut)(branch)
        end = getattr(keras.layers, merge)()(branches)
        tensor = keras.Model(start, end)(tensor) if nested else end
    return keras.Model(photo, keras.layers.Activation("relu", name="last")(tensor))


@given(blocks=blocks, where=st.tuples(*[st.sampled_from([0, 0.3, 0.5, 0.6, 1])] * 2))
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
def test_the_field_is_what_moves_the_unit_where_branches_join(blocks, where):
    model = branching(blocks)
    units = model.output.shape[1:3]
    row, col = (round(share * (length - 1)) for share, length in zip(where, units, strict=True))
    field = receptive_field(model, "last")
    top, left, bottom, right = field.box(row, col)
    found = moved_by(model, row, col)
    if field.inside(units, SIDES)[row, col]:
        assert found == (top, left, bottom, right)
    else:  # cut off at the photo's edge, and perhaps a little more
        assert (np.array(found[:2]) >= (max(top, 0), max(left, 0))).all()
        assert (np.array(found[2:]) <= (min(bottom, SIDES[0]), min(right, SIDES[1]))).all()


@pytest.mark.parametrize(
    ("layer", "size", "stride", "start"),
    [
        ("block1_conv1", 3, 1, -1),
        ("block1_conv2", 5, 1, -2),
        ("block1_pool", 6, 2, -2),
        ("block2_conv1", 10, 2, -4),
        ("block2_conv2", 14, 2, -6),
        ("block3_conv1", 24, 4, -10),
        ("block3_conv3", 40, 4, -18),
        ("block4_conv3", 92, 8, -42),
        ("block5_conv1", 132, 16, -58),
        ("block5_conv3", 196, 16, -90),
        ("block5_pool", 212, 32, -90),
    ],
)
def test_vgg16s_known_fields(vgg16, layer, size, stride, start):
    # sizes as in Araujo, Norris & Sim 2019, table 1, and Simonyan & Zisserman 2015, section 2.3
    assert receptive_field(vgg16, layer) == ((size, size), (stride, stride), (start, start))


@pytest.mark.parametrize(
    ("build", "layer", "size"),
    [
        ("ResNet50", "conv5_block3_out", 483),
        ("InceptionV3", "mixed10", 1311),
        ("MobileNet", "conv_pw_13_relu", 315),
    ],
)
def test_known_fields_of_networks_with_branches(build, layer, size):
    # sizes as in Araujo, Norris & Sim 2019, table 1
    with keras.StatelessScope(initialize_variables=False):
        model = getattr(keras.applications, build)(weights=None)
    field = receptive_field(model, layer)
    assert (field.size, field.stride) == ((size, size), (32, 32))


def test_units_inside_are_those_whose_box_is():
    field = ReceptiveField((5, 3), (2, 1), (-2, -1))
    inside = field.inside((6, 4), (11, 5))
    for row in range(6):
        for col in range(4):
            top, left, bottom, right = field.box(row, col)
            assert inside[row, col] == (top >= 0 and left >= 0 and bottom <= 11 and right <= 5)
    assert inside.any()
    assert not inside.all()


@given(
    size=st.integers(1, 9), stride=st.integers(1, 4), start=st.integers(-5, 2), n=st.integers(1, 9)
)
def test_every_pixel_belongs_to_the_unit_whose_middle_is_nearest(size, stride, start, n):
    field = ReceptiveField((size, size), (stride, stride), (start, start))
    rows, cols = field.units_at((n, n), (20, 20))
    assert np.array_equal(rows, cols)
    middles = start + np.arange(n) * stride + size / 2
    for pixel, unit in enumerate(rows):
        distances = np.abs(middles - (pixel + 0.5))
        assert distances[unit] == distances.min()
        top, left, bottom, right = field.cell(unit, 0)
        assert (bottom - top, right - left) == (stride, stride)
        assert (top + bottom) / 2 == middles[unit]
        if 0 < unit < n - 1:
            assert top <= pixel + 0.5 <= bottom


def test_an_input_layer_sees_one_pixel(vgg16):
    assert receptive_field(vgg16, 0) == ((1, 1), (1, 1), (0, 0))


def test_a_sequential_model_has_fields_too():
    layers = [keras.Input((9, 9, 1)), keras.layers.Conv2D(1, 3, name="conv")]
    assert receptive_field(keras.Sequential(layers), "conv").size == (3, 3)


def test_a_shared_layer_does_not_lead_astray():
    photo = keras.Input((9, 9, 1))
    shared = keras.layers.Conv2D(1, 3, padding="same")
    model = keras.Model(photo, keras.layers.ReLU(name="last")(shared(shared(photo))))
    assert receptive_field(model, "last").size == (5, 5)


def refused():
    photo = keras.Input((8, 8, 2), name="photo")
    conv = keras.layers.Conv2D(2, 3, padding="same")(photo)
    yield keras.layers.GlobalAveragePooling2D()(conv), "sees the whole photo"
    yield keras.layers.Flatten()(conv), "sees the whole photo"
    pool = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(conv)
    yield keras.layers.Multiply(name="excite")([pool, conv]), "'pool' is a Global.* sees the whole"
    halves = [keras.layers.MaxPooling2D(2, 1)(conv), keras.layers.Conv2D(2, 2, 2)(conv)]
    crop = keras.layers.Cropping2D(((0, 3), (0, 3)))(halves[0])
    yield keras.layers.Add(name="sum")([crop, halves[1]]), "'sum' joins branches of different"
    yield keras.layers.Concatenate(axis=1, name="tall")([photo, conv]), "'tall' joins branches"
    yield keras.layers.UpSampling2D()(conv), "is a UpSampling2D"
    yield keras.layers.LayerNormalization(axis=(1, 2))(conv), "is a LayerNormalization"
    open_size = keras.Input((None, None, 2), name="open")
    yield keras.layers.Conv2D(2, 3, 2, padding="same")(open_size), "give the model a fixed input"


@pytest.mark.parametrize("number", range(8))
def test_what_has_no_known_field_is_refused(number):
    tensor, words = list(refused())[number]
    first = tensor
    while (operation := first._keras_history.operation).name not in ("photo", "open"):
        first = operation.input[0] if isinstance(operation.input, list) else operation.input
    with pytest.raises(ValueError, match=words):
        receptive_field(keras.Model(first, tensor), -1)
