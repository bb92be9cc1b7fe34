"""Models and windows of val -> how much each model counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.dataset.shards import Shards
from factory_core.ensemble.settings import Settings
from factory_core.ensemble.weights import Stacking
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError
from factory_core.predict.model import Ensemble, find_models, load_ensemble, name_members


def run(config: DictConfig, *, models: Path, dataset: Path, out: Path) -> None:
    """Find the weights of the models on the windows of val, never of test, and write them.

    One model counts 1, and neither it nor the windows are read.

    Raises:
        ModelError: There is no model, or one is damaged.
        ConfigError: The windows of val have labels that the models cannot be held against.
    """
    settings: Settings = configuration.section(config, "ensemble", Settings)
    paths = find_models(models)
    names = name_members(paths, folder=models)
    if len(paths) == 1 or settings.weights == "equal":
        weights = np.full(len(paths), 1 / len(paths))
        found: dict[str, Any] = {}
    else:
        weights, found = _find(load_ensemble(paths), Shards(dataset / "val"))
    io.write_json({"weights": dict(zip(names, weights.tolist(), strict=True)), **found}, out)


def _find(ensemble: Ensemble, val: Shards) -> tuple[np.ndarray, dict[str, Any]]:
    """Weights, and what they bring."""
    stacking = Stacking(len(ensemble.members))
    maps = ensemble.signature.task == "score_map"
    for window in progress(range(len(val)), label="windows of val"):
        sample = val[window]
        image = sample.image.astype(ensemble.signature.dtype)[None]
        if maps != isinstance(sample.labels, np.ndarray):
            raise ConfigError(
                f"{val.folder} has labels of another kind than the models give "
                f"({ensemble.signature.task}). Run the stages dataset and train again."
            )
        if isinstance(sample.labels, np.ndarray):
            scores = np.concatenate(ensemble.member_maps(image))
            mask = sample.labels if sample.labels.ndim == 2 else sample.labels[..., 0]
            stacking.add_map(scores, mask)
            continue
        kind = OrientedBoxes if ensemble.signature.task == "oriented_boxes" else Boxes
        for member, (boxes, scores, classes) in enumerate(ensemble.member_boxes(image)):
            found = kind(boxes[0].astype(np.float32), classes[0].astype(np.int64))
            stacking.add_boxes(member, found, scores[0], sample.labels)
    if not maps:
        return stacking.of_boxes(), {"windows": len(val)}
    weights, equal = stacking.of_maps(), np.full(stacking.members, 1 / stacking.members)
    errors = {"equal": stacking.error(equal), "weighted": stacking.error(weights)}
    return weights, {"windows": len(val), "brier_score": errors}
