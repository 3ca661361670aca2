"""A scan spread over workers is the scan of one process: order, mistakes, deaths and interrupts."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
import tqdm.auto
from distributed import Client, LocalCluster
from PIL import Image

from helpers import cluster, collection, datasets, images, models, patches, ranking
from helpers.quiet import keras

COUNT = 150


@pytest.fixture(scope="module")
def client():
    """Two workers in this process."""
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(n_workers=2, processes=False, **options) as local, Client(local) as found:
        yield found


@pytest.fixture(scope="module")
def model():
    """A small network of random weights: 12 × 12 photos, maps of 10 × 10."""
    keras.utils.set_random_seed(3)
    stack = [keras.Input((12, 12, 3)), keras.layers.Conv2D(4, 3, activation="relu", name="conv")]
    return keras.Sequential([*stack, keras.layers.Flatten(), keras.layers.Dense(3, name="dense")])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Photos of noise; each fifth one is the one before, again."""
    folder, paths = tmp_path_factory.mktemp("photos"), []
    noise = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 12, 3), dtype=np.uint8)
    for number in range(COUNT):
        paths.append(folder / f"{number:03}.png")
        Image.fromarray(noise[number - (number % 5 == 4)]).save(paths[-1])
    return paths


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(cluster, "PART", 16)


def scan(model, photos, client=None, layers=("conv", "dense"), **options):
    options = {"prepare": images.scale_to_one, "progress": False, **options}
    return patches.scan(model, layers, photos, client=client, **options)


def assert_same(one, other):
    assert list(one.rankings) == list(other.rankings)
    for here, there in zip(one.rankings.values(), other.rankings.values(), strict=True):
        assert here[:3] == there[:3]
        for mine, yours in zip(here[3:], there[3:], strict=True):
            assert np.array_equal(mine, yours) if mine is not None else yours is None
        assert np.asarray(here.values).dtype == np.float32


# The same result


@pytest.mark.parametrize("each_unit", [False, True])
def test_a_cluster_ranks_as_one_process_does_to_the_last_bit(model, files, client, each_unit):
    alone = scan(model, files, each_unit=each_unit)
    for photos in (files, map(str, files), [("a photo", path) for path in files]):
        spread = scan(model, photos, client, each_unit=each_unit)
        assert_same(alone, spread)
        assert repr(spread) == repr(alone)
    hit = alone["conv"].best(1)[0]
    assert np.array_equal(alone.patch("conv", hit), spread.patch("conv", hit))
    assert spread.photos[hit.photo].name == "a photo"
    assert scan(model, files[0].parent, client).photos[7].name == str(files[7])


def test_of_equal_photos_in_different_parts_the_first_wins(model, files, client):
    for found in (scan(model, files[:1] * 60), scan(model, files[:1] * 60, client)):
        assert [hit.photo for hit in found["conv"].best(2)] == [*range(9)]


def test_of_many_photos_the_same_few_are_kept(model, files, client, monkeypatch):
    whole = scan(model, files)
    for module in (datasets, patches, ranking):
        monkeypatch.setattr(module, "FEW", 40)
    monkeypatch.setattr(ranking, "KEPT", 12)
    alone, spread = scan(model, files), scan(model, files, client)
    assert_same(alone, spread)
    for name, full in whole.rankings.items():
        few = spread[name]
        assert few.values.shape == (3 * 12, full.map_shape[2]) == few.photos.shape
        for channel in range(full.map_shape[2]):
            assert few.best(channel, count=12) == full.best(channel, count=12)
            assert few.least(channel, count=12) == full.least(channel, count=12)
            assert few.drawn(channel, count=12) == full.drawn(channel, count=12)
        assert np.array_equal(few.by_strength(), full.by_strength())
    with pytest.raises(ValueError, match="of more than 40 photos 12 are kept, not 13"):
        spread["conv"].best(0, count=13)
    hit = alone["conv"].best(0)[0]
    assert np.array_equal(alone.patch("conv", hit), whole.patch("conv", hit))


