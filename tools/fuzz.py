"""Throw damaged photos and weights files at the readers and count what becomes of them.

    python tools/fuzz.py --cases 20000

Each case is a real file, changed: some bits, a block, a length or an address, a part of another
file, or a part that its checksum agrees with. The same seed gives the same cases. They run in
processes of their own, so that a crash or a hang is noticed and belongs to one case; its file is
kept in the folder that ``--keep`` names. The table counts what was read, and what was refused by
the kind of exception; the last lines say whether anything happened that should not.
"""

from __future__ import annotations

import argparse
import collections
import functools
import io
import os
import queue
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
import zipfile
import zlib
from pathlib import Path

try:
    import resource
except ImportError:  # Windows: memory is not measured there
    resource = None

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
from PIL import Image

GROUPS = ("photos", "weights")

#: What may happen at worst: seconds of work on a case, seconds by the clock (a busy machine takes
#: its share of these), and bytes of memory. Files are small: who needs more has believed one.
MAX_SECONDS = 5.0
HANG_SECONDS = 60.0
MAX_BYTES = 1_500_000_000

#: Numbers that lengths, counts and addresses go wrong at.
EDGES = (
    *(0, 1, 2, 3, 8, 16, 127, 128, 255, 256, 1023, 4096, 32767, 32768, 65535, 65536, 50_000),
    *(10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**64 - 1),
)

WEIGHTS = {"block1_conv1": [(3, 3, 3, 2), (2,)], "block1_conv2": [(3, 3, 2, 4), (4,)]}

# Real files -------------------------------------------------------------------------------------


def photo_seeds():
    """Small photos in every format and kind, by name; the ending is the format."""
    from skimage import data

    whole = Image.fromarray(data.chelsea())
    color = whole.resize((60, 40))
    gray, palette = color.convert("L"), color.quantize(64)
    alpha = color.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray, np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010F] = "a camera's maker"
    turned.get_ifd(0x8769)[0x9286] = b"a comment"
    frames = [color.rotate(angle) for angle in (90, 180)]
    several = {"save_all": True, "append_images": frames}
    kinds = {
        "baseline.jpeg": (color, {}),
        "progressive.jpeg": (color, {"progressive": True}),
        "gray.jpeg": (gray, {}),
        "cmyk.jpeg": (color.convert("CMYK"), {}),
        "restarts.jpeg": (color, {"restart_marker_blocks": 2, "subsampling": 0}),
        "turned.jpeg": (color, {"exif": turned}),
        "shrinkable.jpeg": (whole.resize((900, 900)), {"quality": 5}),
        "color.png": (color, {"exif": turned}),
        "palette.png": (palette, {"transparency": 3}),
        "deep.png": (deep, {}),
        "bits.png": (color.convert("1"), {}),
        "alpha.png": (alpha, {"icc_profile": b"no profile" * 20}),
        "animated.png": (color, several),
        "lossy.webp": (color, {"exif": turned}),
        "lossless.webp": (alpha, {"lossless": True}),
        "animated.webp": (color, several),
        "still.gif": (palette, {"transparency": 3}),
        "interlaced.gif": (gray, {"interlace": 1}),
        "animated.gif": (color, several),
        "raw.tiff": (color, {"exif": turned}),
        "deep.tiff": (deep, {}),
        "float.tiff": (Image.fromarray(np.asarray(gray) / np.float32(255)), {}),
        "pages.tiff": (color, several),
        "big.tiff": (color, {"big_tiff": True}),
        "color.bmp": (color, {}),
        "palette.bmp": (palette, {}),
        "bits.bmp": (color.convert("1"), {}),
    }
    for packing in ("tiff_deflate", "tiff_lzw", "jpeg", "packbits", "lzma", "zstd"):
        kinds[f"{packing}.tiff"] = (color, {"compression": packing})
    kinds["alpha.tiff"] = (alpha, {"compression": "tiff_adobe_deflate"})
    for packing in ("group3", "group4", "tiff_ccitt"):
        kinds[f"{packing}.tiff"] = (color.convert("1"), {"compression": packing})
    seeds = {}
    for name, (image, options) in kinds.items():
        file = io.BytesIO()
        image.save(file, name.rsplit(".")[1], **options)
        seeds[name] = file.getvalue()
    seeds["interlaced.png"] = interlaced_png(np.asarray(color))
    seeds |= tiled_tiffs(np.asarray(color))
    return seeds


