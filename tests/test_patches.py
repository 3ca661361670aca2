"""One scan over many photos, against brute force, whatever the batch, the source and the model."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from helpers import images, models, patches
from helpers.quiet import keras

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_and_dogs"


@pytest.fixture(scope="module")
def model():
    """A small network of random weights: 12 × 12 photos, maps of 10 × 10 and 5 × 5."""
    keras.utils.set_random_seed(3)
    stack = [
        keras.Input((12, 12, 3)),
        keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
        keras.layers.MaxPooling2D(name="pool"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(3, name="dense"),
    ]
    return keras.Sequential(stack)


def noise(count, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8))


def scan(model, layers, photos, **options):
    return patches.scan(model, layers, photos, images.scale_to_one, progress=False, **options)


def maps_of(model, photos, name):
    inner = keras.Model(model.inputs[0], model.get_layer(name).output)
    return np.stack([inner(images.scale_to_one(photo))[0] for photo in photos])


def same(one, other):
    return all(one.best(channel) == other.best(channel) for channel in range(one.map_shape[2]))


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 40),
    top=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_a_scan_finds_what_brute_force_finds(model, count, top, seed):
    photos = noise(count, seed)
    ranking = scan(model, "conv", photos)["conv"]
    maps = maps_of(model, photos, "conv")
    highest = maps.max(axis=(1, 2))
    for channel in range(4):
        hits = ranking.best(channel, count=top)
        order = np.sort(highest[:, channel])[::-1]
        assert len(hits) == min(top, count)
        np.testing.assert_allclose([hit.value for hit in hits], order[: len(hits)], rtol=1e-5)
        for hit in hits:
            value = maps[hit.photo, hit.row, hit.col, channel]
            assert value == pytest.approx(hit.value, rel=1e-5)
        assert len({hit.photo for hit in hits}) == len(hits)


def test_the_result_is_the_same_to_the_last_bit_whatever_the_source(model):
    photos = noise(37)
    first, other = (scan(model, ["conv", "dense"], given) for given in (photos, iter(photos)))
    assert all(same(first[name], other[name]) for name in ("conv", "dense"))


def test_a_result_does_not_depend_on_a_photos_neighbors(model):
    photos = noise(21)
    values = {}
    for shift in (0, 1, 5):
        ranking = scan(model, "conv", photos[shift:] + photos[:shift])["conv"]
        values[shift] = np.sort(ranking.values, axis=0)
    assert np.array_equal(values[0], values[1]) and np.array_equal(values[0], values[5])


def test_of_equal_photos_and_places_the_first_wins(model):
    flat = np.full((12, 12, 3), 200, np.uint8)
    ranking = scan(model, "conv", [flat] * 20)["conv"]
    assert all([hit.photo for hit in ranking.best(c)] == [*range(9)] for c in range(4))
    rows, cols = ranking.map_shape[:2]
    for channel in range(4):  # a silent channel's place is the map's middle
        silent = ranking.values[:, channel].max() == 0
        place = (rows // 2, cols // 2) if silent else (0, 0)
        assert {(hit.row, hit.col) for hit in ranking.best(channel)} == {place}


def test_single_units_are_ranked_as_well(model):
    photos = noise(20)
    result = scan(model, ["conv", "pool"], photos, each_unit=True)
    for name in ("conv", "pool"):
        maps = maps_of(model, photos, name)
        for row, col, channel in ((0, 0, 0), (2, 4, 3), (4, 1, 2)):
            hits = result[name].best(channel, row, col, count=4)
            wanted = np.sort(maps[:, row, col, channel])[::-1][:4]
            np.testing.assert_allclose([hit.value for hit in hits], wanted, rtol=1e-5)
            assert all((hit.row, hit.col) == (row, col) for hit in hits)
        assert same(result[name], scan(model, name, photos)[name])


def test_silent_channels_are_named(model):
    mute = keras.models.clone_model(model)
    kernel, bias = model.get_layer("conv").get_weights()
    bias[2] = -1000
    mute.get_layer("conv").set_weights([kernel, bias])
    ranking = scan(mute, "conv", noise(5))["conv"]
    assert [c for c in range(4) if not ranking.exciting(c)] == [2]
    assert ranking.by_strength()[-1] == 2
    assert len(ranking.best(2)) == 5 and ranking.exciting(2) == []
    assert ranking.exciting(0) == [hit for hit in ranking.best(0) if hit.value > 0]


def test_places_in_maps_that_are_no_squares():
    inputs = keras.Input((12, 16, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 3, name="conv")(inputs))
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 3))
    kernel[..., 1] = 0
    model.layers[1].set_weights(
        [kernel, np.array([0, 0, -1000])]
    )  # any sign, silent, below 0 everywhere
    photos = list(np.random.default_rng(2).integers(0, 256, (9, 12, 16, 3), dtype=np.uint8))
    result, maps = scan(model, "conv", photos, each_unit=True), maps_of(model, photos, "conv")
    for channel in (0, 2):
        for hit in result["conv"].best(channel):
            plane = maps[hit.photo, :, :, channel]
            assert (hit.row, hit.col) == np.unravel_index(plane.argmax(), (10, 14))
    assert {(hit.row, hit.col) for hit in result["conv"].best(1)} == {(5, 7)}
    (best,) = result["conv"].best(0, row=2, col=13, count=1)
    assert (best.row, best.col) == (2, 13)
    assert best.value == pytest.approx(maps[:, 2, 13, 0].max(), rel=1e-5)


def test_dense_layers_see_the_whole_photo(model):
    photos = noise(10)
    result = scan(model, "dense", photos)
    maps = maps_of(model, photos, "dense")
    hits = result["dense"].best(1, count=3)
    assert [hit.photo for hit in hits] == np.argsort(-maps[:, 1])[:3].tolist()
    assert result["dense"].field is None
    assert np.array_equal(result.patch("dense", hits[0]), photos[hits[0].photo])


def test_a_model_of_any_size_is_refused():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, strides=2, name="conv")(inputs))
    with pytest.raises(ValueError, match="of a fixed size; build it with an input_shape"):
        scan(model, 1, noise(3))


# Sources


def test_folders_lists_iterators_and_arrays_give_the_same(model, tmp_path):
    photos = noise(11)
    for number, photo in enumerate(photos):
        Image.fromarray(photo).save(tmp_path / f"{number:02}.png")
    paths = sorted(tmp_path.iterdir())
    first = scan(model, "conv", tmp_path)
    sources = (paths, map(str, paths), np.stack(photos), ((p.name, p.read_bytes()) for p in paths))
    for source in sources:
        assert same(first["conv"], scan(model, "conv", source)["conv"])
    assert [photo.name for photo in first.photos] == [str(path) for path in paths]


def test_unreadable_files_are_skipped_and_named_at_the_end(model, tmp_path, capsys):
    for number, photo in enumerate(noise(10)):
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"no image")
    whole = (tmp_path / "8.png").read_bytes()
    (tmp_path / "8.png").write_bytes(whole[: len(whole) // 2])
    result = scan(model, "conv", tmp_path)
    assert [Path(skipped.name).name for skipped in result.skipped] == ["3.png", "8.png"]
    assert sorted({hit.photo for hit in result["conv"].best(0)}) == [0, 1, 2, 4, 5, 6, 7, 9]
    said = capsys.readouterr().out
    assert said.startswith("Skipped 2 of 10 photos") and "3.png" in said and "8.png" in said
    assert "2 skipped" in repr(result) and "8 photos" in repr(result)


def test_photos_come_back_as_they_were_scanned(model, tmp_path):
    photos = noise(30)
    paths = []
    for number, photo in enumerate(photos):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(photo).save(paths[-1])
    for source in (photos, iter(photos), paths, iter(paths)):
        result = scan(model, "conv", source)
        for hit in result["conv"].best(1):
            assert np.array_equal(result.photos[hit.photo].pixels, photos[hit.photo])


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 30), top=st.integers(1, 12), seed=st.integers(0, 99))
def test_the_weakest_photos_are_those_with_the_lowest_maxima(model, count, top, seed):
    photos = noise(count, seed)
    ranking = scan(model, "conv", photos)["conv"]
    maps = maps_of(model, photos, "conv")
    for channel in range(4):
        lowest = np.sort(maps.max(axis=(1, 2))[:, channel])
        hits = ranking.least(channel, count=top)
        np.testing.assert_allclose([h.value for h in hits], lowest[:top], rtol=1e-5, atol=1e-6)
        for hit in hits:
            value = maps[hit.photo, hit.row, hit.col, channel]
            assert value == pytest.approx(hit.value, rel=1e-5, abs=1e-6)


def test_of_photos_that_leave_a_channel_silent_some_are_drawn(model):
    black = [np.zeros((12, 12, 3), np.uint8)] * 100  # the biases are 0, so every map is
    least = [hit.photo for hit in scan(model, "conv", black)["conv"].least(0)]
    assert len(set(least)) == 9 and max(least) > 60


def test_photos_are_drawn_evenly_and_are_the_same_for_every_channel(model):
    photos = noise(200)
    ranking = scan(model, "conv", photos)["conv"]
    drawn = [hit.photo for hit in ranking.drawn(0)]
    assert len(set(drawn)) == 9
    assert all([hit.photo for hit in ranking.drawn(c)] == drawn for c in range(4))
    assert min(drawn) < 60 and max(drawn) > 140  # not only the first, nor the last
    maps = maps_of(model, photos, "conv")
    for hit in ranking.drawn(2):
        assert hit.value == pytest.approx(maps[hit.photo, :, :, 2].max(), rel=1e-5, abs=1e-6)
    other = scan(model, "conv", iter(photos))["conv"]
    assert [hit.photo for hit in other.drawn(0)] == drawn


def test_photos_are_taken_from_a_generator_as_they_are_needed(model):
    given, at_once = [], []

    def source():
        for photo in noise(200):
            given.append(1)
            yield photo

    def prepare(batch):
        at_once.append(len(given) - patches.GROUP * len(at_once))
        return images.scale_to_one(batch)

    patches.scan(model, "conv", source(), prepare, progress=False)
    assert len(given) == 200 and max(at_once) <= 32 + 2 * patches.GROUP + 1


# Patches


def test_a_patch_is_the_units_field_and_gray_outside_the_photo(vgg16):
    photo = np.random.default_rng(0).integers(0, 100, (224, 224, 3), dtype=np.uint8)
    result = patches.scan(vgg16, "block1_conv2", [photo], images.prepare, progress=False)
    inside = result.patch("block1_conv2", patches.Hit(0, 1.0, 10, 20))
    assert np.array_equal(inside, photo[8:13, 18:23])
    corner = result.patch("block1_conv2", patches.Hit(0, 1.0, 0, 223))
    assert corner.shape == (5, 5, 3)
    assert np.all(corner[:2] == patches.OUTSIDE) and np.all(corner[:, 3:] == patches.OUTSIDE)
    assert np.array_equal(corner[2:, :3], photo[:3, 221:])


def test_a_field_larger_than_the_photo_shows_what_is_inside_in_the_middle_of_a_square():
    deep = [keras.Input((20, 20, 3)), keras.layers.Conv2D(1, 41, padding="same", name="wide")]
    photo = noise(1)[0].repeat(2, axis=0)[:20, :10].repeat(2, axis=1)
    result = scan(keras.Sequential(deep), "wide", [photo])
    corner = result.patch("wide", patches.Hit(0, 1.0, 0, 10))  # rows -20 to 20, cols -10 to 30
    assert np.array_equal(corner, photo)
    field = result["wide"].field._replace(start=(-35, -20))
    result.rankings["wide"] = result["wide"]._replace(field=field)
    low = result.patch("wide", patches.Hit(0, 1.0, 0, 10))  # rows -35 to 5, cols -10 to 30
    assert low.shape == (20, 20, 3)
    assert np.array_equal(low[7:13], photo[:6])
    assert np.all(low[:7] == patches.OUTSIDE) and np.all(low[13:] == patches.OUTSIDE)


def test_a_field_larger_than_the_photo_one_way_only_is_shown_whole():
    wide = [keras.Input((20, 20, 3)), keras.layers.Conv2D(1, (3, 41), padding="same", name="wide")]
    photo = np.full((20, 20, 3), 7, np.uint8)
    patch = scan(keras.Sequential(wide), "wide", [photo]).patch("wide", patches.Hit(0, 1.0, 0, 5))
    assert patch.shape == (3, 41, 3)  # rows -1 to 2, cols -15 to 26
    assert (patch[1:, 15:35] == 7).all()
    assert (patch == 7).sum() == 2 * 20 * 3 and (patch[0] == patches.OUTSIDE).all()


# Mistakes


@pytest.mark.parametrize(
    "layers, options, message",
    [
        ("none", {}, "no layer 'none'"),
        ([], {}, "at least one layer"),
        ("conv", {"each_unit": True}, "400 units; .* at most 2 photos"),
    ],
)
def test_wrong_requests_say_what_is_wrong(model, layers, options, message, monkeypatch):
    monkeypatch.setattr(patches, "MAX_KEPT", 1000)
    with pytest.raises(ValueError, match=message):
        scan(model, layers, noise(3), **options)


def test_wrong_sources_say_what_is_wrong(model, tmp_path):
    with pytest.raises(ValueError, match="not as int"):
        scan(model, "conv", 5)
    with pytest.raises(ValueError, match="none of 2 photos could be read"):
        scan(model, "conv", [tmp_path / "a.png", tmp_path / "b.png"])
    with pytest.raises(ValueError, match="none of 0"):
        scan(model, "conv", [])
    with pytest.raises(FileNotFoundError, match="no folder"):
        scan(model, "conv", tmp_path / "none")


def test_wrong_questions_say_what_is_wrong(model):
    result = scan(model, "conv", noise(3))
    with pytest.raises(ValueError, match="it has conv"):
        result["pool"]
    with pytest.raises(ValueError, match="channels 0 to 3"):
        result["conv"].best(4)
    with pytest.raises(ValueError, match="each_unit=True"):
        result["conv"].best(0, 1, 1)
    with pytest.raises(ValueError, match="both"):
        result["conv"].best(0, row=1)


def test_nan_in_a_layer_is_an_error():
    linear = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(2, 3, name="linear")])
    linear.layers[0].set_weights([np.full((3, 3, 3, 2), np.nan), np.zeros(2)])
    with pytest.raises(ValueError, match="linear answers with NaN"):
        scan(linear, "linear", noise(3))


@pytest.mark.ci
@pytest.mark.skipif(
    not (SHARED / "train").is_dir(), reason="no cat and dog photos in ../shared/data"
)
def test_all_two_thousand_photos_are_scanned():
    network = models.load_cat_dog()
    result = patches.scan(
        network, ["conv4", "dog"], SHARED / "train", images.scale_to_one, progress=False
    )
    assert len(result.photos) == 2000 and not result.skipped
    assert sum(result["conv4"].values.max(axis=0) <= 0) < 64
    doggiest = [result.photos[hit.photo].name for hit in result["dog"].best(0)]
    assert sum("dogs" in name for name in doggiest) >= 7
    hit = result["conv4"].best(0)[0]
    again = images.load_photo(result.photos[hit.photo].name, (150, 150))
    assert np.array_equal(result.photos[hit.photo].pixels, again)
