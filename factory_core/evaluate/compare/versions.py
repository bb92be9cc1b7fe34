"""Two versions of a detector brought to the ground that is in the same split of both."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
from omegaconf import DictConfig, OmegaConf

from factory_core.evaluate.compare.made_by import PARAMS, check_made_by
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import SelectionError
from factory_core.kernel.parts import CONF
from factory_core.kernel.revisions import Revision, Workspace

SELECTION = "data/selection/selection.parquet"
SCENES = "data/catalogue/scenes.parquet"
LABELS = "data/catalogue/labels.parquet"
PROCESSED = "data/processed/{scene_id}.tif"
DETECTIONS = "data/detections/{split}.parquet"
SCORE_MAP = "data/predictions/{split}/{scene_id}.tif"
SMALLEST_M2 = 1.0


@dataclass(frozen=True)
class Pair:
    """Two versions as the stage evaluate would read them, alike in all but what they detect.

    Attributes:
        names: Of the first and the second version.
        params: What each was made by.
        areas: Ground of each scene that is in the split of both.
        left_out: Scenes that are in the split of one and not compared, and why.
        area_km2: Of the ground in common, and of the split of each version.
        folder: Holds `catalogue`, `processed` and `selection`, of the second version; `first`
            and `second` hold `detections.parquet` and `predictions` of each.
    """

    names: tuple[str, str]
    params: tuple[DictConfig, DictConfig]
    areas: Mapping[str, gpd.GeoSeries]
    left_out: Mapping[str, str]
    area_km2: tuple[float, float, float]
    folder: Path

    @property
    def config(self) -> DictConfig:
        """By which both are measured: that of the second.

        What a later factory has added to the section `evaluate` has its default.
        """
        stated = OmegaConf.load(CONF / "factory.yaml")
        return typing.cast(
            DictConfig, OmegaConf.merge({"evaluate": stated.evaluate}, self.params[1])
        )


def gather(
    first: Workspace | Revision, second: Workspace | Revision, *, split: str, folder: Path
) -> Pair:
    """Bring what is needed of two versions into `folder`.

    Labels, scenes and parameters are those of the second, so that only the detections differ.
    The ground is what lies in the split of both: elsewhere one of them may have learnt.

    Raises:
        OutputError: A file is not there, nor in the cache or the remote; or the detections of a
            version were made by other settings than it states.
        SelectionError: No ground in common.
    """
    params = tuple(
        configuration.load(_bring(version, PARAMS, folder / str(place)))
        for place, version in enumerate((first, second))
    )
    for number, version in enumerate((first, second)):
        check_made_by(version, params[number], split=split, folder=folder / str(number))
    selections = tuple(
        _bring(version, SELECTION, folder / str(place))
        for place, version in enumerate((first, second))
    )
    areas = tuple(io.read_areas(selection, split) for selection in selections)
    common = dict(_common(*areas))
    names = (first.name, second.name)
    left_out = {
        scene_id: _why(scene_id, areas, selections, names, split)
        for scene_id in sorted((areas[0].keys() | areas[1].keys()) - common.keys())
    }
    if not common:
        raise SelectionError(
            f"{first.name} and {second.name} have no ground of the split {split!r} in common: "
            f"{len(areas[0])} scenes in {first.name}, {len(areas[1])} in {second.name}"
            + "".join(f"; {name}: {why}" for name, why in list(left_out.items())[:3])
            + ". Compare versions whose selections share scenes, or evaluate one of them again "
            "on the selection of the other."
        )
    _write_selection(common, split=split, out=folder / "selection" / "selection.parquet")
    for path, out in ((SCENES, "scenes.parquet"), (LABELS, "labels.parquet")):
        second.bring(path, folder / "catalogue" / out)
    for scene_id in common:
        second.bring(PROCESSED.format(scene_id=scene_id), folder / "processed" / f"{scene_id}.tif")
    for place, version in (("first", first), ("second", second)):
        found = _bring(version, DETECTIONS.format(split=split), folder / place)
        table = io.read_table(found)
        kept = table[table["scene_id"].isin(list(common))]
        io.write_table(kept, folder / place / "detections.parquet")
    totals = [sum(area.area.sum() for area in own.values()) / 1e6 for own in (common, *areas)]
    return Pair(
        names, (params[0], params[1]), common, left_out, (totals[0], totals[1], totals[2]), folder
    )


def bring_score_maps(
    pair: Pair, first: Workspace | Revision, second: Workspace | Revision, *, split: str
) -> None:
    """Bring the score maps of both too, for metrics that read them."""
    for place, version in (("first", first), ("second", second)):
        for scene_id in pair.areas:
            out = pair.folder / place / "predictions" / f"{scene_id}.tif"
            version.bring(SCORE_MAP.format(split=split, scene_id=scene_id), out)


def _bring(version: Workspace | Revision, path: str, folder: Path) -> Path:
    out = folder / path
    version.bring(path, out)
    return out


def _common(
    first: Mapping[str, gpd.GeoSeries], second: Mapping[str, gpd.GeoSeries]
) -> Iterator[tuple[str, gpd.GeoSeries]]:
    """Ground of each scene in both, in the CRS of the second."""
    for scene_id in sorted(first.keys() & second.keys()):
        area = second[scene_id]
        shared = area.intersection(first[scene_id].to_crs(area.crs), align=False)
        if shared.area.sum() > SMALLEST_M2:
            yield scene_id, shared


def _why(
    scene_id: str,
    areas: tuple[Mapping[str, gpd.GeoSeries], ...],
    selections: tuple[Path, ...],
    names: tuple[str, str],
    split: str,
) -> str:
    """Why a scene in the split of one version is not compared."""
    lacking = [place for place in (0, 1) if scene_id not in areas[place]]
    if not lacking:
        return f"its ground of {split} in {names[0]} and that in {names[1]} do not overlap"
    (place,) = lacking
    blocks = dict(io.read_by_scene(selections[place])).get(scene_id)
    if blocks is None:
        return f"not a scene of {names[place]}"
    splits = sorted(set(blocks["split"]) - {""})
    if splits:
        return f"in {' and '.join(splits)} of {names[place]}"
    reasons = ", ".join(sorted(set(blocks["reason"]) - {""}))
    return f"left out of {names[place]}" + (f": {reasons}" if reasons else "")


def _write_selection(areas: Mapping[str, gpd.GeoSeries], *, split: str, out: Path) -> None:
    frames = (
        gpd.GeoDataFrame(
            {"scene_id": scene_id, "block": [0], "split": split, "reason": ""},
            geometry=area.to_list(),
            crs=area.crs,
        )
        for scene_id, area in areas.items()
    )
    io.write_by_scene(frames, out)