def interlaced_png(pixels):
    """A PNG in seven passes, which Pillow doesn't write."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    lines = b""
    for top, left, down, right in (*passes, (1, 0, 2, 1)):
        for row in pixels[top::down, left::right]:
            lines += b"\0" + row.tobytes()
    rows, cols = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", cols, rows, 8, 2, 0, 0, 1)
    return join_png([(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")])


def tiled_tiffs(pixels):
    import tifffile

    seeds = {}
    for name, options in {
        "tiles.tiff": {},
        "packed_tiles.tiff": {"compression": "zlib", "predictor": True},
        "planes.tiff": {"planarconfig": "separate"},
    }.items():
        file = io.BytesIO()
        order = pixels.transpose(2, 0, 1) if "planes" in name else pixels
        tifffile.imwrite(file, np.ascontiguousarray(order), photometric="rgb", tile=(16, 16),
                         **options)  # fmt: skip
        seeds[name] = file.getvalue()
    return seeds


def weights_seeds():
    """Small weights files of every kind, by name; the ending is the format."""
    rng = np.random.default_rng(0)
    layers = {
        name: [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
        for name, shapes in WEIGHTS.items()
    }
    named = {
        f"{name}/{part}": array
        for name, arrays in layers.items()
        for part, array in zip(("kernel", "bias"), arrays, strict=True)
    }
    seeds = {}
    for name, save in (("plain.npz", np.savez), ("packed.npz", np.savez_compressed)):
        file = io.BytesIO()
        save(file, **named)
        seeds[name] = file.getvalue()
    for name, options in {
        "keras2.h5": {},
        "keras2_new.h5": {"libver": "latest"},
        "keras2_packed.h5": {"packed": {"compression": "gzip", "shuffle": True}},
    }.items():
        seeds[name] = keras_2(layers, **options)
    seeds["keras3.h5"] = keras_3(layers)
    seeds["keras3_new.h5"] = keras_3(layers, libver="latest")
    for name, packing in (("stored.keras", zipfile.ZIP_STORED), ("packed.keras", 8)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", packing) as archive:
            archive.writestr("metadata.json", "{}")
            archive.writestr("config.json", '{"class_name": "Functional"}')
            archive.writestr("model.weights.h5", seeds["keras3.h5"])
        seeds[name] = file.getvalue()
    return seeds


def keras_2(layers, libver=None, packed=None):
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w", libver=libver) as h5:
        h5.attrs["layer_names"] = [name.encode() for name in ("input_1", *layers)]
        h5.create_group("input_1").attrs["weight_names"] = []
        for name, arrays in layers.items():
            group = h5.create_group(name)
            keys = [f"{name}/{part}:0" for part in ("kernel", "bias")]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, array in zip(keys, arrays, strict=True):
                group.create_dataset(key, data=array, **packed or {})
    return file.getvalue()


def keras_3(layers, libver=None):
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w", libver=libver) as h5:
        for name, arrays in layers.items():
            for number, array in enumerate(arrays):
                h5[f"layers/{name}/vars/{number}"] = array
        h5["optimizer/vars/0"] = np.int64(7)
    return file.getvalue()


@functools.cache
def seeds(group):
    makers = {"photos": photo_seeds, "weights": weights_seeds}
    return makers[group]()


# Damage -----------------------------------------------------------------------------------------


def mutate(rng, data, ending, other):
    """A changed copy of a file: one to four changes, at times inside its own structure."""
    inside = {
        "png": in_png,
        "jpeg": in_jpeg,
        "tiff": in_tiff,
        "npz": in_zip,
        "keras": in_zip,
        "zip": in_zip,
        "h5": in_h5,
    }.get(ending)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if inside and rng.random() < 0.5:
            try:
                data = inside(rng, data, other)
                continue
            except Exception:
                pass  # the change before has left too little of the structure
        data = in_bytes(rng, data, other)
    return data


def in_bytes(rng, data, other):
    """Change bytes without knowing what they mean."""
    data, size = bytearray(data), len(data)
    if not size:
        return other[: rng.randrange(1, 100)]
    # headers stand at a file's beginning or end, so half of all changes fall there
    near = rng.choice((size, size, min(size, 64), min(size, 512)))
    place = rng.randrange(near)
    if rng.random() < 0.1:
        place = size - 1 - place
    length = min(rng.choice((1, 2, 4, 16, 100, 1000)), size)
    kind = rng.randrange(9)
    if kind == 0:
        for _ in range(rng.choice((1, 1, 8, 50))):
            data[rng.randrange(size)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place] = rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256)))
    elif kind in (2, 3):
        data[place : place + 8] = edge(rng, data[place : place + 8])
    elif kind == 4:
        del data[place : place + length]
    elif kind == 5:
        data[place:place] = data[place : place + length] * rng.choice((1, 1, 3, 50))
    elif kind == 6:
        data[place:place] = rng.randbytes(length)
    elif kind == 7:
        del data[place:]
    else:
        begin = rng.randrange(len(other))
        part = other[begin : begin + rng.choice((length, len(other)))]
        data[place : place + rng.choice((0, length, size))] = part
    return bytes(data)


def edge(rng, old):
    """Overwrite the beginning of some bytes with a number that things go wrong at."""
    width, order = rng.choice("BHIQ"), rng.choice("<>")
    number = rng.choice((*EDGES, rng.randrange(4096), rng.randrange(4096)))
    new = struct.pack(order + width, number % 256 ** struct.calcsize(width))
    return (new + old[len(new) :])[: len(old)]


def rearranged(rng, parts, changed):
    """Drop, repeat, swap or change one part of a list."""
    parts, place = list(parts), rng.randrange(len(parts))
    kind = rng.randrange(6)
    if kind == 0:
        del parts[place]
    elif kind == 1:
        parts[place:place] = [parts[place]] * rng.choice((1, 2, 200))
    elif kind == 2:
        there = rng.randrange(len(parts))
        parts[place], parts[there] = parts[there], parts[place]
    else:
        parts[place] = changed(parts[place])
    return parts


def split_png(data):
    parts, place = [], 8
    while place + 8 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        parts.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return parts


def join_png(parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def in_png(rng, data, other):
    """Change a chunk, and make its checksum right again."""

    def changed(part):
        name, content = part
        if name == b"IDAT" and rng.random() < 0.5:
            return name, zlib.compress(in_bytes(rng, zlib.decompress(content), other))
        if rng.random() < 0.2:
            name = rng.choice((b"tRNS", b"PLTE", b"eXIf", b"iTXt", b"zTXt", b"iCCP", b"acTL"))
        return name, in_bytes(rng, content, other)

    return join_png(rearranged(rng, split_png(data), changed))


def in_jpeg(rng, data, other):
    """Change a segment, and make its length right again."""
    parts, place = [], 2
    while place + 4 <= len(data) and data[place] == 255:
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        end = place + 2 + length
        if data[place + 1] == 0xDA:  # a scan: its length leaves out the pixels
            while end < len(data) - 1 and not (data[end] == 255 and data[end + 1] >= 0xC0):
                end += 1
        parts.append(data[place:end])
        place = end

    def changed(part):
        content = in_bytes(rng, part[4:], other)
        return part[:2] + struct.pack(">H", min(len(content) + 2, 65535)) + content

    return data[:2] + b"".join(rearranged(rng, parts, changed)) + data[place:]


def in_tiff(rng, data, other):
    """Change an entry of the first list of tags: its number, kind, count or value."""
    data, order = bytearray(data), "<" if data[:1] == b"I" else ">"
    (begin,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[begin : begin + 2])
    entry = begin + 2 + 12 * rng.randrange(count)
    kind = rng.randrange(4)
    if kind == 0:
        data[entry : entry + 2] = struct.pack(order + "H", rng.choice((*range(254, 347), 34665)))
    elif kind == 1:
        data[entry + 2 : entry + 4] = struct.pack(order + "H", rng.randrange(20))
    elif kind == 2:
        data[entry + 4 : entry + 8] = struct.pack(order + "I", rng.choice(EDGES) % 2**32)
    else:
        value = rng.choice((*EDGES, *range(10), 34925, 50000, 32773)) % 2**32
        data[entry + 8 : entry + 12] = struct.pack(order + "I", value)
    return bytes(data)


def in_zip(rng, data, other):
    """Change a member or its name; the archive around it is whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(member.filename, archive.read(member)) for member in archive.infolist()]

    def changed(member):
        name, content = member
        if rng.random() < 0.15:
            names = (
                "../x",
                "/x",
                "photos",
                "a/kernel.npy",
                "a/kernel",
                "model.weights.h5",
                "x\n" * 500,
            )
            return rng.choice(names), content
        if content[:4] == b"\x93NUM" and rng.random() < 0.6:
            return name, npy_header(rng, content)
        if content[:4] == b"\x89HDF":
            return name, in_h5(rng, content, other)
        return name, in_bytes(rng, content, other)

    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", rng.choice((0, 0, 0, 0, 8, 8, 8, 8, 8, 12, 14))) as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # about names that come twice
        for name, content in rearranged(rng, members, changed):
            archive.writestr(name, content)
    return file.getvalue()