def test_photos_are_named_by_addresses_too(model, files, client):
    for path in files:
        with fsspec.open(f"memory://cluster/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    addresses = [f"memory://cluster/{path.name}" for path in files]
    alone, spread = scan(model, addresses), scan(model, addresses, client)
    assert_same(scan(model, files), alone)
    assert_same(alone, spread)
    assert spread.photos[3].name == "memory://cluster/003.png"
    assert np.array_equal(spread.photos[3].pixels, alone.photos[3].pixels)


def test_what_cannot_be_read_is_skipped_and_named(model, files, client, capsys):
    photos = [str(path) for path in files]
    photos[5], photos[20], photos[21] = "none.png", "memory://cluster/none.png", "nowhere://x/1.png"
    alone = scan(model, photos)
    said = capsys.readouterr().out
    spread = scan(model, photos, client)
    assert_same(alone, spread)
    assert capsys.readouterr().out == said
    assert said.startswith("Skipped 3 of 150 photos. none.png: no photo")
    assert [photo.name for photo in spread.skipped] == [photos[k] for k in (5, 20, 21)]
    assert "nowhere" in spread.skipped[2].error and spread.photos[20].pixels is None


def test_a_photo_that_is_gone_when_it_is_asked_for(model, files, client, tmp_path):
    path = tmp_path / "once.png"
    path.write_bytes(files[0].read_bytes())
    found = scan(model, [path], client)
    path.unlink()
    with pytest.raises(ValueError, match=r"once\.png was scanned, but can't be read again: no ph"):
        found.patch("conv", found["conv"].best(0)[0])


# How it works


def test_the_network_is_loaded_once(model, files, client, monkeypatch):
    loaded, load = [], keras.models.load_model

    def counted(*given, **options):
        loaded.append(1)
        return load(*given, **options)

    monkeypatch.setattr(keras.models, "load_model", counted)
    cluster._loaded.clear()
    scan(model, files, client)
    assert len(loaded) == 1  # both workers are in this process


def test_names_are_taken_as_they_are_needed(model, files, client, monkeypatch):
    given, ahead, done = [], [], []

    def source():
        for path in files * 4:
            given.append(1)
            yield path

    class Bar(tqdm.auto.tqdm):
        def update(self, count):
            ahead.append(len(given) - sum(done))
            done.append(count)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    scan(model, source(), client)
    assert sum(done) == len(given) == 4 * COUNT and len(done) > 20, "the bar moves all along"
    assert max(ahead) <= 2 * (1 + cluster.AHEAD) * 16


def test_an_interrupt_takes_back_what_was_not_begun(model, files, client, monkeypatch):
    begun = []

    def prepare(batch):
        begun.append(1)
        return images.scale_to_one(batch)

    class Bar(tqdm.auto.tqdm):
        def update(self, count):
            raise KeyboardInterrupt

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    with pytest.raises(KeyboardInterrupt):
        scan(model, files * 20, client, prepare=prepare)
    while any(client.processing().values()):  # what was in work
        pass
    assert len(begun) < 20 and not client.futures, "of 375 groups"
    monkeypatch.undo()
    assert_same(scan(model, files), scan(model, files, client))


# Mistakes


def test_wrong_requests_say_what_is_wrong_in_a_sentence(model, files, client):
    pixels = np.zeros((3, 12, 12, 3), np.uint8)
    with pytest.raises(ValueError, match="named by paths or addresses, not given as ndarray"):
        scan(model, pixels, client)
    with pytest.raises(ValueError, match=r"client is a distributed\.Client.*, not 'tcp"):
        scan(model, files, "tcp://127.0.0.1:8786")
    with pytest.raises(ValueError, match="none of 2 photos could be read"):
        scan(model, ["a.png", "b.png"], client)
    with pytest.raises(ValueError, match="at most 1 photos fit"), pytest.MonkeyPatch.context() as p:
        p.setattr(patches, "MAX_KEPT", 500)
        scan(model, iter(files), client, each_unit=True)


def test_a_network_that_cannot_travel_is_refused_in_a_sentence(files, client):
    stack = [keras.Input((12, 12, 3)), keras.layers.Conv2D(2, 3, name="conv")]
    secret = keras.Sequential([*stack, keras.layers.Lambda(lambda maps: maps + 1)], name="secret")
    with pytest.raises(ValueError, match=r"^secret cannot travel.*[^\n]*$"):
        scan(secret, files, client, layers="conv")


def test_nan_in_a_worker_is_the_same_error(files, client):
    linear = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(2, 3, name="conv")])
    linear.layers[0].set_weights([np.full((3, 3, 3, 2), np.nan), np.zeros(2)])
    with pytest.raises(ValueError, match="conv answers with NaN"):
        scan(linear, files, client, layers="conv")


