"""Files from anywhere: at worst they are refused, quickly, in a sentence, and nothing is run."""

import ast
import io
import itertools
import re
import struct
import subprocess
import sys
import textwrap
import warnings
import zipfile
import zlib
from pathlib import Path

import fuzz
import h5py
import numpy as np
import pytest
from PIL import Image

from helpers import datasets, images
from helpers.safety import photos, weights

ROOT = Path(images.__file__).parents[1]


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refused(function, *given):
    """The error's text, one printable sentence."""
    with pytest.raises(ValueError) as caught:
        function(*given)
    message = str(caught.value)
    assert message.isprintable() and 20 < len(message) < 400
    return message


# Thousands of damaged files ---------------------------------------------------------------------


@pytest.mark.parametrize(("group", "cases"), [("photos", 700), ("weights", 200)])
def test_damaged_files_are_read_or_refused(group, cases):
    """A share of what ``python tools/fuzz.py`` does."""
    counted = fuzz.run(group, seed=1, first=0, last=cases)
    text, good = fuzz.report(group, 1, counted)
    assert good, text
    assert sum(counted.results.values()) == cases
    assert 0.03 * cases < counted.results["read"] < 0.6 * cases, "damage, but not all of it fatal"


@pytest.mark.parametrize("group", ["photos", "weights"])
def test_the_files_are_good_before_they_are_damaged(group, tmp_path):
    readers = {"photos": fuzz.read_photo, "weights": fuzz.read_weights}
    for name, data in fuzz.seeds(group).items():
        if name != "keras2_packed.h5":  # which Keras never writes
            readers[group](tmp_path / name, data, fuzz.random.Random(0))


def test_a_crash_and_a_hang_belong_to_one_case(monkeypatch, tmp_path):
    """Of a reader that crashes at case 3 and hangs at case 5, both are noticed, and no other."""
    worker = tmp_path / "worker.py"
    worker.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            first, last = map(int, sys.argv[4:])
            for number in range(first, last):
                print("begin", number, flush=True)
                if number == 3:
                    os.abort()
                time.sleep(600 if number == 5 else 0)
                print("end", number, 0.0, 0, "read", flush=True)
            """
        )
    )
    monkeypatch.setattr(fuzz, "__file__", str(worker))
    monkeypatch.setattr(fuzz, "HANG_SECONDS", 5)
    counted = fuzz.run("photos", 0, 0, 8)
    assert counted.results == {"read": 6, "WRONG": 2}
    assert "crashes" in counted.wrong[3] and "hangs" in counted.wrong[5]


# Photos -----------------------------------------------------------------------------------------


def test_50_000_by_50_000_pixels_are_refused_before_they_are_decoded(tmp_path):
    """A true PNG of 0.3 MB that would need 2.5 GB; the process that asks for it needs 0.2."""
    packing = zlib.compressobj(1)
    line = bytes(1 + 50_000 // 8) * 100
    pixels = b"".join(packing.compress(line) for _ in range(500)) + packing.flush()
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    (tmp_path / "huge.png").write_bytes(fuzz.join_png(parts))
    code = (
        "import sys\nfrom helpers import images\n"
        "try: images.load_photo(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "if sys.platform == 'linux': print(open('/proc/self/status').read())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "huge.png"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert result.stdout.startswith("'huge.png' is too large; photos of up to 64 million pixels")
    if sys.platform == "linux":
        assert int(re.search(r"VmHWM:\s*(\d+) kB", result.stdout).group(1)) < 200_000


def many_scans(image, count):
    """A progressive JPEG whose last scan comes again and again."""
    whole = encoded(image, "JPEG", progressive=True, quality=1)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + whole[-2:]


def test_a_jpeg_of_thousands_of_passes():
    """52 kB that keep a decoder busy for 8 s; with ten times the bytes, for 80."""
    bomb = many_scans(Image.new("RGB", (2000, 2000)), 2000)
    assert len(bomb) < 60_000
    assert "2000 × 2000 pixels in very many passes, is too large" in refused(
        images.load_photo, bomb
    )
    usual = encoded(Image.new("RGB", (6000, 8000), "gray"), "JPEG", progressive=True)
    assert images.load_photo(usual, (32, 32)).shape == (32, 32, 3)


def test_no_scan_is_hidden():
    """Also not behind markers that are none."""
    one = encoded(Image.new("RGB", (64, 64)), "JPEG")
    several = encoded(Image.new("RGB", (64, 64)), "JPEG", progressive=True)

    def count(data):
        return photos._passes(Image.open(io.BytesIO(data)), io.BytesIO(data))

    assert count(one) == 1
    assert count(several) == several.count(b"\xff\xda") > 5
    hidden = one[:-2] + b"\xff\x02\xff\xd0\xff\xff" + several[several.index(b"\xff\xda") :]
    assert count(hidden) == 1 + count(several)


def test_a_packed_bitmap_that_python_would_unpack_for_seconds():
    side = 8000
    row = b"\xff\x12" * (side // 255) + bytes([side % 255, 0x12]) + b"\0\0"
    body = row * side + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 4, 2, len(body), 0, 0, 16, 0)
    file = struct.pack("<2sIHHI", b"BM", 118 + len(body), 0, 0, 118) + head + bytes(64) + body
    assert "very many passes" in refused(images.load_photo, file)


def tag(data, number, count=None, value=None):
    """A TIFF in which one tag's count or value is another."""
    data = bytearray(data)
    (begin,) = struct.unpack("<I", data[4:8])
    places = range(begin + 2, begin + 2 + 12 * data[begin], 12)
    entry = next(at for at in places if data[at : at + 2] == struct.pack("<H", number))
    for place, new in ((entry + 4, count), (entry + 8, value)):
        if new is not None:
            data[place : place + 4] = struct.pack("<I", new)
    return bytes(data)


