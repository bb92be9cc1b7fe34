"""The stage dataset: processed scenes and labels to windows in shards."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import typer
from omegaconf import DictConfig

from factory_core.dataset.contexts import read_contexts
from factory_core.dataset.labels import number_classes
from factory_core.dataset.plan import ScenePlan, SceneToCut, check_scenes, plan_scene
from factory_core.dataset.sample import LAYERS
from factory_core.dataset.settings import Settings
from factory_core.dataset.shards import Stats
from factory_core.dataset.target import Target
from factory_core.dataset.write import (
    Shard,
    choose_windows,
    make_shards,
    measure_bands,
    write_shard,
    write_tables,
)
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, SelectionError
from factory_core.kernel.geo import Raster, resolution_m
from factory_core.kernel.taxonomy import Taxonomy

SPLITS = ("train", "val")
# More windows of train do not change the mean of a band.
MEASURED_WINDOWS = 2000
# A pixel of a mask is one byte, and 0 is the background.
MOST_CLASSES = 255


def run(config: DictConfig, *, scenes: Path, catalogue: Path, selection: Path, out: Path) -> None:
    """Cut the scenes of train and val into windows and write them with their labels.

    Raises:
        ConfigError: More classes than a mask can tell apart.
        SelectionError: A split has no area, or none that a window fits into, or no label, or
            its windows show too few of its labels.
        SceneError: Scenes differ in bands, type or resolution, or cannot be read.
        LabelError: A geometry that the target cannot draw.
        TaxonomyError: A label that the taxonomy does not know.
    """
    settings = configuration.section(config, "dataset", Settings)
    target = configuration.build(config.dataset.target, where="dataset.target")
    taxonomy = configuration.taxonomy(config)
    _check_classes(target, taxonomy)
    compute = configuration.build(config.compute, where="compute")
    contexts = list(config.get("catalogue", {}).get("contexts") or {})
    key = {
        "dataset": config.dataset,
        "contexts": contexts,
        "taxonomy": config.taxonomy,
        "code": config.fingerprint.dataset,
        "inputs": io.identity([scenes, catalogue, selection]),
    }
    areas = {split: _areas(selection / "selection.parquet", split) for split in SPLITS}
    paths = [scenes / f"{scene_id}.tif" for split in SPLITS for scene_id in areas[split]]
    reference = check_scenes(paths)
    labels = {
        scene_id: number_classes(frame, scene_id=scene_id, taxonomy=taxonomy, target=target)
        for scene_id, frame in io.read_by_scene(catalogue / "labels.parquet")
    }
    cells = read_contexts(catalogue, names=contexts)
    todo = [
        SceneToCut(split, scenes / f"{name}.tif", area, labels.get(name), cells.get(name))
        for split in SPLITS
        for name, area in areas[split].items()
    ]
    size = {"size_px": settings.window_px, "overlap_px": settings.overlap_px}
    plan = partial(plan_scene, target=target, classes=taxonomy.names, **size)
    plans = compute.map(plan, todo, label="dataset: scenes")
    tables, shards = _choose(plans, settings)
    for split in SPLITS:
        _check_windows(tables[split], split, areas[split].values(), reference, settings)
        _check_shown(plans, split, reference, settings)
    with io.staged(out, key=key) as work:
        finished = work / "finished"
        for folder in (finished, *(work / split for split in SPLITS)):
            folder.mkdir(exist_ok=True)
        write = partial(write_shard, target=target, out=work, finished=finished)
        results = compute.map(write, shards, label="dataset: shards")
        for split in SPLITS:
            written = [r for shard, r in zip(shards, results, strict=True) if shard.split == split]
            kept = np.concatenate([result.kept for result in written])
            tables[split] = tables[split][kept].reset_index(drop=True)
            _check_windows(tables[split], split, areas[split].values(), reference, settings)
            write_tables(tables[split], written, form=target.form, out=work / split)
        mean, deviation = measure_bands(results)
        stats = Stats(
            form=target.form,
            bands=reference.bands,
            dtype=reference.dtype,
            nodata=reference.nodata,
            classes=taxonomy.names,
            resolution_m=resolution_m(reference.geobox),
            window_px=settings.window_px,
            mean=tuple(mean),
            deviation=tuple(deviation),
            windows={split: len(tables[split]) for split in SPLITS},
            labelled={split: int((tables[split]["labels"] > 0).sum()) for split in SPLITS},
        )
        io.write_json(asdict(stats), work / "stats.json")
        shutil.rmtree(finished)


def _check_classes(target: Target, taxonomy: Taxonomy) -> None:
    if target.form in LAYERS and len(taxonomy.names) > MOST_CLASSES:
        raise ConfigError(
            f"A mask tells {MOST_CLASSES} classes apart, and `taxonomy.level` {taxonomy.level} has "
            f"{len(taxonomy.names)}. Train at a lower level, or choose a target of boxes."
        )


def _areas(selection: Path, split: str) -> dict[str, gpd.GeoSeries]:
    areas = io.read_areas(selection, split)
    if not areas:
        raise SelectionError(
            f"{selection} has nothing for {split}. Widen `select.where`, or give {split} a larger "
            "share in `select.split`."
        )
    return areas


def _choose(
    plans: Sequence[ScenePlan], settings: Settings
) -> tuple[dict[str, pd.DataFrame], list[Shard]]:
    """The windows to write of each split, and the shards that they go to."""
    tables: dict[str, pd.DataFrame] = {}
    shards: list[Shard] = []
    for split in SPLITS:
        mine = [plan for plan in plans if plan.split == split]
        table = pd.concat([plan.table for plan in mine], ignore_index=True)
        share = settings.background_share if split == "train" and table["labels"].any() else 1.0
        chosen = choose_windows(table, background_share=share, seed=settings.seed)
        tables[split] = table.iloc[chosen]
        shards += make_shards(
            [plan.cut for plan in mine],
            chosen,
            split=split,
            shard_windows=settings.shard_windows,
            measured=MEASURED_WINDOWS if split == "train" else 0,
        )
    return tables, shards


def _check_windows(
    table: pd.DataFrame,
    split: str,
    areas: Iterable[gpd.GeoSeries],
    reference: Raster,
    settings: Settings,
) -> None:
    if len(table) == 0:
        parts = pd.concat([area.explode().bounds for area in areas])
        wide_m, high_m = parts["maxx"] - parts["minx"], parts["maxy"] - parts["miny"]
        largest = int(np.minimum(wide_m, high_m).to_numpy().argmax())
        window_m = settings.window_px * resolution_m(reference.geobox)
        raise SelectionError(
            f"No window with data fits into the areas of {split}: a window is "
            f"{settings.window_px} px = {window_m:.1f} m wide and high, and the largest area "
            f"{wide_m.iloc[largest]:.1f} x {high_m.iloc[largest]:.1f} m. Make "
            "`dataset.window_px` smaller, or the blocks of `select.split` larger."
        )
    if split == "train" and not table["labels"].any():
        raise SelectionError(
            f"None of the {len(table)} windows of train has a label, so there is "
            "nothing to learn. Check the labels of the catalogue, or the split."
        )


def _check_shown(
    plans: Sequence[ScenePlan], split: str, reference: Raster, settings: Settings
) -> None:
    """Say how many labels the windows show, and refuse blocks that windows hardly fit into."""
    there = sum(plan.labels for plan in plans if plan.split == split)
    shown = sum(plan.shown for plan in plans if plan.split == split)
    typer.echo(f"{split}: windows show {shown} of {there} labels")
    if shown < settings.min_shown * there:
        window_m = settings.window_px * resolution_m(reference.geobox)
        raise SelectionError(
            f"The windows of {split} show {shown} of its {there} labels, less than "
            f"`dataset.min_shown` {settings.min_shown:g}: a window of {settings.window_px} px = "
            f"{window_m:.1f} m fits into few of its areas, or its edges cut the objects. Make "
            "`dataset.window_px` smaller, the blocks of `select.split` larger or "
            "`dataset.overlap_px` as large as an object, or keep small scenes whole "
            "(`split: whole_scenes`)."
        )
