"""All numbers of a split: the headline, by class, by context, and the interval of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from factory_core.evaluate.metric import Estimate, Metric, estimate, nested
from factory_core.evaluate.results import Results
from factory_core.kernel.compute import progress
from factory_core.kernel.units import unit_of

DIGITS = 6
SLICES = {1: ("low", "high"), 2: ("low", "middle", "high")}


@dataclass(frozen=True)
class Measured:
    """What was measured on a split, ready for JSON: None where there is no number.

    Attributes:
        metrics: The headline, flat; then `by_class`, `by_level` and other parts of the objects.
        slices: Context -> slice -> the headline of its scenes; one without a scene is left out.
        intervals: Name (`f1`, `by_class/house/f1`, `by_context/snow/low/f1`) -> value, low, high,
            samples, and a note where there is no value or no interval.
    """

    metrics: dict[str, Any]
    slices: dict[str, Any]
    intervals: dict[str, dict[str, Any]]


def measure(
    metrics: Sequence[Metric],
    results: Results,
    *,
    weights: np.ndarray,
    contexts: pd.DataFrame,
    context_edges: Mapping[str, Sequence[float]],
    min_labels: int,
) -> Measured:
    """Every number of `metrics`, with its interval.

    Args:
        metrics: In the order of the configuration.
        results: Labels and detections.
        weights: `(1 + draws, scene)` of `draw_weights`.
        contexts: One column a context, indexed by `scene_id`.
        context_edges: For each context where low ends and high begins, of `edges_of`.
        min_labels: A ratio that rests on fewer labels (detections, pixels) gets no number.
    """
    tallies = [(metric, metric(results)) for metric in progress(metrics, label="evaluate: match")]
    found = estimate([tally for _, tally in tallies], weights, min_samples=min_labels)
    sliced = [tally for metric, tally in tallies if metric.sliced]
    slices: dict[str, Any] = {}
    of_slices: dict[str, Estimate] = {}
    cuts = list(cut_by_context(results, contexts, edges=context_edges))
    for context, name, inside in progress(cuts, label="evaluate: slices"):
        here = {
            key: one
            for key, one in estimate(sliced, weights * inside, min_samples=min_labels).items()
            if "/" not in key
        }
        slices.setdefault(context, {})[name] = _ordered(here) | {
            "scenes": int(inside.sum()),
            **_note(here),
        }
        of_slices |= {f"by_context/{context}/{name}/{key}": one for key, one in here.items()}
    headline = {key: one for key, one in found.items() if "/" not in key}
    parts = {key: one for key, one in found.items() if "/" in key}
    return Measured(
        metrics={
            **_ordered(headline),
            **_facts(results),
            "by_class": {},
            "by_level": {},
            **nested(_ordered(parts)),
        },
        slices=slices,
        intervals={key: _entry(one) for key, one in {**headline, **parts, **of_slices}.items()},
    )


def _facts(results: Results) -> dict[str, Any]:
    return {
        "labels_too_coarse": sum(scene.coarse_labels for scene in results.scenes),
        "detections_too_coarse": sum(scene.coarse_detections for scene in results.scenes),
        "scenes": len(results.scenes),
        "area_km2": _rounded(results.area_km2.sum()),
        "match": results.match,
        "iou": results.iou,
        "ap_detections_per_scene": "unlimited",
    }


def _ordered(found: Mapping[str, Estimate]) -> dict[str, Any]:
    """The values: first those that rest on samples, then counts, whole numbers as such."""
    ratios = {key: _rounded(one.value) for key, one in found.items() if one.samples is not None}
    counts = {
        key: round(one.value) if one.value == round(one.value) else _rounded(one.value)
        for key, one in found.items()
        if one.samples is None and one.value is not None
    }
    return {**ratios, **counts}


def _note(found: Mapping[str, Estimate]) -> dict[str, str]:
    """Why a slice lacks numbers, by the first that has none for want of samples."""
    notes = [one.note for one in found.values() if one.value is None and one.samples is not None]
    return {"note": notes[0]} if notes else {}


def _entry(one: Estimate) -> dict[str, Any]:
    entry = asdict(one) | {key: _rounded(getattr(one, key)) for key in ("value", "low", "high")}
    return entry if one.note else {key: value for key, value in entry.items() if key != "note"}


def _rounded(value: float | np.floating | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)


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


def cut_by_context(
    results: Results, contexts: pd.DataFrame, *, edges: Mapping[str, Sequence[float]]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Context, slice, and `(scene,)` whether it holds the scene; one without a value is in none."""
    for context, cuts in edges.items():
        if not cuts:
            continue
        values = contexts[context].reindex([scene.scene_id for scene in results.scenes])
        place = np.where(values.isna(), len(cuts) + 1, np.digitize(values, cuts))
        for index, name in enumerate(SLICES[len(cuts)]):
            if (place == index).any():
                yield context, name, place == index
