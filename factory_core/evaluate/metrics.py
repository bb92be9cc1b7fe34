"""All numbers of a split in one mapping: the headline, then by class, then by context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from factory_core.evaluate.average_precision import average_precision
from factory_core.evaluate.counts import Counts, count
from factory_core.evaluate.matching import Comparison, Match
from factory_core.evaluate.pixels import intersection_over_union
from factory_core.kernel.units import unit_of

DIGITS = 6
SLICES = {1: ("low", "high"), 2: ("low", "middle", "high")}


def measure(
    comparisons: Sequence[Comparison],
    *,
    classes: Sequence[str],
    match: Match,
    iou: float,
    contexts: pd.DataFrame,
    context_edges: Mapping[str, Sequence[float]],
    min_labels: int,
    pixels: np.ndarray | None = None,
    by_level: Mapping[int, Counts] | None = None,
) -> dict[str, Any]:
    """Every metric of a split, ready for JSON: None where there is nothing to measure.

    Over all classes, F1, precision and recall pool the counts; average precision is the
    mean over classes with labels (COCO), pixel IoU over classes that cover any pixel (VOC).
    A slice of a context without a scene is left out.

    Args:
        comparisons: One a scene, matched at `iou`.
        classes: Names at the level of training.
        match: What was compared, repeated in the result.
        iou: Overlap at which it was matched, repeated in the result.
        contexts: One column a context, indexed by `scene_id`.
        context_edges: For each context where low ends and high begins, of `edges_of`.
        min_labels: A slice with fewer labels gets counts and a note, but no ratio.
        pixels: `(class, 2)` of `count_pixels` summed over scenes, for score maps.
        by_level: Outcomes at the levels of the taxonomy above that of training.
    """
    precisions = average_precision(comparisons, classes=classes)
    covered = intersection_over_union(pixels) if pixels is not None else None
    total = count(comparisons)
    by_class: dict[str, Any] = {}
    for index, name in enumerate(classes):
        average = precisions[name]
        by_class[name] = _ratios(count(comparisons, label=name)) | {
            "ap50": None if average is None else _rounded(average[0]),
            "ap50_95": None if average is None else _rounded(average.mean()),
        }
        if covered is not None:
            by_class[name]["pixel_iou"] = _rounded(covered[index])
        by_class[name] |= _counts(count(comparisons, label=name))
    averages = [average for average in precisions.values() if average is not None]
    headline = _ratios(total) | {
        "ap50": _rounded(np.mean([a[0] for a in averages])) if averages else None,
        "ap50_95": _rounded(np.mean(averages)) if averages else None,
    }
    if covered is not None:
        headline["pixel_iou"] = _mean(covered)
    return {
        **headline,
        **_counts(total),
        "missed": total.missed,
        "false": total.false,
        "labels_too_coarse": sum(c.scene.coarse_labels for c in comparisons),
        "detections_too_coarse": sum(c.scene.coarse_detections for c in comparisons),
        "scenes": len(comparisons),
        "area_km2": _rounded(sum(c.scene.area.area for c in comparisons) / 1e6),
        "match": match,
        "iou": iou,
        "ap_detections_per_scene": "unlimited",
        "by_class": by_class,
        "by_level": {
            str(level): _ratios(counts) | _counts(counts)
            for level, counts in (by_level or {}).items()
        },
        "by_context": {
            context: {
                name: _slice(chosen, min_labels=min_labels)
                for name, chosen in _cut(comparisons, contexts[context], edges=edges)
                if chosen
            }
            for context, edges in context_edges.items()
            if edges
        },
    }


def edges_of(contexts: pd.DataFrame, *, shares: Sequence[float]) -> dict[str, tuple[float, ...]]:
    """Where low ends and high begins in each context.

    Shares are cut at `shares`. A context in a unit (`relief_m`, `off_nadir_deg`) is cut into
    as many parts of equally many scenes; where all scenes are alike, not at all.

    Args:
        contexts: One column a context, of all scenes of the catalogue.
        shares: One or two rising values in [0, 1].
    """
    levels = np.arange(1, len(shares) + 1) / (len(shares) + 1)
    found: dict[str, tuple[float, ...]] = {}
    for name in map(str, contexts.columns):
        known = contexts[name].dropna()
        if unit_of(name):
            cuts = known.quantile(levels).unique() if len(known) else ()
            found[name] = tuple(float(cut) for cut in cuts if known.min() < cut)
        else:
            found[name] = tuple(shares)
    return found


def slice_ranges(edges: Sequence[float], *, unit: str = "") -> dict[str, str]:
    """Name of each slice of a context and the values it holds, for people."""
    names = SLICES[len(edges)]
    if unit:
        space = "" if unit == "\N{DEGREE SIGN}" else " "
        cuts = [f"{edge:.3g}{space}{unit}" for edge in edges]
        between = [f"{low} to {high}" for low, high in pairwise(cuts)]
        return dict(zip(names, [f"below {cuts[0]}", *between, f"from {cuts[-1]}"], strict=True))
    limits = [0.0, *edges, 1.0]
    return {
        name: f"{low:g} to {high:g}"
        for name, low, high in zip(names, limits[:-1], limits[1:], strict=True)
    }


def _cut(
    comparisons: Sequence[Comparison], values: pd.Series, *, edges: Sequence[float]
) -> Iterator[tuple[str, list[Comparison]]]:
    """The scenes of each slice of a context; a scene without a value is in none."""
    known = [c for c in comparisons if pd.notna(values.get(c.scene.scene_id))]
    place = np.digitize([values[c.scene.scene_id] for c in known], edges)
    for index, name in enumerate(SLICES[len(edges)]):
        yield name, [c for c, at in zip(known, place, strict=True) if at == index]


def _slice(comparisons: Sequence[Comparison], *, min_labels: int) -> dict[str, Any]:
    counts = count(comparisons)
    enough = counts.labels >= min_labels
    ratios = _ratios(counts)
    result = {
        **(ratios if enough else dict.fromkeys(ratios)),
        **_counts(counts),
        "scenes": len(comparisons),
    }
    return result if enough else {**result, "note": f"fewer than {min_labels} labels"}


def _ratios(counts: Counts) -> dict[str, float | None]:
    return {
        "f1": _rounded(counts.f1),
        "precision": _rounded(counts.precision),
        "recall": _rounded(counts.recall),
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "labels": counts.labels,
        "detections": counts.detections,
        "found": counts.found,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(np.mean(known)) if known else None


def _rounded(value: float | np.floating | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)
