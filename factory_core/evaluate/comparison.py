"""One scene with who is whose on it, for plots and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.evaluate.lines.judged import judge_lines
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene


@dataclass(frozen=True)
class Comparison:
    """One scene and who is whose; rows are those of `scene.detections` and `scene.labels`.

    Attributes:
        scene: Labels and detections.
        found: `(label,)` whether a detection of its class matched it.
        label_of: `(detection,)` row of the label of the same class, or -1: false.
        any_label_of: `(detection,)` row of the label when classes do not count, or -1.
    """

    scene: Scene
    found: np.ndarray
    label_of: np.ndarray
    any_label_of: np.ndarray


def comparisons(results: Results) -> list[Comparison]:
    """One a scene, matched at the running overlap; to be called by `Results.shared`.

    Lines are matched by the share of their length that lies beside others, each for itself.
    """
    if results.are_lines:
        return [
            Comparison(scene, *judge_lines(scene, within_m=results.buffer_m, share=results.iou))
            for scene in results.scenes
        ]
    level = results.taxonomy.level
    labels = results.label_kind(level) != NONE
    # Rows among those of their scene at the level of training.
    before = np.concatenate([[0], np.cumsum([len(scene.labels) for scene in results.scenes])])
    row = np.cumsum(labels) - 1 - before[results.labels.scene]
    row = np.append(row, NONE)
    fine = results.detection_kind(level) != NONE
    ends = np.cumsum([len(scene.detections) for scene in results.scenes])
    matched = results.matched(level, results.iou)[0], results.matched_any(results.iou)
    same, any_ = (np.split(row[label_of[fine]], ends[:-1]) for label_of in matched)
    return [
        Comparison(scene, np.isin(np.arange(len(scene.labels)), label_of), label_of, any_label_of)
        for scene, label_of, any_label_of in zip(results.scenes, same, any_, strict=True)
    ]
