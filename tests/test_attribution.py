"""Maps of what counts equal what bare Keras computes, and the tests of maps do what they say."""

import numpy as np
import pytest
import tensorflow as tf

from helpers import attribution, models
from helpers.quiet import keras

layers = keras.layers


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(0).normal(size=(3, 20, 24, 3)).astype(np.float32)


def stack(*head):
    keras.utils.set_random_seed(1)
    base = [
        keras.Input((20, 24, 3)),
        layers.Conv2D(4, 3, activation="relu", padding="same", name="conv1"),
        layers.MaxPooling2D(name="pool1"),
        layers.Conv2D(6, 3, activation="relu", name="conv2"),
    ]
    return keras.Sequential([*base, *head], name="small")


@pytest.fixture(scope="module")
def averaging():
    keras.utils.set_random_seed(1)  # a layer draws its seed when it is made
    head = layers.Dense(5, activation="softmax", bias_initializer="random_normal", name="head")
    return stack(layers.GlobalAveragePooling2D(), layers.Dropout(0.5), head)


@pytest.fixture(scope="module")
def flat():
    keras.utils.set_random_seed(2)
    head = layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid", name="dog")
    return stack(layers.Flatten(), *head)


def by_tape(model, layer, batch, score):
    """A layer's maps, and the gradient by them of a function of them."""
    maps = keras.Model(model.inputs[0], model.get_layer(layer).output)(batch)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        answer = score(maps)
    return maps.numpy(), tape.gradient(answer, maps).numpy()


# Scores


def test_scores_are_what_softmax_gets(averaging, batch):
    found = np.stack([attribution.scores(averaging, batch, k) for k in range(5)], axis=1)
    shares = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(shares, averaging(batch), rtol=1e-4)


def test_scores_are_what_a_sigmoid_gets_and_the_model_keeps_it(flat, batch):
    found = attribution.scores(flat, batch, 0)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), flat(batch)[:, 0], rtol=1e-4)
    assert flat.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_other_last_layers_are_left_alone(batch, activation):
    model = stack(layers.Flatten(), layers.Dense(2, activation=activation))
    np.testing.assert_allclose(
        attribution.scores(model, batch, 1), model(batch)[:, 1], rtol=1e-4, atol=1e-6
    )


def test_a_last_layer_that_only_squashes(batch):
    model = stack(layers.Flatten(), layers.Dense(3, name="sums"), layers.Activation("softmax"))
    sums = keras.Model(model.inputs[0], model.get_layer("sums").output)(batch)
    np.testing.assert_allclose(attribution.scores(model, batch, 2), sums[:, 2], rtol=1e-4)


def test_many_photos_go_in_groups(flat):
    many = np.random.default_rng(1).normal(size=(70, 20, 24, 3)).astype(np.float32)
    found = attribution.scores(flat, many, 0)
    assert found.shape == (70,)
    one = attribution.scores(flat, many[69:], 0)
    np.testing.assert_allclose(found[69:], one, rtol=1e-4, atol=1e-6)
    assert attribution.grad_cam(flat, many, 0).shape == (70, 8, 10)


def test_weights_may_change_afterwards(batch):
    model = stack(layers.Flatten(), layers.Dense(2))
    before = attribution.scores(model, batch, 0)
    model.set_weights([2 * weights for weights in model.get_weights()])
    assert not np.allclose(before, attribution.scores(model, batch, 0))


# Class activation map


@pytest.mark.parametrize("output", [0, 4])
def test_the_mean_of_the_map_and_the_bias_are_the_score(averaging, batch, output):
    found = attribution.class_activation_map(averaging, batch, output)
    assert found.shape == (3, 8, 10) and found.dtype == np.float32
    bias = averaging.get_layer("head").get_weights()[1][output]
    score = attribution.scores(averaging, batch, output)
    np.testing.assert_allclose(found.mean(axis=(1, 2)) + bias, score, rtol=1e-3, atol=1e-5)


def test_another_head_has_no_such_map(flat, batch):
    with pytest.raises(ValueError, match=r"small does not end with .* use grad_cam"):
        attribution.class_activation_map(flat, batch, 0)
    two = stack(layers.GlobalAveragePooling2D(), layers.Dense(4), layers.Dense(2))
    with pytest.raises(ValueError, match="does not end"):
        attribution.class_activation_map(two, batch, 0)


# Grad-CAM


