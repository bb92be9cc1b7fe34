"""Draw what each augmentation does: `python docs/draw_augmentations.py DATASET PICTURE`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.sample import OrientedBoxes, Sample
from factory_core.dataset.shards import Shards
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts

COLUMNS = 6
GAP_PX = 6
LINE_PX = 14
SEED = 3


def draw(dataset: Path, out: Path) -> None:
    """Write a picture with the window that has most labels, plain and after each augmentation.

    Args:
        dataset: Folder of the stage dataset, with boxes as labels and three bands.
        out: Picture to write.
    """
    windows = Shards(dataset / "train")
    busiest = sorted(range(len(windows)), key=lambda window: -len(windows[window].labels))
    first, others = windows[busiest[0]], busiest[1:]
    tiles = [("as it is", first)]
    for part in list_parts("augmentation"):
        node = {"_target_": part.target, **part.fields, "probability": 1.0}
        generator = np.random.default_rng(SEED)
        chance = Chance(generator, partial(_any_of, windows, others, generator))
        tiles.append((part.name, config.build(node, where=part.name)(first, chance=chance)))
    side = first.image.shape[0]
    wide, high = side + GAP_PX, side + GAP_PX + LINE_PX
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * wide, rows * high), "white")
    for number, (name, sample) in enumerate(tiles):
        x, y = number % COLUMNS * wide, number // COLUMNS * high
        ImageDraw.Draw(sheet).text((x + 2, y), name, fill="black")
        sheet.paste(_picture(sample), (x, y + LINE_PX))
    sheet.save(out, quality=80)


def _any_of(windows: Shards, numbers: list[int], generator: np.random.Generator) -> Sample:
    return windows[numbers[generator.integers(len(numbers))]]


def _picture(sample: Sample) -> Image.Image:
    """The first three bands, and a line around each object."""
    picture = Image.fromarray(np.ascontiguousarray(sample.image[..., :3]).round().astype(np.uint8))
    boxes = sample.labels
    if isinstance(boxes, np.ndarray):
        raise TypeError("Draw windows whose labels are boxes.")
    corners = boxes.corners_px() if isinstance(boxes, OrientedBoxes) else _corners(boxes.xyxy_px)
    for box in corners:
        ImageDraw.Draw(picture).polygon([tuple(point) for point in box], outline=(255, 60, 60))
    return picture


def _corners(xyxy_px: np.ndarray) -> np.ndarray:
    return xyxy_px[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
