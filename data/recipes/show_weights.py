"""Draw what sets of VGG16's weights look like, one below the other: for data/weights.md.

    python data/recipes/show_weights.py "new=NEW.npz" "old=OLD.npz" --out data/pictures

Writes three pictures: the 64 first filters, eight maps of the cat from the end of each block, and
the best patches of twelve channels among the course's photos. Channels are chosen by a number
alone, the same for every set: the most active on the cat, or the highest activation in the scan.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PIL import Image

from helpers import activations, collection, images, models, patches, plots
from helpers.plots.page import Picture

ENDS = ["block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3"]


def pictures(file: str) -> dict[str, Picture]:
    """The three pictures of one set."""
    model = models.load_vgg16(file)
    kernel = model.get_layer("block1_conv1").get_weights()[0]
    batch = images.prepare(images.load_photo("chelsea"))
    maps = {name: m[0] for name, m in activations.feature_maps(model, batch, ENDS).items()}
    active = {name: activations.by_activity(answer)[:8] for name, answer in maps.items()}
    small = models.load_vgg16(file, input_shape=(128, 128, 3))
    scan = patches.scan(small, "block4_conv3", collection.files(), images.prepare, progress=False)
    strongest = scan["block4_conv3"].by_strength()[:12]
    return {
        "filters": Picture([plots.rgb_filters(kernel)]),
        "maps": plots.layer_rows(maps, active),
        "patches": plots.patch_wall(scan, "block4_conv3", strongest),
    }


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", help="name=file, such as new=vgg16_base_float16.npz")
    parser.add_argument("--out", type=Path, default=Path())
    args = parser.parse_args()
    drawn = {name: pictures(file) for name, _, file in (each.partition("=") for each in args.sets)}
    for kind in ("filters", "maps", "patches"):
        panels = [
            replace(panel, title=f"{name}: {panel.title}")
            for name, of in drawn.items()
            for panel in of[kind].every()
        ]
        picture = Image.open(io.BytesIO(Picture(panels)._repr_png_())).convert("RGB")
        picture.save(args.out / f"weights_{kind}.webp", quality=80, method=6)


if __name__ == "__main__":
    main()
