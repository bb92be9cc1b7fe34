"""Small pictures of scenes, to stand in the HTML itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import numpy as np
from PIL import Image

from factory_core.catalogue.explore.words import counted
from factory_core.kernel import io
from factory_core.kernel.compute import progress

SIDE_PX = 300
MOST = 24
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Picture:
    """A picture of a scene.

    Attributes:
        title: Its name.
        said: What is to be known of it.
        image: Address of its bytes, `data:...`.
    """

    title: str
    said: str
    image: str


def draw_scenes(scenes: gpd.GeoDataFrame, *, raw: Path) -> list[Picture]:
    """Pictures of the scenes with the most labels, in that order.

    Raises:
        SceneError: A scene is not where the catalogue says, or damaged.
    """
    chosen = scenes.sort_values("labels_count", ascending=False, kind="stable").head(MOST)
    pictures = []
    for name, row in progress(list(chosen.iterrows()), label="explore: pictures"):
        bands = [band["name"] for band in row["bands"]]
        pixels = io.read_overview(raw / row["assets"]["image"]["href"], max_px=SIDE_PX)
        when = (
            ""
            if row["taken"] is None or row["taken"] != row["taken"]
            else f"{row['taken']:%Y-%m-%d}, "
        )
        said = f"{when}{counted(int(row['labels_count']), 'label')}"
        pictures.append(Picture(str(name), said, _jpeg(_stretch(pixels, bands))))
    return pictures


def _stretch(pixels: np.ma.MaskedArray, bands: Sequence[str]) -> np.ndarray:
    """Red, green and blue (or the first band as grey) from the 2nd to the 98th percentile."""
    chosen = [bands.index(name) for name in COLOURS] if set(COLOURS) <= set(bands) else [0] * 3
    shown = np.ma.filled(pixels[chosen].astype(float), np.nan)
    known = shown[np.isfinite(shown)]
    low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
    grey = (np.nan_to_num(shown, nan=high) - low) / max(high - low, 1e-9)
    return np.asarray(np.clip(grey, 0, 1) * 255, np.uint8).transpose(1, 2, 0)


def _jpeg(pixels: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=82)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
