"""Weights: every kind of file, every kind of damage, every choice; test_faults has downloads."""

import zipfile

import h5py
import numpy as np
import pytest
import requests

from helpers import models
from helpers.safety import weights

pytestmark = pytest.mark.usefixtures("keras_home")

SMALL = {
    "block1_conv1": [(3, 3, 3, 2), (2,)],
    "block1_conv2": [(3, 3, 2, 4), (4,)],
    "block2_conv1": [(3, 3, 4, 5), (5,)],
}


def filled(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: [rng.standard_normal(shape, dtype=np.float32) for shape in several]
        for name, several in shapes.items()
    }


def of_model(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def assert_same(found, expected):
    assert sorted(found) == sorted(expected)
    for name, several in expected.items():
        assert len(found[name]) == len(several)
        for one, other in zip(found[name], several, strict=True):
            np.testing.assert_array_equal(one, other)


def write_npz(path, layers):
    np.savez(path, **{f"{n}/{k}": a for n, s in layers.items() for k, a in zip(PARTS, s)})  # noqa: B905


PARTS = ("kernel", "bias")


def write_keras_2(path, layers):
    """The format of Keras's own VGG16 files: names in attributes, layers without weights too."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in ("input_1", *layers)]
        file.create_group("input_1").attrs["weight_names"] = []
        for name, several in layers.items():
            group = file.create_group(name)
            keys = [f"{name}/{part}:0" for part in PARTS[: len(several)]]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, array in zip(keys, several, strict=True):
                group[key] = array


@pytest.fixture(scope="module")
def imagenet_file(vgg16, tmp_path_factory):
    """What Keras's own file looks like, 59 MB, with other numbers than the bundled ones."""
    path = tmp_path_factory.mktemp("imagenet") / "base.h5"
    layers = {name: [-array for array in several] for name, several in of_model(vgg16).items()}
    write_keras_2(path, layers)
    yield path
    path.unlink()


# Files that are good ----------------------------------------------------------------------------


def test_the_bundled_file_is_complete():
    layers = weights.read(weights.BUNDLED)
    base = [several for name, several in layers.items() if name.startswith("block")]
    assert len(base) == 13
    assert sum(array.size for several in base for array in several) == 14_714_688
    assert all(array.dtype == np.float16 for several in base for array in several)


def save_npz(model, path):
    write_npz(path, of_model(model))


def save_weights(model, path):
    model.save_weights(path)


def save_whole(model, path):
    model.save(path)


def save_keras_2(model, path):
    write_keras_2(path, of_model(model))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (save_npz, "my.npz"),
        (save_weights, "my.weights.h5"),
        (save_whole, "my.keras"),
        (save_whole, "my whole.h5"),
        (save_keras_2, "my old.h5"),
    ],
)
def test_every_kind_of_file_gives_the_same_numbers(vgg16, tmp_path, capsys, write, name):
    path = tmp_path / name
    write(vgg16, path)
    model = models.load_vgg16(path, input_shape=(32, 32, 3))
    path.unlink()
    assert_same(of_model(model), of_model(vgg16))
    assert model.weights_used == name
    assert capsys.readouterr().out == f"VGG16 weights: {name} (asked for)\n"


def test_a_saved_full_network_serves_its_base(tmp_path):
    """Dense layers on top are left aside, whether the file names its layers or numbers them."""
    top = {"fc1": [(20, 6), (6,)], "predictions": [(6, 3), (3,)]}
    layers = filled({**SMALL, **top})
    expected = {name: layers[name] for name in SMALL}
    numbered = ["conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1"]
    for names in (list(layers), numbered):
        write_npz(tmp_path / "full.npz", dict(zip(names, layers.values(), strict=True)))
        assert_same(weights.fit_to(weights.read(tmp_path / "full.npz"), SMALL, "full"), expected)


def test_numbered_layers_are_counted_not_sorted_by_spelling(tmp_path):
    shapes = {f"block1_conv{n}": [(3, 3, 2, 2), (2,)] for n in range(12)}
    layers = filled(shapes)
    names = ["conv2d", *(f"conv2d_{n}" for n in range(1, 12))]
    write_npz(tmp_path / "x.npz", dict(zip(names, layers.values(), strict=True)))
    assert_same(weights.fit_to(weights.read(tmp_path / "x.npz"), shapes, "x"), layers)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_npz(tmp_path / "mine.npz", filled(SMALL))
    assert_same(weights.read("~/mine.npz"), filled(SMALL))


# Files that are not -----------------------------------------------------------------------------


def refused(path, kind=ValueError):
    with pytest.raises(kind) as caught:
        models.load_vgg16(path, input_shape=(32, 32, 3))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.fixture