def test_a_tiff_that_lacks_most_of_its_rows():
    """5 kB that claim 60 million pixels: Pillow would make the missing ones up, for seconds."""
    data = encoded(Image.new("RGB", (60, 40), "red"), "TIFF")
    assert images.load_photo(tag(data, 257, value=40), None).shape == (40, 60, 3)
    assert "a part is missing" in refused(images.load_photo, tag(data, 257, value=1_000_000))


def test_a_png_whose_palette_comes_too_early():
    palette = Image.new("RGB", (9, 9), "red").quantize(4)
    parts = dict(fuzz.split_png(encoded(palette, "PNG", transparency=bytes((255, 0)))))
    order = (b"tRNS", b"PLTE", b"IHDR", b"IDAT", b"IEND")
    data = fuzz.join_png([(name, parts[name]) for name in order])
    assert "is damaged" in refused(images.load_photo, data)


def test_what_pillow_warns_of_is_read_in_silence(tmp_path):
    """Also in threads: filters of warnings belong to the whole process."""
    image = Image.new("RGB", (9, 9))
    parts = fuzz.split_png(encoded(image, "PNG"))
    bad_mark = b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12\0\x02\0\0\0\x04abc"
    odd = {
        "animation.png": fuzz.join_png([*parts[:1], (b"acTL", bytes(8)), *parts[1:]]),
        "mark.jpg": encoded(image, "JPEG", exif=bad_mark),
        "tags.tif": tag(encoded(image, "TIFF", description="a picture"), 270, 10**9),
    }
    for name, data in odd.items():
        with pytest.warns(UserWarning):
            Image.open(io.BytesIO(data)).getexif()
        (tmp_path / name).write_bytes(data)
    code = (
        "import sys, warnings\n"
        "from helpers import datasets\n"
        "before = list(warnings.filters)\n"
        "photos = datasets.stream(sys.argv[1:] * 100, (9, 9))\n"
        "print(sum(photo.pixels is not None for photo in photos), before == warnings.filters)"
    )
    command = [sys.executable, "-c", code, *(tmp_path / name for name in odd)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("300 True\n", "")


def test_a_name_is_only_a_label(tmp_path, monkeypatch):
    """Bytes under the name of a file, as from an upload: no such file is opened or made."""
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(Image.new("RGB", (4, 4), "red"), "PNG"))
    before = sorted(tmp_path.rglob("*"))
    for name in ("../secret.png", str(secret), "../new.png", "chelsea"):
        given = encoded(Image.new("RGB", (4, 4), "blue"), "PNG")
        (photo,) = datasets.stream([(name, given)], (4, 4))
        assert photo.name == name and photo.pixels[0, 0].tolist() == [0, 0, 255]
    assert sorted(tmp_path.rglob("*")) == before


