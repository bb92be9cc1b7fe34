"""Scenes and labels on disk -> one table of scenes, one of labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from omegaconf import DictConfig

from factory_core.catalogue.labels import count_labels, find_labels, place_labels, read_labels
from factory_core.catalogue.scenes import Context, describe_scene, find_scenes, to_table
from factory_core.kernel import geo, io
from factory_core.kernel.config import build, section, taxonomy


@dataclass(frozen=True)
class Settings:
    """Where scenes and labels lie, and what is measured.

    Attributes:
        scenes: Glob under the raw data.
        labels: Glob under the raw data.
        bands: Names of the bands, for files that do not tell them.
        white: Value of a white surface; None takes it from the type of the pixels.
        contexts: What is measured in each scene, a column each.
    """

    scenes: str
    labels: str
    bands: tuple[str, ...]
    white: float | None
    contexts: dict[str, Context]


def run(config: DictConfig, *, raw: Path, out: Path) -> None:
    """Measure every scene, check and place every label, and write both tables to `out`."""
    settings = section(config, "catalogue", Settings)
    classes = taxonomy(config)
    paths = find_scenes(raw, settings.scenes)
    files = find_labels(raw, settings.labels)
    key = {
        "catalogue": config.catalogue,
        "code": config.fingerprint.catalogue,
        "inputs": io.identity([*paths.values(), *files]),
    }
    with io.staged(out, key=key) as work:
        measure = partial(_measure, raw=raw, settings=settings, finished=work / "items")
        machine = build(config.compute, where="compute")
        items = machine.map(measure, list(paths.values()), label="catalogue scenes")
        table = to_table(items, {item["id"]: {} for item in items})
        frames = [
            place_labels(read_labels(path, taxonomy=classes), table, path=path) for path in files
        ]
        by_scene = {
            scene_id: _labels_of(scene_id, frames, crs=_metric_crs(path))
            for scene_id, path in paths.items()
        }
        counts = {id_: count_labels(rows, taxonomy=classes) for id_, rows in by_scene.items()}
        io.write_by_scene(by_scene.values(), work / "labels.parquet")
        io.write_table(to_table(items, counts), work / "scenes.parquet")
        shutil.rmtree(work / "items")


def _measure(path: Path, *, raw: Path, settings: Settings, finished: Path) -> Mapping[str, Any]:
    """The STAC item of one scene, read back where an earlier run has measured it."""
    file = finished / f"{path.stem}.json"
    if not file.is_file():
        item = describe_scene(
            path,
            href=path.relative_to(raw).as_posix(),
            bands=settings.bands,
            white=settings.white,
            contexts=settings.contexts,
        )
        io.write_json(item, file)
    return io.read_json(file)  # type: ignore[no-any-return]  # the item just written


def _labels_of(scene_id: str, frames: list[gpd.GeoDataFrame], *, crs: str) -> gpd.GeoDataFrame:
    found = [frame[frame["scene_id"] == scene_id].to_crs(crs) for frame in frames]
    return gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=crs)


def _metric_crs(path: Path) -> str:
    return geo.metric_crs(io.open_raster(path).geobox)
