"""The exported models of a detector, and what they take and give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from factory_core.kernel import io
from factory_core.kernel.errors import ModelError
from factory_core.kernel.geo import Raster, resolution_m
from factory_core.predict.providers import Cpu, Provider
from factory_core.predict.signature import (
    BOX_NUMBERS,
    OF_BOXES,
    OUTPUTS,
    Signature,
    read_signature,
)
from factory_core.predict.views import View

SAME_RESOLUTION = 0.05
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Ensemble:
    """One or more models of the same signature, loaded.

    Attributes:
        signature: What all of them take and give.
        members: File and session of each.
        weights: How much each counts; they add up to 1.
        views: How each window is looked at: test-time augmentation where there are several.
    """

    signature: Signature
    members: tuple[tuple[Path, onnxruntime.InferenceSession], ...]
    weights: tuple[float, ...]
    views: tuple[View, ...] = (View(),)

    @property
    def voters(self) -> int:
        """Boxes that a window gives of an object when nothing is missed."""
        return len(self.members) * len(self.views)

    def score_maps(self, images: np.ndarray) -> np.ndarray:
        """Mean over the views of the weighted mean of the score maps of the members.

        Args:
            images: `(batch, height, width, band)` of the signature's dtype.

        Returns:
            `(batch, height, width, class)` float32 in [0, 1].

        Raises:
            ModelError: A member gives NaN or a score outside [0, 1].
        """
        if len(self.members) == len(self.views) == 1:
            return self.member_maps(images)[0]
        # The sum of a few numbers of 32 bits is exact in 64: equal views keep their score.
        total = np.zeros((*images.shape[:3], len(self.signature.classes)))
        for view in self.views:
            for share, maps in zip(self.weights, self.member_maps(view.of(images)), strict=True):
                total += share * view.maps_back(maps).astype(np.float64)
        return (total / len(self.views)).astype(np.float32)

    def member_maps(self, images: np.ndarray) -> list[np.ndarray]:
        """The score map of each member, see `score_maps`."""
        return [
            _checked(session.run(OUTPUTS["score_map"], {"image": images})[0], path)
            for path, session in self.members
        ]

    def boxes(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes of all members and views, side by side; the heaviest member keeps its scores.

        Returns:
            Boxes in pixels of the window, scores `(batch, k)` in [0, 1], class numbers
            `(batch, k)`. Upright boxes are `(batch, k, 4)` as x_min, y_min, x_max, y_max;
            oriented ones `(batch, k, 5)` as x and y of the centre, length, width and the angle
            of the length against the x axis in radians, positive from x towards y.

        Raises:
            ModelError: A member gives NaN, a score outside [0, 1], or boxes of other numbers.
        """
        shares = np.array(self.weights, np.float32) / np.float32(max(self.weights))
        side_px = self.signature.window_px
        found = [
            (
                boxes if view == View() else view.boxes_back(boxes, side_px=side_px),
                scores * share,
                classes,
            )
            for view in self.views
            for share, (boxes, scores, classes) in zip(
                shares, self.member_boxes(view.of(images)), strict=True
            )
        ]
        boxes, scores, classes = (
            np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)
        )
        return boxes, scores, classes

    def member_boxes(self, images: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Boxes, scores and classes of each member, see `boxes`."""
        numbers = BOX_NUMBERS[self.signature.task]
        found = []
        for path, session in self.members:
            boxes, scores, classes = session.run(OF_BOXES, {"image": images})
            if boxes.shape[-1] != numbers:
                raise ModelError(
                    f"{path} gives boxes of {boxes.shape[-1]} numbers; the task "
                    f"{self.signature.task} has {numbers}. State the other task in its metadata, "
                    "or export it again."
                )
            if not np.isfinite(boxes).all():
                raise ModelError(f"{path} gives boxes that are not finite. Train it again.")
            found.append((boxes, _checked(scores, path), classes))
        return found

    def check(self, raster: Raster) -> None:
        """Refuse a scene that the models were not made for.

        Raises:
            ModelError: Its bands, pixel type or resolution differ.
        """
        wanted = self.signature
        if raster.bands != wanted.bands:
            raise ModelError(
                f"Scene {raster.scene_id!r} has the bands {', '.join(raster.bands)}; the model "
                f"takes {', '.join(wanted.bands)}, in this order. Choose them with a "
                "task of `process`."
            )
        if raster.dtype != wanted.dtype:
            raise ModelError(
                f"Scene {raster.scene_id!r} has pixels of type {raster.dtype}; the model takes "
                f"{wanted.dtype}. Convert them with a task of `process`."
            )
        found_m = resolution_m(raster.geobox)
        factor = found_m / wanted.resolution_m
        if abs(factor - 1) > SAME_RESOLUTION:
            raise ModelError(
                f"Scene {raster.scene_id!r} has pixels of {found_m:g} m; the model was trained "
                f"on {wanted.resolution_m:g} m: they differ by a factor of {factor:.3g}. Bring "
                "scenes to one resolution with a task of `process`, or train on this one."
            )


def find_models(folder: Path) -> list[Path]:
    """The `model.onnx` of each member under `folder`, in the order of their names.

    A training that keeps several models, a member each, has them in folders of its own.

    Raises:
        ModelError: There is none.
    """
    files = (*folder.glob("*/model.onnx"), *folder.glob("*/*/model.onnx"))
    # What a training that was killed left behind has a dot in front.
    found = sorted(file for file in files if "/." not in f"/{file.relative_to(folder)}")
    if not found:
        raise ModelError(f"There is no */model.onnx in {folder}. Run the stage train first.")
    return found


def name_members(paths: Sequence[Path], *, folder: Path) -> list[str]:
    """Name of each model as its weight is stated: `0`, or `0/1` for the first of a training."""
    return [path.parent.relative_to(folder).as_posix() for path in paths]


def read_weights(file: Path, paths: Sequence[Path], *, folder: Path) -> tuple[float, ...]:
    """How much each of `paths` counts, as the stage ensemble wrote it.

    Raises:
        ModelError: The file is for other models, or its weights do not add up to 1.
    """
    stated = io.read_json(file).get("weights", {})
    names = name_members(paths, folder=folder)
    if sorted(stated) != sorted(names):
        raise ModelError(
            f"{file} weighs the models {', '.join(stated) or 'none'}, and {folder} has "
            f"{', '.join(names)}. Run the stage ensemble again."
        )
    weights = tuple(float(stated[name]) for name in names)
    if min(weights) < 0 or abs(sum(weights) - 1) > SUM_TOLERANCE:
        raise ModelError(
            f"The weights in {file} must be 0 or more and add up to 1. Received: {weights}. Run "
            "the stage ensemble again."
        )
    return weights


def load_ensemble(
    paths: Sequence[Path],
    *,
    weights: Sequence[float] | None = None,
    provider: Provider | None = None,
    views: tuple[View, ...] = (View(),),
) -> Ensemble:
    """Load exported models that work together.

    Args:
        paths: A file each.
        weights: How much each counts; None: all the same.
        provider: What runs them; None: the processor.
        views: How each window is looked at.

    Raises:
        ModelError: A file is damaged or does not state what it takes, or two differ.
        ConfigError: The provider is not installed, or does not start.
    """
    provider = provider or Cpu()
    members = [(path, provider.load(path)) for path in paths]
    signatures = [read_signature(path, session) for path, session in members]
    for path, signature in zip(paths, signatures, strict=True):
        if signature != signatures[0]:
            raise ModelError(
                f"{path} and {paths[0]} cannot be averaged, they take or give different things: "
                f"{signature} and {signatures[0]}. Train all members on the same dataset."
            )
    equal = (1 / len(members),) * len(members)
    return Ensemble(signatures[0], tuple(members), tuple(weights or equal), views)


def _checked(scores: np.ndarray, path: Path) -> np.ndarray:
    if scores.size and not (scores.min() >= 0 and scores.max() <= 1 + 1e-5):  # NaN fails both
        raise ModelError(
            f"{path} gives scores from {scores.min()} to {scores.max()}; expected [0, 1]. Its "
            "training diverged, or its last layer is no sigmoid or softmax: train it again."
        )
    return scores
