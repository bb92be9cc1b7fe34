"""Write the sample `airfield`: scenes, labels, truth."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.affinity import affine_transform
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import geo, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError
from factory_core.sources.airfield.scene import RESOLUTION_M, Scene, Setting, make_scene
from factory_core.sources.airfield.spectra import BANDS

SIZE_PX = 512
MIN_SIZE_PX, MAX_SIZE_PX = 64, 4096
CRS = "EPSG:32633"
FIRST_CORNER_M = (452_000.0, 5_411_000.0)
# An aircraft of which less than this share is in the scene is no label.
MIN_SHARE = 0.3
FILES = Path(__file__).parents[1] / "files" / "airfield"

SETTINGS = (
    Setting("snow_airline", "winter", "airline", 0.0, -24, 158, 24, "2024-01-17T10:22:00Z"),
    Setting("snow_flightline", "winter", "flightline", 0.0, 63, 171, 27, "2024-02-03T10:40:00Z"),
    Setting("green_flightline", "summer", "flightline", 0.0, -38, 139, 57, "2024-06-19T09:51:00Z"),
    Setting("green_club", "spring", "club", 0.0, 14, 146, 51, "2024-05-08T10:03:00Z"),
    Setting("haze_airline", "summer", "airline", 0.45, 152, 133, 48, "2024-08-27T09:35:00Z"),
    Setting("haze_club", "spring", "club", 0.55, -71, 149, 44, "2024-04-21T10:11:00Z"),
    Setting("clear_airline", "dry", "airline", 0.0, 31, 128, 60, "2024-07-30T09:28:00Z"),
    Setting("clear_flightline", "dry", "flightline", 0.0, 118, 142, 54, "2024-08-05T09:44:00Z"),
)


def write(out: Path, *, size_px: int | None, seed: int) -> None:
    """Paint every scene and write the sample into `out`.

    Args:
        out: Folder to write into.
        size_px: Side of a scene; None takes 512.
        seed: Other seeds give other airfields.

    Raises:
        ConfigError: A size that is out of range.
    """
    size_px = SIZE_PX if size_px is None else size_px
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise ConfigError(
            f"The size of an airfield scene must lie in [{MIN_SIZE_PX}, {MAX_SIZE_PX}] pixels. "
            f"Received: {size_px}."
        )
    shutil.copytree(FILES, out, dirs_exist_ok=True)
    labels: dict[str, list[gpd.GeoDataFrame]] = {"aircraft": [], "buildings": [], "lines": []}
    truth = {}
    for number, setting in enumerate(progress(SETTINGS, label="airfield scenes")):
        scene = make_scene(setting, size_px=size_px, rng=np.random.default_rng([seed, number]))
        grid = _grid(number, size_px)
        io.write_cog(
            out / "scenes" / f"{setting.name}.tif",
            geobox=grid,
            bands=BANDS,
            dtype="uint16",
            nodata=None,
            blocks=[(grid, scene.pixels)],
            tags={
                "ACQUISITIONDATETIME": setting.time,
                "SUN_ELEVATION": f"{setting.sun_height_deg:g}",
                "SUN_AZIMUTH": f"{setting.sun_deg:g}",
            },
        )
        truth[setting.name] = scene.truth
        for name, frame in _labels(scene, grid, setting.name).items():
            labels[name].append(frame)
    for name, frames in labels.items():
        table = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=CRS)
        io.write_vectors(table, out / "labels" / f"{name}.parquet")
    io.write_json(truth, out / "truth.json")


def _grid(number: int, size_px: int) -> GeoBox:
    """Where a scene lies: side by side with a kilometre between."""
    step = size_px * RESOLUTION_M + 1000
    left, top = FIRST_CORNER_M[0] + number % 3 * step, FIRST_CORNER_M[1] - number // 3 * step
    affine = Affine(RESOLUTION_M, 0, left, 0, -RESOLUTION_M, top)
    return GeoBox((size_px, size_px), affine, CRS)


def _labels(scene: Scene, grid: GeoBox, scene_id: str) -> dict[str, gpd.GeoDataFrame]:
    """The labels of each file, cut at the edge of the scene, on the ground."""
    plan = scene.plan
    frame = box(0, 0, plan.side, plan.side)
    aircraft = [(one.outline(), one.kind.name) for one in plan.aircraft]
    shown = [(shape, name) for shape, name in aircraft if _share(shape, frame) >= MIN_SHARE]
    found = {
        "aircraft": shown,
        "buildings": [(building.outline, "building") for building in plan.buildings],
        "lines": plan.lines,
    }
    return {
        name: _on_ground(
            [(shape.intersection(frame), label) for shape, label in rows], grid, scene_id
        )
        for name, rows in found.items()
    }


def _share(shape: BaseGeometry, frame: BaseGeometry) -> float:
    return float(shape.intersection(frame).area / shape.area)


def _on_ground(
    rows: list[tuple[BaseGeometry, str]], grid: GeoBox, scene_id: str
) -> gpd.GeoDataFrame:
    rows = [(shape, label) for shape, label in rows if max(shape.area, shape.length) > 0.5]
    corner = geo.footprint(grid).bounds
    shapes = [affine_transform(s, [1, 0, 0, -1, corner[0], corner[3]]) for s, _ in rows]
    labels = pd.Series([label for _, label in rows], dtype=object)
    return gpd.GeoDataFrame({"label": labels, "scene_id": scene_id}, geometry=shapes, crs=CRS)