def npy_header(rng, content):
    """Change what an array says of itself."""
    (length,) = struct.unpack("<H", content[8:10])
    shape = rng.choice(
        ("(50000, 50000, 3)", "(-1,)", "(2**70,)", "()", "(0, 5)", "(1,) * 99", "(9,)", "([2],)")
        + ("(99999999999, 99999999999)", "(True, 2)", "(1, 2, 2.5)", "None", "(" * 300)
    )
    kind = rng.choice(
        ("'|O'", "'<f8'", "'<U9'", "'|V16'", "[('a', '<f4'), ('b', '|O')]", "'|b1'", "'<c16'")
        + ("'<M8[s]'", "'>f2'", "'f4,f4'", "('<f4', (9, 9))", "'<f4'", "'<f4'", "'nonsense'")
    )
    header = f"{{'descr': {kind}, 'fortran_order': {rng.random() < 0.3}, 'shape': {shape}}}"
    header = header.ljust(63) + "\n"
    version = rng.choice((1, 1, 1, 2, 3, 9))
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes((version, 0)) + size + header.encode() + content[10 + length :]


def in_h5(rng, data, other):
    """Overwrite a number with an edge or with another address; numbers lie at every 8th byte."""
    data = bytearray(data)
    marks = [place for place in range(0, len(data) - 4, 8) if data[place : place + 4] in H5_MARKS]
    place = 4 * rng.randrange(len(data) // 4)
    if marks and rng.random() < 0.7:
        place = rng.choice(marks) + rng.randrange(64)
    if rng.random() < 0.4 and marks:
        data[place : place + 8] = struct.pack("<Q", rng.choice(marks))
    else:
        data[place : place + 8] = edge(rng, data[place : place + 8])
    return bytes(data)


#: How the parts of an HDF5 file begin.
H5_MARKS = (
    *(b"\x89HDF", b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"BTHD"),
    *(b"\x01\x00\x01\x00", b"\x01\x00\x02\x00", b"\x01\x00\x03\x00", b"\x01\x00\x06\x00"),
)


def case(group, seed, number):
    """The name and bytes of one case; the same for the same three arguments."""
    rng = random.Random(f"{group} {seed} {number}")
    known = seeds(group)
    name = list(known)[number % len(known)]
    other = known[rng.choice(list(known))]
    return name, mutate(rng, known[name], name.rsplit(".")[1], other)


# Running ----------------------------------------------------------------------------------------


def read_photo(path, data, rng):
    """What lessons do with a photo: in the size of a network, or in its own."""
    from helpers import images

    size = rng.choice(((224, 224), (224, 224), (20, 30), None))
    if rng.random() < 0.2:
        path.write_bytes(data)
        data = path
    photo = images.load_photo(data, size)
    assert photo.dtype == np.uint8 and photo.shape[2:] == (3,)
    assert size is None or photo.shape[:2] == size


def read_weights(path, data, rng):
    """What models do with a weights file: read it and fit it to a network's shapes."""
    from helpers.safety import weights

    path.write_bytes(data)
    fitted = weights.fit_to(weights.read(path), WEIGHTS, path.name)
    assert {name: [a.shape for a in arrays] for name, arrays in fitted.items()} == WEIGHTS


def forked(command, **_):
    """``subprocess.run`` for the process that opens HDF5 files: forked, 50 times as fast."""
    from helpers.safety import hdf5

    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writing, 1)
        sys.argv = ["hdf5", str(command[-1])]
        hdf5._main()
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    return subprocess.CompletedProcess(command, os.waitpid(child, 0)[1], answer)


