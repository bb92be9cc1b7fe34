"""A few windows of val side by side: image, label and what the network finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from factory_core.dataset.sample import Boxes, Labels, OrientedBoxes
from factory_core.dataset.shards import Shards, Stats
from factory_core.kernel import io

WINDOWS = 4
LEAST_SIDE_PX, GAP_PX, TITLE_PX = 224, 8, 22
SHOWN_SCORE = 0.2
TITLES = ("image", "label", "prediction")
# From the palette of Okabe and Ito, told apart with every kind of colour vision.
COLOURS = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
)


def windows_to_show(shards: Shards) -> list[int]:
    """Up to `WINDOWS` windows spread over a split, those with labels before those without."""
    labels = io.read_table(shards.folder / "windows.parquet")["labels"].to_numpy()
    chosen = np.flatnonzero(labels) if labels.any() else np.arange(len(labels))
    places = np.linspace(0, len(chosen) - 1, min(WINDOWS, len(chosen)))
    return [int(chosen[round(place)]) for place in places]


def draw(
    images: np.ndarray,
    labels: Sequence[Labels],
    outputs: Mapping[str, np.ndarray],
    *,
    stats: Stats,
    title: str,
) -> Image.Image:
    """One row a window, one column for each of `TITLES`, the colours of the classes below.

    Args:
        images: `(window, height, width, band)`, pixels as processed.
        labels: Of each window.
        outputs: Decoded: `scores` of score maps, or `boxes`, `scores` and `classes`.
        stats: Names of the bands and classes.
        title: Line above.
    """
    factor = -(-LEAST_SIDE_PX // stats.window_px)
    side = stats.window_px * factor
    rows = []
    for window, label in enumerate(labels):
        plain = _as_colours(images[window], stats).resize((side, side), Image.Resampling.NEAREST)
        found = {name: value[window] for name, value in outputs.items()}
        rows.append([plain, _with_label(plain, label, factor), _with_found(plain, found, factor)])
    sheet = Image.new(
        "RGB",
        (
            GAP_PX + len(TITLES) * (side + GAP_PX),
            2 * TITLE_PX + len(rows) * (side + GAP_PX) + TITLE_PX,
        ),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP_PX, 4), title, fill="black", font=ImageFont.load_default(14))
    small = ImageFont.load_default(12)
    for column, name in enumerate(TITLES):
        left = GAP_PX + column * (side + GAP_PX)
        pen.text((left, TITLE_PX + 3), name, fill=(90, 90, 90), font=small)
        for row, pictures in enumerate(rows):
            sheet.paste(pictures[column], (left, 2 * TITLE_PX + row * (side + GAP_PX)))
    _write_legend(pen, stats.classes, top=sheet.height - TITLE_PX, font=small)
    return sheet


def save(picture: Image.Image, path: Path) -> None:
    """Write a PNG whose bytes depend on the picture alone, whole or not at all."""
    with io.staged_file(path) as work:
        picture.save(work, optimize=False)


def _as_colours(image: np.ndarray, stats: Stats) -> Image.Image:
    """The bands red, green and blue, or the first ones, from their 1st to their 99th percentile."""
    names = ("red", "green", "blue")
    bands = [stats.bands.index(name) if name in stats.bands else 0 for name in names]
    if not set(names) <= set(stats.bands):
        bands = list(range(3)) if len(stats.bands) >= 3 else [0, 0, 0]
    pixels = image[..., bands].astype(np.float32)
    low, high = np.percentile(pixels, [1, 99])
    grey = (pixels - low) / max(float(high - low), 1e-6) * 255
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def _with_label(picture: Image.Image, label: Labels, factor: int) -> Image.Image:
    if isinstance(label, np.ndarray):
        mask = label if label.ndim == 2 else label[..., 0]
        return _tinted(picture, mask.astype(int), (mask > 0).astype(np.float32), factor)
    corners = _corners(label)
    return _outlined(picture, corners, label.classes, np.ones(len(corners)), factor)


def _with_found(picture: Image.Image, found: Mapping[str, np.ndarray], factor: int) -> Image.Image:
    if "boxes" not in found:
        scores = found["scores"]
        return _tinted(picture, scores.argmax(axis=-1) + 1, scores.max(axis=-1), factor)
    kept = found["scores"] >= SHOWN_SCORE
    boxes, classes = found["boxes"][kept], found["classes"][kept].astype(np.int64)
    kind = OrientedBoxes if boxes.shape[-1] == 5 else Boxes
    corners = _corners(kind(boxes.astype(np.float32), classes))
    return _outlined(picture, corners, classes, found["scores"][kept], factor)


def _corners(boxes: Boxes | OrientedBoxes) -> np.ndarray:
    """Corners `(n, 4, 2)` in pixels."""
    if isinstance(boxes, OrientedBoxes):
        return boxes.corners_px()
    x_min, y_min, x_max, y_max = boxes.xyxy_px.T
    x = np.stack([x_min, x_max, x_max, x_min], axis=-1)
    y = np.stack([y_min, y_min, y_max, y_max], axis=-1)
    corners: np.ndarray = np.stack([x, y], axis=-1)
    return corners


def _tinted(
    picture: Image.Image, numbers: np.ndarray, shares: np.ndarray, factor: int
) -> Image.Image:
    """The picture under the colours of class `numbers` (from 1), as strong as `shares`."""
    palette = np.array([COLOURS[number % len(COLOURS)] for number in range(256)], np.float32)
    colours = palette[np.maximum(numbers - 1, 0)]
    # A training that went wrong gives NaN, which the next look at the loss stops it for.
    strength = 0.65 * np.clip(np.nan_to_num(shares), 0, 1)[..., None]
    large = [np.kron(values, np.ones((factor, factor, 1))) for values in (colours, strength)]
    mixed = np.asarray(picture) * (1 - large[1]) + large[0] * large[1]
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _outlined(
    picture: Image.Image,
    corners: np.ndarray,
    classes: np.ndarray,
    shares: np.ndarray,
    factor: int,
) -> Image.Image:
    """The picture with outlines in the colours of the classes, as strong as `shares`."""
    drawn = picture.copy()
    pen = ImageDraw.Draw(drawn, "RGBA")
    for points, number, share in zip(corners * factor, classes, shares, strict=True):
        colour = (*COLOURS[int(number) % len(COLOURS)], round(255 * min(1.0, 0.3 + float(share))))
        ring = [tuple(map(float, point)) for point in (*points, points[0])]
        pen.line(ring, fill=colour, width=2)
    return drawn


def _write_legend(
    pen: ImageDraw.ImageDraw,
    classes: Sequence[str],
    *,
    top: int,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    left = float(GAP_PX)
    for number, name in enumerate(classes):
        pen.rectangle((left, top + 4, left + 12, top + 16), fill=COLOURS[number % len(COLOURS)])
        pen.text((left + 17, top + 3), name, fill="black", font=font)
        left += 17 + pen.textlength(name, font=font) + 2 * GAP_PX
