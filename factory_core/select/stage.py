"""Catalogue and query -> train, val and test that do not overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import DictConfig

from factory_core.kernel import geo, io
from factory_core.kernel.config import build, section, taxonomy
from factory_core.kernel.errors import SelectionError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.leakage import SPLITS, find_overlaps, refuse_overlaps
from factory_core.select.query import choose_scenes


@dataclass(frozen=True)
class Settings:
    """Which scenes are taken.

    Attributes:
        where: One SQL condition over the table of scenes.
    """

    where: str


def run(config: DictConfig, *, catalogue: Path, out: Path) -> None:
    """Choose scenes, split them, and write the blocks, their balance and their leakage to `out`."""
    settings = section(config, "select", Settings)
    split = build(config.select.split, where="select.split")
    classes = taxonomy(config)
    scenes = io.read_table(catalogue / "scenes.parquet").set_index("id", drop=False)
    chosen = choose_scenes(scenes, where=settings.where)
    outlines = {str(row["id"]): _outline(row) for _, row in scenes.iterrows()}
    labels = dict(io.read_by_scene(catalogue / "labels.parquet"))
    blocks = split(
        {scene_id: outlines[scene_id] for scene_id in chosen},
        {scene_id: labels[scene_id] for scene_id in chosen if scene_id in labels},
    )
    overlaps = find_overlaps(blocks.values())
    refuse_overlaps(overlaps)
    balance = measure_balance(blocks, labels, taxonomy=classes)
    refuse_empty(balance)
    left_out = [
        _left_out(scene_id, outline, block=-1, reason=f"not selected: {settings.where}")
        for scene_id, outline in outlines.items()
        if scene_id not in blocks
    ]
    leakage = {"max_overlap_m2": max((o.area_m2 for o in overlaps), default=0.0)}
    key = {
        "select": config.select,
        "code": config.fingerprint.select,
        "inputs": io.identity([catalogue]),
    }
    with io.staged(out, key=key) as work:
        io.write_by_scene([*blocks.values(), *left_out], work / "selection.parquet")
        io.write_json({"balance": balance, "leakage": leakage}, work / "selection.json")


def _outline(row: pd.Series) -> gpd.GeoSeries:
    """Outline of a scene in its CRS in metres."""
    code = row["proj:code"] if isinstance(row.get("proj:code"), str) else row["proj:wkt2"]
    grid = GeoBox(tuple(row["proj:shape"]), Affine(*row["proj:transform"]), code)
    outline = gpd.GeoSeries([geo.footprint(grid)], crs=code)
    metric = geo.metric_crs(grid)
    return outline if metric == str(grid.crs) else outline.segmentize(_step(grid)).to_crs(metric)


def _step(grid: GeoBox) -> float:
    """A sixty-fourth of the longer side, in units of the CRS: bends edges as the ground does."""
    left, low, right, high = grid.extent.boundingbox
    return float(max(right - left, high - low) / 64)


def measure_balance(
    blocks: Mapping[str, gpd.GeoDataFrame],
    labels: Mapping[str, gpd.GeoDataFrame],
    *,
    taxonomy: Taxonomy,
) -> dict[str, Any]:
    """Labels by class and split, and square metres by split; what was left out is `left_out`.

    A label counts where a point inside it lies, and for every class above its own too; on
    ground that several scenes show, it counts once a scene.
    """
    area_m2 = dict.fromkeys((*SPLITS, "left_out"), 0.0)
    counts = {split: dict.fromkeys(taxonomy.all_names(), 0) for split in area_m2}
    for scene_id, rows in blocks.items():
        rows = rows.assign(split=rows["split"].replace("", "left_out"))
        for split, area in rows.area.groupby(rows["split"]).sum().items():
            area_m2[split] += float(area)
        if scene_id in labels:
            points = labels[scene_id].set_geometry(labels[scene_id].representative_point())
            met = gpd.sjoin(points, rows[["split", "geometry"]], predicate="intersects")
            met = met[~met.index.duplicated()]  # a point on the edge of two blocks
            for label, split in zip(met["label"], met["split"], strict=True):
                for name in taxonomy.path(label):
                    counts[split][name] += 1
    return {"labels": counts, "area_m2": area_m2}


def refuse_empty(balance: Mapping[str, Any]) -> None:
    """Stop where a split has no ground or no label.

    Raises:
        SelectionError: One is empty; names it and what there is.
    """
    for split in SPLITS:
        total = max(balance["labels"][split].values())
        if total == 0:
            what = "no label" if balance["area_m2"][split] > 0 else "no ground at all"
            have = {name: max(balance["labels"][name].values()) for name in balance["labels"]}
            raise SelectionError(
                f"The split {split!r} has {what}. Labels: {have}. Change the shares or the "
                "named scenes of `select.split`, make its blocks or its gap smaller (`block_m`, "
                "`gap_m`), or loosen `select.where`."
            )


def _left_out(
    scene_id: str, outline: gpd.GeoSeries, *, block: int, reason: str
) -> gpd.GeoDataFrame:
    row = {"scene_id": scene_id, "block": block, "split": "", "reason": reason}
    return gpd.GeoDataFrame([row], geometry=outline.to_numpy(), crs=outline.crs)
