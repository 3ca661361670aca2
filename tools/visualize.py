"""Make the pictures that units of the bundled VGG16 would choose: 24 of each convolution.

    python tools/visualize.py                 whatever is missing, or made for other weights
    python tools/visualize.py --from-scratch  all of them

Each convolution's first 24 channels: nobody chose them. Climbed on is a spectrum (Fourier start),
96 × 96 pixels, seen through windows of 80 × 80, 64 steps. It can be stopped, and goes on with the
next layer when started again. The pictures go to ``data/visualizations``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image
from tqdm import tqdm

from helpers import gallery, models, visualization
from helpers.layers import conv_layers
from helpers.plots.panels import stitch

CHANNELS, SIDE, JITTER, STEPS, COLUMNS, QUALITY = range(24), 96, 16, 64, 6, 88


def missing(model, about: dict) -> list[str]:
    """The layers whose sheets have still to be made, in order."""
    fits = about.get("weights") == gallery.fingerprint(model)
    made = about["channels"] if fits else {}
    names = [layer.name for layer in conv_layers(model)]
    return [name for name in names if not (name in made and gallery.sheet(name).is_file())]


def make(model, layer: str) -> None:
    """Climb, and store one sheet."""
    objective = visualization.channel(layer, CHANNELS)
    start = visualization.fourier(len(CHANNELS), SIDE)
    found = visualization.ascend(model, objective, start, STEPS, JITTER)
    if len(found.values) < STEPS:
        raise KeyboardInterrupt  # a sheet is finished or not there
    gallery.FOLDER.mkdir(exist_ok=True)
    sheet = Image.fromarray(stitch(found.pictures, COLUMNS))
    sheet.save(gallery.sheet(layer), quality=QUALITY, method=6)


def main() -> None:
    """Make what is missing, layer by layer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from-scratch", action="store_true", help="make all anew")
    model = models.load_vgg16("bundled", input_shape=(None, None, 3))
    about = {} if parser.parse_args().from_scratch else gallery.about()
    layers = missing(model, about)
    if about.get("weights") != gallery.fingerprint(model):
        about = {"weights": gallery.fingerprint(model), "side": SIDE, "jitter": JITTER}
        about |= {"steps": STEPS, "channels": {}}
    for layer in tqdm(layers, unit="layer"):
        make(model, layer)
        about["channels"][layer] = list(CHANNELS)
        text = json.dumps(about) + "\n"
        (gallery.FOLDER / "made.json").write_text(text, encoding="utf-8")
    print(f"{len(layers)} sheets made; data/visualizations is complete")


if __name__ == "__main__":
    main()
