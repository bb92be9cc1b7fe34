"""Scenes and labels on disk -> tables of scenes, of labels, of the contexts of every cell."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from factory_core.catalogue.cells import cut_cells, outline_cells
from factory_core.catalogue.labels import find_labels, place_labels, read_labels
from factory_core.catalogue.observe import observe_labels, observe_scene
from factory_core.catalogue.reuse import files_of_parts, hash_files, identify, read_measured
from factory_core.catalogue.scenes import describe_scene, grid_of
from factory_core.catalogue.settings import Settings
from factory_core.catalogue.sources import Source, find_scenes
from factory_core.catalogue.table import to_table
from factory_core.kernel import geo, io
from factory_core.kernel.compute import Compute
from factory_core.kernel.config import build, section, taxonomy


def run(config: DictConfig, *, raw: Path, out: Path) -> None:
    """Measure every new scene, check and place every label, and write the tables to `out`."""
    settings: Settings = section(config, "catalogue", Settings)
    classes = taxonomy(config)
    machine: Compute = build(config.compute, where="compute")
    sources = find_scenes(raw, settings.scenes, companions=settings.companions)
    files = find_labels(raw, settings.labels)
    identities = _identities(config, sources, raw=raw, out=out, machine=machine)
    key = {
        "catalogue": config.catalogue,
        "code": config.fingerprint.catalogue,
        "inputs": [identities, io.identity(files)],
    }
    with io.staged(out, key=key) as work:
        measured = _measure_new(
            sources, identities, raw=raw, settings=settings, machine=machine, out=out, work=work
        )
        items = {scene_id: found["item"] for scene_id, found in measured.items()}
        table = to_table(list(items.values()), {scene_id: {} for scene_id in items})
        frames = [
            place_labels(read_labels(path, taxonomy=classes), table, path=path) for path in files
        ]
        labels = {
            scene_id: observe_labels(_labels_of(item, frames), taxonomy=classes)
            for scene_id, item in items.items()
        }
        observed = {
            scene_id: observe_scene(
                rows, taxonomy=classes, area_km2=items[scene_id]["properties"]["area_km2"]
            )
            for scene_id, rows in labels.items()
        }
        io.write_by_scene(labels.values(), work / "labels.parquet")
        io.write_by_scene(
            [_cells_of(found, cell_m=settings.cell_m) for found in measured.values()],
            work / "contexts.parquet",
        )
        io.write_table(to_table(list(items.values()), observed), work / "scenes.parquet")
        shutil.rmtree(work / "measured", ignore_errors=True)


def _identities(
    config: DictConfig, sources: Mapping[str, Source], *, raw: Path, out: Path, machine: Compute
) -> dict[str, str]:
    """What the measurement of each scene depends on, as a hash."""
    given: Any = OmegaConf.to_container(config.catalogue, resolve=True)
    settings = {name: given.get(name) for name in ("bands", "white", "cell_m", "contexts")}
    maps = files_of_parts(settings["contexts"])
    files = [file for source in sources.values() for file in source.files]
    hashes = hash_files(
        [*files, *maps], remembered=out.parent / f".{out.name}.hashes.json", machine=machine
    )
    settings["maps"] = {str(file): hashes[file] for file in maps}
    settings["code"] = config.fingerprint.catalogue
    return {
        scene_id: identify(source, raw=raw, hashes=hashes, settings=settings)
        for scene_id, source in sources.items()
    }


def _measure_new(
    sources: Mapping[str, Source],
    identities: Mapping[str, str],
    *,
    raw: Path,
    settings: Settings,
    machine: Compute,
    out: Path,
    work: Path,
) -> dict[str, Any]:
    """What was measured in each scene, by this run or an earlier one."""
    before = read_measured(out)
    new = [source for source in sources.values() if identities[source.scene_id] not in before]
    measure = partial(_measure, raw=raw, settings=settings, finished=work / "measured")
    fresh = dict(
        zip(
            [source.scene_id for source in new],
            machine.map(measure, new, label="catalogue: new scenes") if new else [],
            strict=True,
        )
    )
    found = {
        scene_id: fresh[scene_id] if scene_id in fresh else before[identities[scene_id]]
        for scene_id in sources
    }
    for scene_id, one in found.items():
        one["item"]["properties"]["identity"] = identities[scene_id]
    return found


def _measure(source: Source, *, raw: Path, settings: Settings, finished: Path) -> Any:
    """What is measured in one scene, read back where a stopped run has measured it."""
    file = finished / f"{source.scene_id}.json"
    if not file.is_file():
        described = describe_scene(
            source,
            raw=raw,
            bands=settings.bands,
            white=settings.white,
            contexts=settings.contexts,
            cell_m=settings.cell_m,
        )
        io.write_json(described, file)
    return io.read_json(file)


def _labels_of(item: Mapping[str, Any], frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    crs = geo.metric_crs(grid_of(item))
    found = [frame[frame["scene_id"] == item["id"]].to_crs(crs) for frame in frames]
    return gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=crs)


def _cells_of(measured: Mapping[str, Any], *, cell_m: float) -> gpd.GeoDataFrame:
    """The contexts of the cells of one scene, with their outlines in its CRS in metres."""
    grid = grid_of(measured["item"])
    outlines = outline_cells(grid, cut_cells(grid, cell_m=cell_m))
    cells = pd.DataFrame(measured["cells"], index=outlines.index, dtype=float)
    cells.insert(0, "scene_id", measured["item"]["id"])
    return gpd.GeoDataFrame(cells, geometry=outlines, crs=outlines.crs)