def test_with_a_mean_grad_cam_is_the_exact_map(averaging, batch):
    exact = attribution.class_activation_map(averaging, batch, 3)
    found = attribution.grad_cam(averaging, batch, 3)
    np.testing.assert_allclose(found, np.maximum(exact, 0) / 80, rtol=1e-3, atol=1e-6)
    whole = attribution.grad_cam(averaging, batch, 3, relu=False)
    np.testing.assert_allclose(whole, exact / 80, rtol=1e-3, atol=1e-6)
    assert exact.min() < 0 == found.min()


@pytest.mark.parametrize("layer", ["conv1", "pool1", "conv2", 0, -5])
def test_grad_cam_equals_bare_lines(flat, batch, layer):
    name = layer if isinstance(layer, str) else flat.layers[layer].name
    after = flat.layers[[one.name for one in flat.layers].index(name) + 1 : -1]
    weights, bias = flat.layers[-1].get_weights()

    def score(maps):
        for one in after:
            maps = one(maps)
        return maps @ weights + bias

    maps, gradient = by_tape(flat, name, batch, score)
    wanted = (maps * gradient.mean(axis=(1, 2), keepdims=True)).sum(axis=-1)
    found = attribution.grad_cam(flat, batch, 0, layer, relu=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)


def test_a_single_unit_can_be_asked_about(batch):
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    answer = layers.Conv2D(3, 5, name="answer")
    model = keras.Sequential([keras.Input((20, 24, 3)), first, answer])
    maps, gradient = by_tape(model, "conv1", batch, lambda maps: answer(maps)[:, 2, 5, 1])
    wanted = (maps * gradient.mean(axis=(1, 2), keepdims=True)).sum(axis=-1)
    found = attribution.grad_cam(model, batch, (2, 5, 1), "conv1", relu=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)
    score = attribution.scores(model, batch, (2, 5, 1))
    np.testing.assert_allclose(score, model(batch)[:, 2, 5, 1], rtol=1e-4, atol=1e-6)


def test_frozen_models_have_gradients_too(batch):
    model = stack(layers.Flatten(), layers.Dense(2))
    model.trainable = False
    assert attribution.grad_cam(model, batch, 1, relu=False).any()


def test_what_has_no_influence_is_said(batch):
    photo = keras.Input((20, 24, 3))
    aside = layers.Conv2D(2, 3, name="aside")(photo)
    answer = layers.Dense(2, name="answer")(layers.Flatten()(photo))
    model = keras.Model(photo, [aside, answer], name="two_ends")
    assert model.layers[-1].name == "answer"
    with pytest.raises(ValueError, match="the model's answer does not depend on aside"):
        attribution.grad_cam(model, batch, 0, "aside")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "no output 1 in small; it has outputs 0 to 0"),
        (((0, 1),), r"small answers with \(1,\), so \(0, 1\) names no number in it"),
        ((0, "conv9"), "no layer 'conv9'; small has"),
        ((0, "dog"), "dog gives no maps"),
    ],
)
def test_what_grad_cam_cannot_do_is_said(flat, batch, arguments, message):
    with pytest.raises(ValueError, match=message):
        attribution.grad_cam(flat, batch, *arguments)