CANNOT_COPE = "the HDF5 library cannot cope with it"


def outcome(reader, path, data, rng):
    """What became of one case: "read", the exception's name, or "WRONG" and why."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", module=r"(?!PIL\.)")
        try:
            reader(path, data, rng)
            result = "read"
        except ValueError as error:
            result, message = type(error).__name__, str(error)
            if type(error) is not ValueError:
                return f"WRONG {result}"
            if not message.isprintable() or not 20 < len(message) < 400:
                return f"WRONG message {message[:300]!r}"
            if CANNOT_COPE in message:
                result = "ValueError for a crash or hang of HDF5"
        except Exception:
            return "WRONG " + " | ".join(traceback.format_exc().splitlines()[-3:])
    return f"WRONG warning {str(caught[0].message)!r}" if caught else result


def work(group, seed, first, last):
    """Run cases and say so, line by line: the beginning and the end of each."""
    from helpers.safety import photos  # noqa: F401 (its filter of warnings shall last)

    if sys.platform == "linux":  # so that a case that wants it all does not get the machine
        resource.setrlimit(resource.RLIMIT_AS, (8_000_000_000, 8_000_000_000))
    apart = subprocess.run
    reader = {"photos": read_photo, "weights": read_weights}[group]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, last):
            print("begin", number, flush=True)
            name, data = case(group, seed, number)
            if sys.platform == "linux":  # one case in 200 as it is for a reader
                subprocess.run = forked if number % 200 else apart
            begun = sum(os.times()[:4])  # work done, also by processes; a busy machine adds none
            result = outcome(reader, Path(folder, name), data, random.Random(number))
            seconds = sum(os.times()[:4]) - begun
            print("end", number, f"{seconds:.4f}", memory(), result, flush=True)


def memory():
    """The most bytes that this process or one that it started has needed so far."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    own, started = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, ru_maxrss also counts whoever started this process
        own = int(re.search(r"VmHWM:\s*(\d+)", status.read_text()).group(1))
    return max(own, started) * unit


