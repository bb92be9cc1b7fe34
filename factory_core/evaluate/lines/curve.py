"""Precision over recall of lines, at scores from high to low."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from factory_core.evaluate.lines.relaxed import RelaxedLines
from factory_core.evaluate.results import Results

POINTS = 16


def relaxed_rows(results: Results) -> list[dict[str, Any]]:
    """One row a point of each class's curve of relaxed precision over relaxed recall.

    At up to 16 scores, equally many lines apart. A class without labels or detections has the
    one point without either, as `plots.precision_recall_rows`.
    """
    scores = results.detections.score
    least = scores
    if len(scores) > POINTS:
        least = np.quantile(scores, np.linspace(0, 1, POINTS))
    least = np.unique(least)
    once = np.ones((1, len(results.scenes)))
    rows: list[dict[str, Any]] = []
    points = [RelaxedLines()(_at_least(results, score))(once) for score in least[::-1]]
    for name in results.taxonomy.names:
        pairs = [
            tuple(
                float(point[f"by_class/{name}/relaxed_{axis}"].values[0])
                for axis in ("recall", "precision")
            )
            for point in points
        ]
        known = [pair for pair in pairs if np.isfinite(pair).all()] or [(0.0, 0.0)]
        rows += [
            {"recall": round(recall, 6), "precision": round(precision, 6), "label": name}
            for recall, precision in known
        ]
    return rows


def _at_least(results: Results, score: float) -> Results:
    scenes = [
        replace(scene, detections=scene.detections[scene.detections["score"] >= score])
        for scene in results.scenes
    ]
    return replace(results, scenes=scenes, _of_all={})
