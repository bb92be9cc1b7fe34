"""Scenes as pictures of 8 bits, for annotators, which show nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Picture

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.sources.images import Image

COLOURS = ("red", "green", "blue")
DARKEST_AND_BRIGHTEST_PERCENT = (2.0, 98.0)


def render(image: Image, out: Path) -> None:
    """Write a scene as PNG, pixel by pixel, each band stretched between its percentiles.

    Args:
        image: What to show: red, green and blue where it has them, else its first band.
        out: `<name>.png`.

    Raises:
        SceneError: Only the size of the image is known, or it cannot be read.
    """
    if image.path is None:
        raise SceneError(f"{image.scene_id!r} cannot be rendered: there is no file of it.")
    raster = io.open_raster(image.path, at=None if image.has_place else image.grid)
    if set(COLOURS) <= set(raster.bands):
        chosen = [raster.bands.index(name) for name in COLOURS]
    else:
        chosen = [0, 1, 2] if len(raster.bands) >= 3 else [0]
    pixels = raster.read(raster.geobox)[chosen]
    stretched = np.stack([_stretch(band, raster.nodata) for band in pixels], axis=-1)
    if raster.dtype == "uint8":  # already what annotators show
        stretched = np.moveaxis(pixels, 0, -1)
    Picture.fromarray(stretched.squeeze()).save(out)


def _stretch(band: np.ndarray, nodata: float | None) -> np.ndarray:
    """A band as bytes; pixels without data are black."""
    values = band.astype(np.float32)
    shown = np.isfinite(values) if nodata is None else np.isfinite(values) & (band != nodata)
    if not shown.any():
        return np.zeros(band.shape, np.uint8)
    low, high = np.percentile(values[shown], DARKEST_AND_BRIGHTEST_PERCENT)
    scaled = (values - low) / max(float(high - low), 1e-6) * 254 + 1
    return np.where(shown, np.clip(np.nan_to_num(scaled), 1, 255), 0).astype(np.uint8)
