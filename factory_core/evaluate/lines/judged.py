"""Which lines are right and which are found, for pictures and for comparing versions."""

from __future__ import annotations

import numpy as np
import shapely

from factory_core.evaluate.lines.lengths import length_along
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.scenes import Scene


def judge_lines(
    scene: Scene, *, within_m: float, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lines of a scene as a whole: found, or right, by most of their length.

    Args:
        scene: Labels and detections that are lines.
        within_m: How far from the other a line may lie.
        share: Least share of its length that lies beside lines of its class.

    Returns:
        `(label,)` whether it is found; `(detection,)` row of the label of its class nearest to
        its middle, or -1: false; the same of a label of any class.
    """
    detections, labels = scene.detections, scene.labels
    said, true = (frame.geometry.to_numpy() for frame in (detections, labels))
    found, label_of = np.zeros(len(true), bool), np.full(len(said), NONE)
    for name in labels["label"].unique():
        theirs = np.flatnonzero(labels["label"] == name)
        ours = np.flatnonzero(detections["label"] == name)
        found[theirs] = _beside(true[theirs], said[ours], within_m=within_m, share=share)
        right = ours[_beside(said[ours], true[theirs], within_m=within_m, share=share)]
        label_of[right] = theirs[_nearest(said[right], true[theirs])]
    any_label_of = np.full(len(said), NONE)
    beside = np.flatnonzero(_beside(said, true, within_m=within_m, share=share))
    any_label_of[beside] = _nearest(said[beside], true)
    return found, label_of, any_label_of


def _beside(lines: np.ndarray, others: np.ndarray, *, within_m: float, share: float) -> np.ndarray:
    along_m = length_along(lines, others, within_m=within_m)
    enough: np.ndarray = along_m >= np.maximum(share * shapely.length(lines) - 1e-9, 1e-9)
    return enough


def _nearest(lines: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Number of the other line nearest to the middle of each, where there is any to be right."""
    middles = shapely.line_interpolate_point(_longest_part(lines), 0.5, normalized=True)
    near: np.ndarray = shapely.STRtree(others).query_nearest(middles, all_matches=False)[1]
    return near


def _longest_part(lines: np.ndarray) -> np.ndarray:
    parts, line = shapely.get_parts(lines, return_index=True)
    order = np.lexsort([-shapely.length(parts), line])
    longest: np.ndarray = parts[order[np.unique(line[order], return_index=True)[1]]]
    return longest
