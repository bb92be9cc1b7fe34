"""Scenes of a split with what was found on them and what should have been."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import geo, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import OutputError, SceneError, SelectionError
from factory_core.kernel.taxonomy import Taxonomy


@dataclass(frozen=True)
class Scene:
    """One scene of a split; all geometries are in the CRS of `geobox`, in metres.

    Attributes:
        scene_id: Name of the scene.
        path: The processed scene.
        geobox: Its grid.
        area: What of it belongs to the split.
        named_labels: `label` (the class as it is named, at any level) and `geometry`.
        named_detections: `label`, `score` and `geometry`, the highest score first.
        labels: Those of a class at the level of training or below, named by that level.
        detections: The same of the detections.
        score_map: What the model gave, where it gives one.
    """

    scene_id: str
    path: Path
    geobox: GeoBox
    area: BaseGeometry
    named_labels: gpd.GeoDataFrame
    named_detections: gpd.GeoDataFrame
    labels: gpd.GeoDataFrame
    detections: gpd.GeoDataFrame
    score_map: Path | None = None

    @property
    def coarse_labels(self) -> int:
        """Labels left out because they name a class above the level of training."""
        return len(self.named_labels) - len(self.labels)

    @property
    def coarse_detections(self) -> int:
        """Detections left out for the same reason (`back_off` makes such).

        They say less than is asked, which is not found, and not wrong either.
        """
        return len(self.named_detections) - len(self.detections)

    def detecting(self, detections: gpd.GeoDataFrame | None, *, taxonomy: Taxonomy) -> Scene:
        """The same scene with other detections; its labels are not touched."""
        named = _inside(detections, area=self.area, crs=self.crs, columns=["label", "score"])
        named = in_fixed_order(named)
        return replace(self, named_detections=named, detections=at_level(named, taxonomy=taxonomy))

    @property
    def crs(self) -> str:
        """CRS of all geometries, in metres."""
        return str(self.geobox.crs)


def read_scenes(
    *,
    detections: Path | None,
    predictions: Path,
    scenes: Path,
    catalogue: Path,
    selection: Path,
    split: str,
    taxonomy: Taxonomy,
) -> list[Scene]:
    """Read every scene of `split`, in the order of their names.

    A label or a detection counts where its representative point lies in the area of the split,
    and where it names a class at the level of `taxonomy` or below. Without `detections` there are
    none yet: `Results.detecting` brings them.

    Raises:
        SelectionError: The split is empty, or detections lie on scenes outside it.
        SceneError: A processed scene is missing, damaged, or not in metres.
        OutputError: A score is not a number from 0 to 1.
        TaxonomyError: A class is unknown.
    """
    areas = io.read_areas(selection / "selection.parquet", split)
    if not areas:
        raise SelectionError(
            f"The split {split!r} is empty in {selection / 'selection.parquet'}: there is nothing "
            "to evaluate on. Give it a share in the section `select`."
        )
    found = dict(io.read_by_scene(detections)) if detections else {}
    strangers = sorted(found.keys() - areas.keys())
    if strangers:
        raise SelectionError(
            f"{detections} holds detections on scenes that are not in the split {split!r}: "
            f"{', '.join(strangers[:5])}. Run `postprocess` for this selection and split again."
        )
    for frame in found.values():
        if not frame["score"].between(0, 1).all():
            raise OutputError(
                f"{detections} holds scores that are not numbers from 0 to 1. "
                "Run `predict` and `postprocess` again."
            )
    labelled = dict(io.read_by_scene(catalogue / "labels.parquet"))
    return [
        _scene(
            scenes / f"{scene_id}.tif",
            area=areas[scene_id],
            labels=labelled.get(scene_id),
            taxonomy=taxonomy,
            predictions=predictions,
        ).detecting(found.get(scene_id), taxonomy=taxonomy)
        for scene_id in progress(sorted(areas), label=f"evaluate {split}: read")
    ]


def _scene(
    path: Path,
    *,
    area: gpd.GeoSeries,
    labels: gpd.GeoDataFrame | None,
    taxonomy: Taxonomy,
    predictions: Path,
) -> Scene:
    geobox = io.open_raster(path).geobox
    if not geo.is_metric(geobox.crs):
        raise SceneError(
            f"{path} is in {geobox.crs}, expected a CRS in metres. Put `to_metres` into the chain "
            "`process` and run it again."
        )
    crs = str(geobox.crs)
    here = area.to_crs(crs).iloc[0]
    named = in_fixed_order(_inside(labels, area=here, crs=crs, columns=["label"]))
    score_map = predictions / path.name
    none = _inside(None, area=here, crs=crs, columns=["label", "score"])
    return Scene(
        scene_id=path.stem,
        path=path,
        geobox=geobox,
        area=here,
        named_labels=named,
        named_detections=none,
        labels=at_level(named, taxonomy=taxonomy),
        detections=none,
        score_map=score_map if score_map.is_file() else None,
    )


def _inside(
    frame: gpd.GeoDataFrame | None, *, area: BaseGeometry, crs: str, columns: list[str]
) -> gpd.GeoDataFrame:
    if frame is None:
        empty = {name: np.empty(0, float if name == "score" else object) for name in columns}
        return gpd.GeoDataFrame(empty, geometry=[], crs=crs)
    # Arrays and not frames: a search calls this for every scene of every point.
    shapes = np.array(frame.geometry if frame.crs == crs else frame.geometry.to_crs(crs), object)
    wrong = ~shapely.is_valid(shapes)
    shapes[wrong] = shapely.make_valid(shapes[wrong])
    shapely.prepare(area)
    inside = shapely.covers(area, shapes)
    across = (shapely.get_dimensions(shapes) == 1) & ~inside
    shapes[across] = _cut(shapes[across], area=area)
    points = shapely.point_on_surface(shapes[~inside])
    inside[~inside] = shapely.intersects(area, points)
    return gpd.GeoDataFrame(
        {name: frame[name].to_numpy()[inside] for name in columns}, geometry=shapes[inside], crs=crs
    )


def _cut(lines: np.ndarray, *, area: BaseGeometry) -> np.ndarray:
    """The part of each line in an area; empty where it does no more than touch it."""
    parts, line = shapely.get_parts(shapely.intersection(lines, area), return_index=True)
    long = shapely.get_dimensions(parts) == 1
    cut = np.full(len(lines), shapely.MultiLineString(), object)
    met, number = np.unique(line[long], return_inverse=True)
    cut[met] = shapely.multilinestrings(parts[long], indices=number)
    return cut


def at_level(named: gpd.GeoDataFrame, *, taxonomy: Taxonomy) -> gpd.GeoDataFrame:
    """The rows of a class at the level of training or below, named by that level."""
    levels = taxonomy.roll_up(named["label"])
    if levels == named["label"].to_list():
        return named
    levelled = named.assign(label=levels)
    return levelled[levelled["label"].notna()].reset_index(drop=True)


def in_fixed_order(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Highest score first, equal scores by place: no result depends on the order of rows."""
    bounds = shapely.bounds(frame.geometry.to_numpy()).reshape(-1, 4)
    keys = [frame["label"].to_numpy(str), *bounds.T]
    if "score" in frame:
        keys.append(-frame["score"].to_numpy(float))
    return frame.iloc[np.lexsort(keys)].reset_index(drop=True)