def test_a_model_without_maps(batch):
    model = keras.Sequential([keras.Input((20, 24, 3)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="gives no maps"):
        attribution.grad_cam(model, batch, 0)


# Occlusion


@pytest.mark.parametrize("fill", [0.0, 1.5, "photo"])
def test_occlusion_equals_a_loop_and_covers_the_edges(flat, batch, fill):
    photo = batch[:1]
    fill = batch[1] if fill == "photo" else fill
    found = attribution.occlusion(flat, photo, 0, 8, fill)
    assert found.shape == (3, 3)
    (whole,) = attribution.scores(flat, photo, 0)
    for row in range(3):
        for col in range(3):
            covered, spot = photo.copy(), np.s_[8 * row : 8 * row + 8, 8 * col : 8 * col + 8]
            covered[0][spot] = np.broadcast_to(fill, (20, 24, 3))[spot]
            left = attribution.scores(flat, covered, 0)[0]
            assert found[row, col] == pytest.approx(whole - left, rel=1e-3, abs=1e-5)
    assert found.min() < 0 < found.max()


def test_occlusion_takes_one_photo_and_leaves_it_as_it_is(flat, batch):
    before = batch.copy()
    with pytest.raises(ValueError, match="one photo at a time, not 3"):
        attribution.occlusion(flat, batch, 0, 8)
    attribution.occlusion(flat, batch[:1], 0, 4)  # 30 patches
    attribution.occlusion(flat, batch[:1], 0, 3)  # 56: more than go into one pass
    assert np.array_equal(before, batch)


# Deletion and insertion


def test_the_hottest_pixels_go_first_in_equal_steps():
    photo, heat = np.zeros((4, 4, 3)), np.arange(16).reshape(4, 4)
    found = attribution.exchanged(photo, 1.0, heat, steps=4)
    assert found.shape == (5, 4, 4, 3) and found.dtype == np.float32
    for step in range(5):
        gone = found[step, :, :, 0].ravel() == 1
        assert np.array_equal(np.flatnonzero(gone), np.arange(16 - 4 * step, 16))


def test_a_small_heat_is_enlarged_smoothly_and_colors_are_taken():
    heat = np.array([[0, 0], [0, 1]])
    found = attribution.exchanged(np.zeros((8, 8, 3)), np.array([1, 2, 3]), heat, steps=8)
    assert found[1, 6:, 6:, 0].all() and found[1, ..., 0].sum() == 8
    assert found[8].reshape(-1, 3).tolist() == [[1, 2, 3]] * 64


def test_equal_heats_go_as_one_reads():
    found = attribution.exchanged(np.zeros((2, 2, 1)), 1.0, np.ones((2, 2)), steps=2)
    assert found[1, :, :, 0].tolist() == [[1, 1], [0, 0]]


def test_deletion_begins_with_the_answer_and_ends_with_nothing(averaging, batch):
    heat = np.random.default_rng(2).random((5, 6))
    found = attribution.deletion(averaging, batch[:1], heat, 2, 0.5, steps=40)
    assert found.shape == (41,)
    assert found[0] == pytest.approx(float(averaging(batch[:1])[0, 2]), rel=1e-4)
    nothing = averaging(np.full_like(batch[:1], 0.5))[0, 2]
    assert found[-1] == pytest.approx(float(nothing), rel=1e-4)
    half = attribution.exchanged(batch[0], 0.5, heat, 2)[1:2]
    assert found[20] == pytest.approx(float(averaging(half)[0, 2]), rel=1e-3)


def test_insertion_is_deletion_turned_around(flat, batch):
    """What is put back last is what would be taken away first."""
    heat = np.random.default_rng(3).permutation(480).reshape(20, 24)
    away = attribution.deletion(flat, batch[:1], heat, 0, batch[1], steps=4)
    back = attribution.deletion(flat, batch[1:2], -heat, 0, batch[0], steps=4)
    np.testing.assert_allclose(away, back[::-1], rtol=1e-3, atol=1e-6)


def test_baselines_know_nothing_of_photos():
    found = attribution.baselines(5, 7, count=4, seed=3)
    center, random = found["center"], found["random"]
    assert center.shape == (1, 5, 7) and random.shape == (4, 5, 7)
    assert center[0].argmax() == 2 * 7 + 3
    assert np.allclose(center, center[:, ::-1, ::-1])
    again = attribution.baselines(5, 7, count=4, seed=3)["random"]
    assert np.array_equal(random, again)
    assert not np.allclose(random, attribution.baselines(5, 7, count=4, seed=4)["random"])


# Weights by chance, from the top


@pytest.mark.parametrize("kind", ["fresh", "shuffled"])
def test_the_cascade_goes_down_layer_by_layer(averaging, kind):
    own = averaging.get_weights()
    found = attribution.from_the_top(averaging, kind, seed=1)
    assert list(found) == ["head", "conv2", "conv1"]
    drawn = models.chance(own, kind, seed=1)
    for count, weights in enumerate(found.values(), 1):
        kept = len(own) - 2 * count
        assert all(map(np.array_equal, weights, own[:kept] + drawn[kept:]))
    assert all(map(np.array_equal, averaging.get_weights(), own)), "the model stays as it is"


def test_the_cascade_enters_nested_models_and_leaves_other_layers_alone(batch):
    inside = [keras.Input((20, 24, 3)), layers.Conv2D(4, 3, name="conv")]
    base = keras.Sequential([*inside, layers.BatchNormalization(name="norm")], name="base")
    head = layers.Dense(2, name="head")
    model = keras.Sequential([keras.Input((20, 24, 3)), base, layers.Flatten(), head])
    found = attribution.from_the_top(model)
    assert list(found) == ["head", "conv"]
    model.set_weights(found["conv"])
    gamma, beta, mean, variance = base.get_layer("norm").get_weights()
    assert gamma.all() and variance.all() and not beta.any() and not mean.any()
    assert np.isfinite(model(batch)).all()
