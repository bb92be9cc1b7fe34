"""Detections and labels of a split -> metrics, plots, pictures and a report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import shapely
from odc.geo.geobox import GeoBox
from omegaconf import DictConfig
from shapely import GeometryType

from factory_core.evaluate.comparison import Comparison, comparisons
from factory_core.evaluate.contexts import read_contexts
from factory_core.evaluate.figures import draw_confusion, draw_precision_recall, draw_training
from factory_core.evaluate.lines.curve import relaxed_rows
from factory_core.evaluate.metric import Metric, draw_weights, group_numbers
from factory_core.evaluate.metrics import edges_of, measure, slice_ranges
from factory_core.evaluate.pictures import (
    area_window,
    draw_scene,
    worst_places,
    worst_scenes,
)
from factory_core.evaluate.plots import (
    confusion_counts,
    confusion_rows,
    precision_recall_rows,
)
from factory_core.evaluate.readme import check_readme, write_readme
from factory_core.evaluate.report import Picture, photo, render_report
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import read_scenes
from factory_core.evaluate.settings import Settings
from factory_core.evaluate.training_curves import read_curves
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import Compute
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.units import unit_of

LINES = {GeometryType.LINESTRING, GeometryType.LINEARRING, GeometryType.MULTILINESTRING}


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
    metrics: list[Metric] = configuration.build_chain(
        config.evaluate.metrics, where="evaluate.metrics"
    )
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
        results = settings.results(
            read_scenes(
                detections=detections,
                predictions=predictions,
                scenes=scenes,
                catalogue=catalogue,
                selection=selection,
                split=split,
                taxonomy=taxonomy,
            ),
            taxonomy=taxonomy,
            compute=compute,
        )
        check_readable(metrics, results)
        contexts = read_contexts(config, catalogue / "scenes.parquet")
        edges = edges_of(contexts, shares=settings.context_edges)
        measured = measure(
            metrics,
            results,
            weights=draw_weights(len(results.scenes), draws=settings.draws, seed=settings.seed),
            contexts=contexts,
            context_edges=edges,
            min_labels=settings.min_labels,
        )
        # A column a number in `dvc exp show`: slices and intervals would hide what counts.
        io.write_json(measured.metrics, work / "metrics.json")
        io.write_json(measured.slices, work / "slices.json")
        io.write_json(measured.intervals, work / "intervals.json")
        charts = _write_plots(results, folder=work / "plots")
        charts["training"] = draw_training(read_curves(curves)) if curves else None
        pictures = _write_pictures(
            results.shared(comparisons),
            settings=settings,
            compute=compute,
            split=split,
            folder=work / "pictures",
        )
        report = render_report(
            detector=str(config.detector),
            split=split,
            facts={
                **measured.metrics,
                "within_m": settings.buffer_m if results.are_lines else None,
            },
            intervals=measured.intervals,
            quantities={name: what for metric in metrics for name, what in metric.gives.items()},
            groups=group_numbers(metrics),
            ranges={
                name: slice_ranges(cuts, unit=unit_of(name)) for name, cuts in edges.items() if cuts
            },
            charts=charts,
            **pictures,
        )
        (work / "report.html").write_text(report, encoding="utf-8")
    if readme is not None and split == "test":
        write_readme(readme, metrics=measured.metrics, split=split)


def check_readable(metrics: Sequence[Metric], results: Results) -> None:
    """Refuse metrics that read what the results do not hold.

    Raises:
        ConfigError: A metric of lines on detections that are none, of score maps where the model
            gives candidates; names the metric and what to choose.
    """
    for metric in metrics:
        name = type(metric).__name__
        if metric.reads == "score_map" and not all(scene.score_map for scene in results.scenes):
            raise ConfigError(
                f"`evaluate.metrics`: {name} reads score maps, and the model gives candidates. "
                "Drop it from the defaults list `metric`."
            )
        for what, objects in (("detections", results.detections), ("labels", results.labels)):
            shapes = set(shapely.get_type_id(objects.geometry).tolist())
            strange = shapes - LINES if metric.reads == "lines" else shapes & LINES
            if strange and metric.reads != "score_map":
                raise ConfigError(
                    f"`evaluate.metrics`: {name} reads {metric.reads}, and the {what} are "
                    f"{', '.join(sorted(GeometryType(shape).name.lower() for shape in strange))}."
                    " Choose metrics of their kind in the defaults list `metric`."
                )


def _write_plots(results: Results, *, folder: Path) -> dict[str, bytes | None]:
    """Write the tables of `dvc plots`, and give their charts for the report."""
    classes = results.taxonomy.names
    if results.are_lines:
        # How many lines there are says nothing: one way may be one, or cut at every junction.
        rows = relaxed_rows(results)
        io.write_json(rows, folder / "precision_recall.json")
        io.write_json([], folder / "confusion.json")
        return {"precision_recall": draw_precision_recall(rows), "confusion": None}
    rows = precision_recall_rows(results)
    confusion = confusion_counts(results.shared(comparisons), classes=classes)
    io.write_json(rows, folder / "precision_recall.json")
    io.write_json(confusion_rows(confusion, classes=classes), folder / "confusion.json")
    return {
        "precision_recall": draw_precision_recall(rows),
        "confusion": draw_confusion(confusion, classes=classes),
    }


def _write_pictures(
    compared: Sequence[Comparison],
    *,
    settings: Settings,
    compute: Compute,
    split: str,
    folder: Path,
) -> dict[str, list[Picture]]:
    """Draw scenes and worst places that are not drawn yet, and give them for the report."""
    (folder / "worst").mkdir(parents=True, exist_ok=True)
    scenes = worst_scenes(compared, count=settings.pictures)
    places = worst_places(compared, size_px=settings.place_px, count=settings.places)
    files = [
        *(folder / f"{scene.scene.scene_id}.png" for scene in scenes),
        *(
            folder / "worst" / f"{rank:02}_{place.comparison.scene.scene_id}.png"
            for rank, place in enumerate(places, start=1)
        ),
    ]
    views = [
        *((scene, area_window(scene)) for scene in scenes),
        *((place.comparison, place.window) for place in places),
    ]
    compute.map(
        partial(_draw, max_px=settings.picture_px),
        list(zip(views, files, strict=True)),
        label=f"evaluate {split}: draw",
    )
    titles = [scene.scene.scene_id for scene in scenes]
    titles += [
        f"{place.comparison.scene.scene_id}: {place.missed} missed, {place.false} false"
        for place in places
    ]
    shown = [photo(file, title=title) for title, file in zip(titles, files, strict=True)]
    return {"scenes": shown[: len(scenes)], "places": shown[len(scenes) :]}


def _draw(view_and_file: tuple[tuple[Comparison, GeoBox], Path], *, max_px: int) -> Any:
    (comparison, window), file = view_and_file
    if not file.exists():
        draw_scene(comparison, window=window, max_px=max_px, out=file)
