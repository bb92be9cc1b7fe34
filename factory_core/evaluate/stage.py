"""Detections and labels of a split -> metrics, plots, pictures and a report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from factory_core.evaluate.counts import count
from factory_core.evaluate.figures import draw_confusion, draw_precision_recall, draw_training
from factory_core.evaluate.matching import Comparison, Match, compare
from factory_core.evaluate.metrics import SLICES, edges_of, measure, slice_ranges
from factory_core.evaluate.pictures import (
    Place,
    area_window,
    draw_scene,
    worst_places,
    worst_scenes,
)
from factory_core.evaluate.pixels import count_pixels
from factory_core.evaluate.plots import (
    confusion_counts,
    confusion_rows,
    precision_recall_rows,
)
from factory_core.evaluate.readme import check_readme, write_readme
from factory_core.evaluate.report import Picture, photo, render_report
from factory_core.evaluate.scenes import read_scenes
from factory_core.evaluate.training_curves import read_curves
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import Compute, progress
from factory_core.kernel.errors import OutputError
from factory_core.kernel.units import unit_of


@dataclass(frozen=True)
class Settings:
    """The section `evaluate`.

    Args:
        match: `box` compares axis-aligned envelopes, `polygon` outlines.
        iou: Least intersection over union of a detection that is right.
        context_edges: Where low ends and high begins in each share: one or two values.
        min_labels: A slice with fewer labels gives counts and no ratios.
        pictures: Scenes to draw, those with the most errors first.
        picture_px: Longest side of their imagery.
        places: Worst places to draw.
        place_px: Side of such a place, in pixels of the scene.
    """

    match: Match
    iou: float
    context_edges: tuple[float, ...]
    min_labels: int
    pictures: int
    picture_px: int
    places: int
    place_px: int

    def __post_init__(self) -> None:
        """Refuse what cannot be measured or drawn."""
        if not 0 < self.iou <= 1:
            raise ValueError(f"`iou` must lie in (0, 1]. Received: {self.iou}. Use 0.5.")
        edges = list(self.context_edges)
        if (
            len(edges) not in SLICES
            or edges != sorted(set(edges))
            or not 0 < edges[0] <= edges[-1] < 1
        ):
            raise ValueError(
                "`context_edges` must be one or two rising values between 0 and 1. "
                f"Received: {edges}. Use [0.33, 0.67]."
            )
        if min(self.picture_px, self.place_px) < 16:
            raise ValueError("`picture_px` and `place_px` must be at least 16.")
        if min(self.min_labels, self.pictures, self.places) < 0:
            raise ValueError("`min_labels`, `pictures` and `places` must not be negative.")


def run(
    config: DictConfig,
    *,
    detections: Path,
    predictions: Path,
    scenes: Path,
    catalogue: Path,
    selection: Path,
    split: str,
    out: Path,
    curves: Path | None = None,
    readme: Path | None = None,
) -> None:
    """Measure the detections of `split` and write metrics, plots, pictures and report to `out`.

    The figures of `test`, and no others, also go into the table of `readme`.
    """
    settings: Settings = configuration.section(config, "evaluate", Settings)
    taxonomy = configuration.taxonomy(config)
    compute: Compute = configuration.build(config.compute, where="compute")
    if readme is not None:
        check_readme(readme)
    inputs = [detections, predictions, scenes, catalogue, selection, *([curves] if curves else [])]
    key = {
        "evaluate": config.evaluate,
        "taxonomy": config.taxonomy,
        "fingerprint": config.fingerprint.evaluate,
        "detector": config.detector,
        "split": split,
        "inputs": io.identity(inputs),
    }
    with io.staged(out, key=key) as work:
        read = partial(
            read_scenes,
            detections=detections,
            scenes=scenes,
            catalogue=catalogue,
            selection=selection,
            split=split,
        )
        match = partial(compare, match=settings.match, iou=settings.iou)
        found = read(taxonomy=taxonomy)
        comparisons = [match(scene) for scene in progress(found, label=f"evaluate {split}: match")]
        by_level = {
            level: count(map(match, read(taxonomy=replace(taxonomy, level=level))))
            for level in range(1, taxonomy.level)
        }
        pixels = None
        if any(predictions.glob("*.tif")):
            counter = partial(count_pixels, classes=taxonomy.names)
            pixels = np.sum(compute.map(counter, found, label=f"evaluate {split}: pixels"), axis=0)
        contexts = _contexts(config, catalogue / "scenes.parquet")
        edges = edges_of(contexts, shares=settings.context_edges)
        metrics = measure(
            comparisons,
            classes=taxonomy.names,
            match=settings.match,
            iou=settings.iou,
            contexts=contexts,
            context_edges=edges,
            min_labels=settings.min_labels,
            pixels=pixels,
            by_level=by_level,
        )
        # A column a number in `dvc exp show`: the slices would hide the figures that count.
        io.write_json(
            {name: value for name, value in metrics.items() if name != "by_context"},
            work / "metrics.json",
        )
        io.write_json(metrics["by_context"], work / "slices.json")
        charts = _write_plots(comparisons, classes=taxonomy.names, folder=work / "plots")
        charts["training"] = draw_training(read_curves(curves)) if curves else None
        pictures = _write_pictures(
            comparisons, settings=settings, compute=compute, split=split, folder=work / "pictures"
        )
        report = render_report(
            detector=str(config.detector),
            split=split,
            metrics=metrics,
            ranges={
                name: slice_ranges(cuts, unit=unit_of(name)) for name, cuts in edges.items() if cuts
            },
            charts=charts,
            **pictures,
        )
        (work / "report.html").write_text(report, encoding="utf-8")
    if readme is not None and split == "test":
        write_readme(readme, metrics=metrics, split=split)


def _contexts(config: DictConfig, table: Path) -> pd.DataFrame:
    """The contexts of each scene that the configuration names, indexed by `scene_id`."""
    scenes = io.read_table(table)
    names = list(config.catalogue.get("contexts") or {})
    missing = [name for name in names if name not in scenes]
    if missing:
        raise OutputError(
            f"{table} lacks the contexts {', '.join(missing)} of `catalogue.contexts`. "
            "Run `catalogue` again."
        )
    return pd.DataFrame(scenes.set_index("id")[names])


def _write_plots(
    comparisons: list[Comparison], *, classes: tuple[str, ...], folder: Path
) -> dict[str, bytes | None]:
    """Write the tables of `dvc plots`, and give their charts for the report."""
    rows = precision_recall_rows(comparisons, classes=classes)
    confusion = confusion_counts(comparisons, classes=classes)
    io.write_json(rows, folder / "precision_recall.json")
    io.write_json(confusion_rows(confusion, classes=classes), folder / "confusion.json")
    return {
        "precision_recall": draw_precision_recall(rows),
        "confusion": draw_confusion(confusion, classes=classes),
    }


def _write_pictures(
    comparisons: list[Comparison],
    *,
    settings: Settings,
    compute: Compute,
    split: str,
    folder: Path,
) -> dict[str, list[Picture]]:
    """Draw scenes and worst places that are not drawn yet, and give them for the report."""
    (folder / "worst").mkdir(parents=True, exist_ok=True)
    scenes = worst_scenes(comparisons, count=settings.pictures)
    places = worst_places(comparisons, size_px=settings.place_px, count=settings.places)
    whole = [Place(scene, area_window(scene), 0) for scene in scenes]
    files = [
        *(folder / f"{place.comparison.scene.scene_id}.png" for place in whole),
        *(
            folder / "worst" / f"{rank:02}_{place.comparison.scene.scene_id}.png"
            for rank, place in enumerate(places, start=1)
        ),
    ]
    compute.map(
        partial(_draw, max_px=settings.picture_px),
        list(zip([*whole, *places], files, strict=True)),
        label=f"evaluate {split}: draw",
    )
    titles = [place.comparison.scene.scene_id for place in whole]
    titles += [f"{p.comparison.scene.scene_id}: {p.errors} errors" for p in places]
    shown = [photo(file, title=title) for title, file in zip(titles, files, strict=True)]
    return {"scenes": shown[: len(whole)], "places": shown[len(whole) :]}


def _draw(place_and_file: tuple[Place, Path], *, max_px: int) -> Any:
    place, file = place_and_file
    if not file.exists():
        draw_scene(place.comparison, window=place.window, max_px=max_px, out=file)