# Weights ----------------------------------------------------------------------------------------

KERNEL, BIAS = np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2), np.zeros(2, np.float32)


@pytest.fixture
def keras_3(tmp_path):
    """Write a Keras 3 file whose only kernel is what a function makes of the file."""

    def write(make, name="a.weights.h5", **options):
        with h5py.File(tmp_path / name, "w", **options) as file:
            variables = file.create_group("layers/conv/vars")
            variables["1"] = BIAS
            make(variables)
        return tmp_path / name

    return write


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", "<i2", "|u1"])
@pytest.mark.parametrize("options", [{}, {"userblock_size": 512}, {"libver": "latest"}])
def test_arrays_are_found_where_they_are(keras_3, dtype, options):
    path = keras_3(lambda group: group.create_dataset("0", data=KERNEL.astype(dtype)), **options)
    kernel, bias = weights.read(path)["conv"]
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias, BIAS)
    assert kernel.dtype == np.dtype(dtype)


def virtual(group):
    layout = h5py.VirtualLayout((9,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (9,))
    group.create_virtual_dataset("0", layout)


def odd_numbers(group):
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(16)
    kind.set_offset(8)  # 16 bits in the middle of 32
    made = h5py.h5d.create(group.id, b"0", kind, h5py.h5s.create_simple((4,)))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(4, dtype=np.int32))


def unwritten(group):
    group.create_dataset("0", (50_000, 50_000, 99), "f4")


def shared(group):
    group["0"] = np.zeros(9000, np.float32)
    for number in range(2, 1000):
        group[str(number)] = group["0"]


