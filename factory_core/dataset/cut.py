"""Cut one scene into windows, with labels, on disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from factory_core.dataset.arrays import NO_BOXES, box_table, new_array
from factory_core.dataset.sample import Boxes
from factory_core.dataset.target import Target
from factory_core.dataset.windows import cut_windows_inside
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, footprint, offset_px, resolution_m

DTYPES = ("uint8", "uint16")


@dataclass(frozen=True)
class SceneToCut:
    """A processed scene with the area to cut and the labels in it.

    Attributes:
        path: The processed scene.
        area: Where windows may lie, in a CRS in metres.
        labels: With `class_index`, or None where there are none.
    """

    path: Path
    area: gpd.GeoSeries
    labels: gpd.GeoDataFrame | None


def check_scenes(paths: Sequence[Path]) -> Raster:
    """The first of `paths`, after checking that all have its bands, type and resolution.

    Raises:
        SceneError: They differ, or the type is not one that windows are kept in.
    """
    first = io.open_raster(paths[0])
    if first.dtype not in DTYPES:
        raise SceneError(
            f"{paths[0]} has pixels of type {first.dtype}. Windows are kept as "
            f"{' or '.join(DTYPES)}: add `to_8bit` to `process`."
        )
    for path in paths[1:]:
        other = io.open_raster(path)
        for what, here, there in (
            ("bands", first.bands, other.bands),
            ("the pixel type", first.dtype, other.dtype),
            ("pixels of (m)", _rounded_m(first), _rounded_m(other)),
        ):
            if here != there:
                raise SceneError(
                    f"{path} has {what} {there}, and {paths[0]} has {here}. One model takes one "
                    "kind of imagery: make them equal in `process` (`compose_bands`, `to_8bit`, "
                    "`reproject`), or leave one out by `select.where`."
                )
    return first


def cut_scene(
    scene: SceneToCut, *, target: Target, size_px: int, overlap_px: int, out: Path
) -> Path:
    """Write the windows of a scene, unless they were written before.

    Returns:
        Folder in `out` with `images.npy`, `masks.npy` or `boxes.parquet`, and
        `windows.parquet`: row, column, number of labels. Windows without data are left out.
    """
    raster = io.open_raster(scene.path)
    folder = out / raster.scene_id
    if folder.is_dir():
        return folder
    area = scene.area.to_crs(str(raster.geobox.crs))
    windows = list(
        cut_windows_inside(area, scene=raster.geobox, size_px=size_px, overlap_px=overlap_px)
    )
    labels = None if scene.labels is None else scene.labels.to_crs(str(raster.geobox.crs))
    work = out / f".{raster.scene_id}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write_windows(work, raster, windows, labels=labels, target=target, size_px=size_px)
    work.rename(folder)
    return folder


def _rounded_m(raster: Raster) -> float:
    return float(f"{resolution_m(raster.geobox):.3g}")


def _write_windows(
    work: Path,
    raster: Raster,
    windows: list[GeoBox],
    *,
    labels: gpd.GeoDataFrame | None,
    target: Target,
    size_px: int,
) -> None:
    shape = (len(windows), size_px, size_px)
    images = new_array(work / "images.npy", (*shape, len(raster.bands)), raster.dtype)
    masks = new_array(work / "masks.npy", shape, "uint8") if target.form == "mask" else None
    rows: list[tuple[str, int, int, int]] = []
    boxes = [box_table(NO_BOXES, window=0)]
    for window in windows:
        pixels = raster.read(window)
        if raster.nodata is not None and (pixels == raster.nodata).all():
            continue
        near = _labels_in(labels, window, crs=raster.geobox.crs)
        drawn = target(near, window=window)
        count = len(rows)
        images[count] = np.moveaxis(pixels, 0, -1)
        if isinstance(drawn, Boxes):
            boxes.append(box_table(drawn, window=count))
            found = len(drawn)
        elif masks is not None:
            masks[count] = drawn
            found = len(near) if drawn.any() else 0
        row, column = offset_px(window, of=raster.geobox)
        rows.append((raster.scene_id, row, column, found))
    if masks is None:
        io.write_table(pd.concat(boxes), work / "boxes.parquet")
    table = pd.DataFrame(rows, columns=["scene_id", "row_px", "column_px", "labels"])
    io.write_table(table, work / "windows.parquet")


def _labels_in(labels: gpd.GeoDataFrame | None, window: GeoBox, *, crs: object) -> gpd.GeoDataFrame:
    if labels is None:
        return gpd.GeoDataFrame({"class_index": []}, geometry=[], crs=str(crs))
    near = labels.sindex.query(footprint(window), predicate="intersects", sort=True)
    return labels.iloc[near]