@pytest.mark.parametrize(
    "missing, photos", [("distributed", ["a.png"]), ("fsspec", ["memory://a.png"])]
)
def test_what_is_missing_is_named_with_what_installs_it(model, missing, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    client = object() if missing == "distributed" else None
    line = r": pip install -r requirements-cluster.txt -c constraints.txt$"
    with pytest.raises(ImportError, match=line):
        scan(model, photos, client)


def test_without_a_cluster_nothing_of_it_is_imported():
    code = (
        "import sys\nfrom helpers import collection, images, models, patches\n"
        "model = models.load_cat_dog()\n"
        "patches.scan(model, 'conv1', collection.files()[:2], images.scale_to_one)\n"
        "print([name for name in ('dask', 'distributed', 'fsspec') if name in sys.modules])"
    )
    root = Path(cluster.__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


# On a GPU


def test_on_a_gpu_a_network_takes_what_its_memory_holds(model, vgg16, monkeypatch):
    monkeypatch.setattr(cluster, "PART", 128)
    assert patches.group_size(model) == patches.GROUP
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    inner = keras.Sequential([keras.Input((224, 224, 3)), vgg16, keras.layers.Flatten()])
    assert patches.group_size(model) == 128  # never more than a part
    assert patches.group_size(vgg16) == patches.group_size(inner) == 32
    monkeypatch.setattr(patches, "GPU_NUMBERS", 1)
    assert patches.group_size(vgg16) == patches.GROUP


def test_larger_groups_change_a_last_digit_at_most(model, files, monkeypatch):
    small = scan(model, files)
    monkeypatch.setattr(patches, "GROUP", 128)
    large = scan(model, files)
    np.testing.assert_allclose(large["conv"].values, small["conv"].values, rtol=1e-5)


# Workers in processes of their own, which can be killed


@pytest.mark.ci
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_loses_nothing(model, files, workers):
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(n_workers=workers, **options) as local, Client(local) as client:
        killed = []

        def source():
            for number, path in enumerate(files * 4):
                if number == 400:  # some parts are done, and others in work
                    killed.append(next(iter(client.run(os.getpid).values())))
                    os.kill(killed[0], 9)
                yield path

        found = scan(model, source(), client)
        assert killed and killed[0] not in client.run(os.getpid).values()
    assert_same(scan(model, files * 4), found)


@pytest.mark.ci
def test_processes_rank_the_courses_photos_as_one_does():
    network, photos = models.load_cat_dog(), collection.files()
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(n_workers=2, **options) as local, Client(local) as client:

        def networks():
            from helpers import cluster

            return [id(network) for network in cluster._loaded.values()]

        spread = scan(network, photos * 2, client, ["conv2", "conv4", "dog"])
        assert [len(found) for found in client.run(networks).values()] == [1, 1]
    assert_same(scan(network, photos * 2, layers=["conv2", "conv4", "dog"]), spread)