HOSTILE = {
    "a link to another file": lambda g: g.__setitem__("0", h5py.ExternalLink("other.h5", "secret")),
    "a link by name": lambda g: g.__setitem__("0", h5py.SoftLink("/layers/conv/vars/1")),
    "a link to itself": lambda g: g.__setitem__("0", h5py.SoftLink("/layers/conv/vars/0")),
    "bytes of another file": lambda g: g.create_dataset("0", (9,), "f4", external="other.h5"),
    "made of another file": virtual,
    "packed": lambda g: g.create_dataset("0", data=KERNEL, compression="gzip"),
    "in pieces": lambda g: g.create_dataset("0", data=KERNEL, chunks=True),
    "huge and packed": lambda g: g.create_dataset("0", (10**6,) * 2, "f4", compression="gzip"),
    "huge and never written": unwritten,
    "numbers of an odd kind": odd_numbers,
    "a text": lambda g: g.__setitem__("0", "text"),
    "nothing": lambda g: g.__setitem__("0", h5py.Empty("f4")),
    "records": lambda g: g.__setitem__("0", np.zeros(3, [("a", "f4"), ("b", "i4")])),
    "references": lambda g: g.create_dataset("0", (3,), h5py.ref_dtype),
    "a folder": lambda g: g.create_group("0"),
    "an array under a name that is no number": lambda g: g.__setitem__("x", BIAS),
    "one array a thousand times": shared,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_only_arrays_in_the_file_itself_are_read(keras_3, tmp_path, what):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(9, np.float32)
    message = refused(weights.read, keras_3(HOSTILE[what]))
    assert message.startswith("a.weights.h5 is damaged or no weights file")


@pytest.mark.parametrize("group", ["model_weights", "layers", "layers/conv", "layers/conv/vars"])
@pytest.mark.parametrize("kind", ["soft", "external"])
def test_no_link_is_followed_on_the_way(keras_3, tmp_path, group, kind):
    keras_3(lambda variables: variables.__setitem__("0", KERNEL), "good.h5")
    good = {"model_weights": "/", "layers/conv/vars": "/layers/conv/vars"}.get(group, "/" + group)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if kind == "external":
            file[group] = h5py.ExternalLink(str(tmp_path / "good.h5"), good)
        else:
            file["elsewhere/layers/conv/vars/0"] = KERNEL
            file[group] = h5py.SoftLink("/elsewhere" + good)
    assert "link to elsewhere" in refused(weights.read, tmp_path / "a.h5")


@pytest.mark.parametrize(
    "name", ["/elsewhere", "conv/../elsewhere", "layers", "none", "", ".", "/"]
)
def test_names_in_a_keras_2_file_lead_nowhere_else(tmp_path, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["model_weights/conv/kernel"] = KERNEL
        file["elsewhere/kernel"] = KERNEL
        file["model_weights"].attrs["layer_names"] = [name]
        file["elsewhere"].attrs["weight_names"] = ["kernel"]
        file["model_weights/conv"].attrs["weight_names"] = ["kernel"]
    refused(weights.read, tmp_path / "a.h5")


@pytest.mark.parametrize("misfortune", ["os.abort()", "os._exit(7)", "time.sleep(600)"])
def test_hdf5_may_crash_or_hang(keras_3, tmp_path, monkeypatch, misfortune):
    """In a process of its own, with a library that does just this."""
    path = keras_3(lambda group: group.__setitem__("0", KERNEL))
    fake = tmp_path / "fake" / "h5py.py"
    fake.parent.mkdir()
    fake.write_text(f"import os, time\ndef File(*_): {misfortune}\n")
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    assert "the HDF5 library cannot cope with it" in refused(weights.read, path)


def test_this_process_never_opens_an_hdf5_file(keras_3, monkeypatch):
    path = keras_3(lambda group: group.__setitem__("0", KERNEL))
    monkeypatch.setattr(h5py, "File", None)
    np.testing.assert_array_equal(weights.read(path)["conv"][0], KERNEL)


def test_a_file_that_may_not_be_read_is_not_called_damaged(keras_3, tmp_path, monkeypatch):
    path = keras_3(lambda group: group.__setitem__("0", KERNEL))

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    for read in (weights.read, images.load_photo):
        with pytest.raises(PermissionError):
            read(path)


def test_other_files_need_no_process_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    for path in (weights.CAT_DOG, npz(tmp_path / "a.npz", {"a/kernel.npy": npy(KERNEL)})):
        assert weights.read(path)


def npz(path, members, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array, shape=None):
    """An array's bytes; with a shape they don't have."""
    file = io.BytesIO()
    np.save(file, array)
    data = file.getvalue()
    if shape:
        old = str(array.shape).encode()
        data = data.replace(old, shape.encode()).replace(b" " * (len(shape) - len(old)), b"", 1)
    return data


@pytest.mark.parametrize(
    "content",
    [
        b"no array",
        b"",
        npy(BIAS, "(50000, 50000, 3)"),
        npy(BIAS, "(-2,)"),
        npy(BIAS, "(9223372036854775807,)"),
        npy(np.zeros(2, object)),
    ],
)
def test_an_npz_that_lies(tmp_path, content):
    members = {"conv/kernel.npy": npy(KERNEL), "conv/bias.npy": content}
    assert "is damaged or no weights" in refused(weights.read, npz(tmp_path / "a.npz", members))


def test_few_bytes_that_unpack_to_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "MAX_BYTES", 100_000)
    bomb = npy(np.zeros(90_000, np.uint8))
    packed = npz(tmp_path / "a.npz", {f"{n}/kernel.npy": bomb for n in range(2)})
    assert packed.stat().st_size < 2000
    assert "more than 100,000 bytes" in refused(weights.read, packed)
    whole = npz(tmp_path / "a.keras", {"model.weights.h5": bytes(200_000)})
    assert "more than 100,000 bytes" in refused(weights.read, whole)
    odd = npz(tmp_path / "b.npz", {"a/kernel.npy": npy(KERNEL)}, zipfile.ZIP_LZMA)
    assert "neither Keras nor NumPy" in refused(weights.read, odd)


@pytest.mark.parametrize("name", ["line\nbreak", "\x1b[2J", "x" * 3000, "conv2d_" + "9" * 5000])
def test_names_that_would_garble_a_message(tmp_path, name):
    packed = npz(tmp_path / "a.npz", {f"{name}/kernel.npy": npy(KERNEL)})
    assert "whose name is none" in refused(weights.read, packed)


def test_numbers_too_large_are_refused_without_a_warning():
    layers = {"conv": [np.array([1e300]), BIAS]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "NaN or infinity in conv" in refused(
            weights.fit_to, layers, {"conv": [(1,), (2,)]}, "a.npz"
        )


def test_a_layer_of_very_many_arrays_is_not_listed_whole():
    layers = {"conv": [np.zeros((2, n)) for n in range(999)]}
    message = refused(weights.fit_to, layers, {"conv": [(1,), (2,)]}, "a.h5")
    assert "(2, 2) and (2, 3) and more for conv" in message


def test_code_in_a_keras_file_is_never_run(tmp_path):
    """A Lambda layer that makes a file: it works where Keras is told to trust it, and not here."""
    from helpers.quiet import keras

    trap = tmp_path / "sprung"
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    conv = layers.Conv2D(2, 3, name="conv")
    spring = eval(f"lambda x: (open({str(trap)!r}, 'w').close(), x)[1]")
    model = keras.Model(inputs, layers.Lambda(spring, output_shape=(6, 6, 2))(conv(inputs)))
    path = tmp_path / "hostile.keras"
    model.save(path)
    trap.unlink(missing_ok=True)
    found = weights.read(path)
    np.testing.assert_array_equal(found["conv2d"][0], conv.get_weights()[0])
    assert not trap.exists()
    keras.models.load_model(path, safe_mode=False)(np.zeros((1, 8, 8, 3)))
    assert trap.exists(), "else this test would prove nothing"


DANGEROUS = {
    *("eval", "exec", "compile", "__import__"),  # as plain names; re.compile is another
    *("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"),
    *("load_model", "model_from_json", "deserialize_keras_object", "enable_unsafe_deserialization"),
    *("safe_mode", "unsafe_load", "full_load", "system", "popen"),
}


#: Who may open a whole network, and how: Keras's safe mode, which runs no code, is its default.
#: One is the reader's own file, the other what this very program has sent to a worker.
WHOLE_NETWORKS = {f"helpers/{name}.py": {"load_model", "compile"} for name in ("models", "cluster")}


def words(tree):
    """Every name that code mentions: variables, attributes, imports and keywords."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr != "compile":
            yield node.attr
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (part for alias in node.names for part in alias.name.split("."))
            yield from (getattr(node, "module", None) or "").split(".")
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
            if node.arg in ("allow_pickle", "shell"):
                assert isinstance(node.value, ast.Constant) and node.value.value is False


def test_no_code_here_runs_what_it_reads():
    sources = [*(ROOT / "helpers").rglob("*.py")]
    assert len(sources) > 20
    for path in sources:
        found = set(words(ast.parse(path.read_text(encoding="utf-8")))) & DANGEROUS
        name = path.relative_to(ROOT).as_posix()
        assert found == WHOLE_NETWORKS.get(name, set()), name
    example = "from pickle import load; eval('1'); keras.models.load_model(p, safe_mode=False)"
    assert set(words(ast.parse(example))) & DANGEROUS == {
        *("pickle", "eval", "load_model", "safe_mode"),
    }


# The server -------------------------------------------------------------------------------------

OPEN_DOOR = re.compile(
    r"""(token|password)(=\s|=$|\s*=\s*\\?(''|""|"\\"))
    |disable_check_xsrf|allow_unauthenticated_access|allow_origin|--no-auth|ip\s*=\s*.?0\.0\.0\.0""",
    re.VERBOSE,
)


def test_nobody_is_told_to_switch_off_jupyters_token():
    texts = itertools.chain(
        *(ROOT.glob(pattern) for pattern in ("*.md", "*.yml", "*.toml", "*.txt", ".ci/*")),
        *((ROOT / name).rglob("*.*") for name in ("helpers", "notebooks", "tests", "data", "docs")),
    )
    readable = {".md", ".yml", ".toml", ".txt", ".py", ".ipynb", ".json", ".js", ""}
    looked_at = 0
    for path in texts:
        if path.suffix in readable and path != Path(__file__) and path.is_file():
            looked_at += 1
            found = OPEN_DOOR.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.relative_to(ROOT)}: {found.group()}"
    assert looked_at > 50
    for told in (
        "jupyter lab --NotebookApp.token=''",
        "--IdentityProvider.token= ",
        'c.ServerApp.token = ""',
        "ServerApp.password=''",
        "--ServerApp.disable_check_xsrf=True",
        "--ip=0.0.0.0",
    ):
        assert OPEN_DOOR.search(told), told