def no_model(monkeypatch):
    """Bad files are refused before anything is built."""

    def never(*_):
        raise AssertionError("a model was built")

    monkeypatch.setattr(models, "_vgg16_base", never)


def test_missing_files_and_folders(no_model, tmp_path):
    for path in (tmp_path / "none.h5", tmp_path, "none.keras"):
        message = refused(path, FileNotFoundError)
        assert "'bundled', 'imagenet', 'random'" in message


@pytest.mark.parametrize("name", ["a.npz", "a.h5", "a.weights.h5", "a.keras"])
@pytest.mark.parametrize(
    "content", [b"", b"not weights at all" * 40, b"PK\x03\x04", b"\x89HDF\r\n"]
)
def test_rubbish(no_model, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert f"{name} is damaged or no weights file" in refused(tmp_path / name)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_cut_short(no_model, tmp_path, share):
    write_npz(tmp_path / "a.npz", filled(SMALL))
    write_keras_2(tmp_path / "a.h5", filled(SMALL))
    for path in (tmp_path / "a.npz", tmp_path / "a.h5"):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        assert "damaged" in refused(path)


def test_changed_bytes_are_noticed(no_model, tmp_path):
    write_npz(tmp_path / "a.npz", filled(SMALL))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[200] ^= 255
    (tmp_path / "a.npz").write_bytes(whole)
    assert "damaged" in refused(tmp_path / "a.npz")


def test_nothing_is_ever_unpickled(no_model, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    np.savez(tmp_path / "a.npz", **{"block1_conv1/kernel": np.array([Trap()], object)})
    assert "damaged" in refused(tmp_path / "a.npz")


def test_a_file_without_weights(no_model, tmp_path):
    np.savez(tmp_path / "a.npz", photo=np.zeros(3))
    assert "holds no layer's weights" in refused(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    refused(tmp_path / "b.keras")


def test_the_first_layer_that_differs_is_named(tmp_path):
    layers = weights.read(weights.BUNDLED)
    for name in ("block3_conv2", "block5_conv1"):
        layers[name] = [np.zeros((5, 5, 256, 256)), layers[name][1]]
    write_npz(tmp_path / "a.npz", layers)
    assert refused(tmp_path / "a.npz") == (
        "a.npz has (5, 5, 256, 256) and (256,) for block3_conv2, "
        "where the model has (3, 3, 256, 256) and (256,)"
    )


def test_a_missing_layer_and_a_missing_bias():
    layers = filled(SMALL)
    del layers["block1_conv2"]
    with pytest.raises(
        ValueError, match=r"no weights for block1_conv2, which needs \(3, 3, 2, 4\)"
    ):
        weights.fit_to(layers, SMALL, "a.npz")
    layers = filled(SMALL)
    del layers["block2_conv1"][1]
    with pytest.raises(ValueError, match=r"has \(3, 3, 4, 5\) for block2_conv1, where the model"):
        weights.fit_to(layers, SMALL, "a.npz")
    numbered = {"conv2d": layers["block1_conv1"]}
    with pytest.raises(ValueError, match="no weights for block1_conv2"):
        weights.fit_to(numbered, SMALL, "a.npz")


def test_another_architecture_with_the_same_names():
    """VGG19 has every layer of VGG16, in the same shapes, and three more between them."""
    shapes = {**SMALL, "block3_conv4": [(3, 3, 5, 5), (5,)]}
    with pytest.raises(ValueError, match="for block3_conv4, a layer that the model lacks"):
        weights.fit_to(filled(shapes), SMALL, "vgg19.h5")
    numbered = dict(
        zip(("conv2d", "conv2d_1", "conv2d_2", "conv2d_3"), filled(shapes).values(), strict=True)
    )
    with pytest.raises(ValueError, match="for conv2d_3, a layer that the model lacks"):
        weights.fit_to(numbered, SMALL, "vgg19.h5")
    norm = {**SMALL, "batch_normalization": [(2,), (2,), (2,), (2,)]}
    with pytest.raises(ValueError, match="for batch_normalization, a layer that the model lacks"):
        weights.fit_to(filled(norm), SMALL, "bn.h5")
    top = {**SMALL, "fc1": [(4, 4), (4,)]}
    with pytest.raises(ValueError, match="for fc2, a layer that the model lacks"):
        weights.fit_to(filled({**top, "fc2": [(4, 4), (4,)]}), top, "deeper.h5")


def test_a_resnet_is_refused(tmp_path):
    from helpers.quiet import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(64, 7)(inputs))
    keras.Model(inputs, x).save(tmp_path / "other.keras")
    assert "has (7, 7, 3, 64) and (64,) for block1_conv1" in refused(tmp_path / "other.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(value):
    layers = filled(SMALL)
    layers["block1_conv2"][0][0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=r"a\.npz holds NaN or infinity in block1_conv2"):
        weights.fit_to(layers, SMALL, "a.npz")


def test_text_instead_of_numbers():
    layers = filled(SMALL)
    layers["block1_conv1"][1] = np.array(["a", "b"])
    with pytest.raises(ValueError, match="something other than numbers in block1_conv1"):
        weights.fit_to(layers, SMALL, "a.npz")


# Choices ----------------------------------------------------------------------------------------


def test_imagenet_is_downloaded_then_found(serve, imagenet_file, vgg16, monkeypatch, capsys):
    monkeypatch.setattr(weights, "IMAGENET_BASE", serve(imagenet_file.read_bytes()))
    model = models.load_vgg16("imagenet", input_shape=(32, 32, 3))
    assert "VGG16 weights: imagenet (downloaded just now)\n" in capsys.readouterr().out
    assert model.weights_used == "imagenet"
    for layer, several in of_model(vgg16).items():
        for one, other in zip(of_model(model)[layer], several, strict=True):
            np.testing.assert_array_equal(one, -other)
    weights.IMAGENET_BASE = weights.IMAGENET_BASE._replace(url="http://127.0.0.1:9/weights.h5")
    models.load_vgg16("imagenet", input_shape=(32, 32, 3))
    assert capsys.readouterr().out == "VGG16 weights: imagenet (found in Keras's cache)\n"


def one_line(capsys):
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    return line


@pytest.fixture
def asked(monkeypatch):
    """What would have been asked for over the network."""
    addresses = []
    monkeypatch.setattr(requests, "get", lambda url, **_: addresses.append(url))
    return addresses


@pytest.mark.parametrize("setting", [None, "", " "])
def test_the_bundled_ones_are_the_default_and_nothing_is_fetched(
    setting, asked, monkeypatch, keras_home, capsys
):
    if setting is not None:
        monkeypatch.setenv("CNN_WEIGHTS", setting)
    model = models.load_vgg16(input_shape=(32, 32, 3))
    assert model.weights_used == "bundled"
    assert one_line(capsys) == "VGG16 weights: bundled (they come with the course)\n"
    assert asked == [] and not keras_home.exists()


def test_a_damaged_cache_matters_to_imagenet_alone(keras_home):
    keras_home.mkdir(parents=True)
    (keras_home / "base.h5").write_bytes(b"broken")
    assert models.load_vgg16(input_shape=(32, 32, 3)).weights_used == "bundled"
    with pytest.raises(ValueError, match=r"is damaged .* delete that file"):
        models.load_vgg16("imagenet")


def test_imagenet_asked_for_and_out_of_reach(no_model):
    with pytest.raises(OSError, match="cannot be reached"):
        models.load_vgg16("imagenet")


@pytest.mark.parametrize("choice", ["bundled", "random", " bundled "])
def test_the_environment_chooses_where_nothing_is_asked_for(choice, monkeypatch, capsys):
    monkeypatch.setenv("CNN_WEIGHTS", choice)
    model = models.load_vgg16(input_shape=(32, 32, 3))
    assert model.weights_used == choice.strip()
    assert one_line(capsys) == f"VGG16 weights: {choice.strip()} (set by CNN_WEIGHTS)\n"


def test_the_environment_may_name_a_file(monkeypatch, capsys):
    monkeypatch.setenv("CNN_WEIGHTS", str(weights.BUNDLED))
    models.load_vgg16(input_shape=(32, 32, 3))
    assert one_line(capsys) == f"VGG16 weights: {weights.BUNDLED.name} (set by CNN_WEIGHTS)\n"


def test_the_environment_does_not_replace_a_choice(monkeypatch, capsys):
    monkeypatch.setenv("CNN_WEIGHTS", "random")
    assert models.load_vgg16("bundled", input_shape=(32, 32, 3)).weights_used == "bundled"
    assert one_line(capsys) == "VGG16 weights: bundled (asked for)\n"


@pytest.mark.parametrize("choice", ["imagnet", "", "auto", 3, b"bundled", "x" * 3_000])
def test_unknown_choices(choice, no_model):
    with pytest.raises(ValueError, match="choose one of bundled, imagenet, random, or the"):
        models.load_vgg16(choice)


def test_an_unknown_choice_in_the_environment(monkeypatch, no_model):
    monkeypatch.setenv("CNN_WEIGHTS", "none-of-them")
    with pytest.raises(ValueError, match=r"'none-of-them' \(set by CNN_WEIGHTS\); choose one of"):
        models.load_vgg16()


def test_random_is_the_same_every_time(capsys):
    once, again = (models.load_vgg16("random", input_shape=(32, 32, 3)) for _ in range(2))
    assert_same(of_model(once), of_model(again))
    assert once.weights_used == "random"