class Counted:
    """What became of all cases of a group."""

    def __init__(self):
        self.results = collections.Counter()
        self.wrong = {}
        self.slowest = (0.0, -1)
        self.memory = (0, 1)

    def add(self, number, seconds, memory, result):
        self.results["WRONG" if result.startswith("WRONG") else result] += 1
        self.slowest = max(self.slowest, (seconds, number))
        self.memory = max(self.memory, (memory, -number))
        if result.startswith("WRONG") or seconds > MAX_SECONDS:
            self.wrong[number] = f"{result} ({seconds:.1f} s)"


def pass_on(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put("")


def run(group, seed, first, last):
    """Run cases in processes of their own; a crash or a hang costs one process and one case."""
    counted = Counted()
    while first < last:
        command = [sys.executable, __file__, "--worker", group, *map(str, (seed, first, last))]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        lines = queue.Queue()
        reading = threading.Thread(target=pass_on, args=(process.stdout, lines))
        reading.start()
        current, ended = None, "hangs"
        while True:
            try:  # the first line comes once the libraries are loaded
                line = lines.get(timeout=120 if current is None else HANG_SECONDS)
            except queue.Empty:
                break
            word, *rest = line.split(" ", 4)
            if word == "begin":
                current = int(rest[0])
            elif word == "end":
                first = int(rest[0]) + 1
                counted.add(int(rest[0]), float(rest[1]), int(rest[2]), rest[3].strip())
            else:
                ended = "crashes"
                break
        process.kill()
        ended += f" (status {process.wait()})"
        reading.join()
        process.stdout.close()
        if first < last:
            if current is None:
                raise RuntimeError(f"no case could be begun; the worker {ended}")
            counted.add(current, 0.0, 0, f"WRONG {ended}")
            first = current + 1
    return counted


def report(group, seed, counted, keep=None):
    """The counts as text; files of cases that went wrong are kept in a folder."""
    known = list(seeds(group))
    total = sum(counted.results.values())
    lines = [f"{group}: {total:,} cases from {len(known)} files, seed {seed}"]
    lines += [f"  {name:40}{count:9,}" for name, count in counted.results.most_common()]
    seconds, slowest = counted.slowest
    lines.append(f"  slowest {seconds:.2f} s (case {slowest})")
    lines.append(f"  most memory {counted.memory[0] / 1e6:,.0f} MB (case {-counted.memory[1]})")
    for number, what in sorted(counted.wrong.items()):
        name, data = case(group, seed, number)
        lines.append(f"  case {number}, {name}: {what}")
        if keep is not None:
            Path(keep).mkdir(parents=True, exist_ok=True)
            Path(keep, f"{group}-{seed}-{number}-{name}").write_bytes(data)
    good = not counted.wrong and counted.memory[0] <= MAX_BYTES
    lines.append("  nothing went wrong" if good else "  SOMETHING WENT WRONG")
    return "\n".join(lines), good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000, help="of each group")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--group", choices=GROUPS, help="only this one")
    parser.add_argument("--keep", metavar="FOLDER", help="keep files of cases that go wrong")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.worker[0], *map(int, asked.worker[1:]))
        return 0
    all_good = True
    for group in [asked.group] if asked.group else GROUPS:
        begun = time.perf_counter()
        counted = run(group, asked.seed, asked.first, asked.first + asked.cases)
        text, good = report(group, asked.seed, counted, asked.keep)
        print(f"{text}\n  {time.perf_counter() - begun:.0f} s in all", flush=True)
        all_good &= good
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
