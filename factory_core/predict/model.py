"""The exported models of a detector, and what they take and give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime

from factory_core.kernel.errors import ModelError
from factory_core.kernel.geo import Raster, resolution_m

OF_BOXES = ("boxes", "scores", "classes")
OUTPUTS = {"score_map": ("scores",), "boxes": OF_BOXES, "oriented_boxes": OF_BOXES}
# Numbers of a box: x_min, y_min, x_max, y_max; or x, y, length, width, angle.
BOX_NUMBERS = {"boxes": 4, "oriented_boxes": 5}
SAME_RESOLUTION = 0.05


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives, as its file states it.

    Attributes:
        task: Whether it gives score maps, upright boxes or boxes of any direction.
        classes: Names of its classes, in the order of its outputs.
        bands: Names of the bands of its input.
        resolution_m: Side of a pixel on the ground.
        window_px: Side of the window that it takes.
        dtype: numpy type of the pixels.
    """

    task: Literal["score_map", "boxes", "oriented_boxes"]
    classes: tuple[str, ...]
    bands: tuple[str, ...]
    resolution_m: float
    window_px: int
    dtype: str


@dataclass(frozen=True)
class Ensemble:
    """One or more models of the same signature, loaded."""

    signature: Signature
    members: tuple[tuple[Path, onnxruntime.InferenceSession], ...]

    def score_maps(self, images: np.ndarray) -> np.ndarray:
        """Mean score map of the members.

        Args:
            images: `(batch, height, width, band)` of the signature's dtype.

        Returns:
            `(batch, height, width, class)` float32 in [0, 1].

        Raises:
            ModelError: A member gives NaN or a score outside [0, 1].
        """
        maps = [
            _checked(session.run(OUTPUTS["score_map"], {"image": images})[0], path)
            for path, session in self.members
        ]
        return maps[0] if len(maps) == 1 else np.mean(maps, axis=0)

    def boxes(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes of all members, side by side.

        Returns:
            Boxes in pixels of the window, scores `(batch, k)` in [0, 1], class numbers
            `(batch, k)`. Upright boxes are `(batch, k, 4)` as x_min, y_min, x_max, y_max;
            oriented ones `(batch, k, 5)` as x and y of the centre, length, width and the angle
            of the length against the x axis in radians, positive from x towards y.

        Raises:
            ModelError: A member gives NaN, a score outside [0, 1], or boxes of other numbers.
        """
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
        boxes, scores, classes = (
            np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)
        )
        return boxes, scores, classes

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

    Raises:
        ModelError: There is none.
    """
    found = sorted(folder.glob("*/model.onnx"))
    if not found:
        raise ModelError(f"There is no */model.onnx in {folder}. Run the stage train first.")
    return found


def load_ensemble(paths: Sequence[Path]) -> Ensemble:
    """Load exported models that work together.

    Raises:
        ModelError: A file is damaged or does not state what it takes, or two differ.
    """
    members = [(path, _open(path)) for path in paths]
    signatures = [_signature(path, session) for path, session in members]
    for path, signature in zip(paths, signatures, strict=True):
        if signature != signatures[0]:
            raise ModelError(
                f"{path} and {paths[0]} cannot be averaged, they take or give different things: "
                f"{signature} and {signatures[0]}. Train all members on the same dataset."
            )
    return Ensemble(signatures[0], tuple(members))


def _open(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Its plans, one for each size of batch, doubled the peak memory and saved no time.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(
            path, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelError(
            f"{path} cannot be loaded as an ONNX model: {error}. Run the stage train again."
        ) from error


def _signature(path: Path, session: onnxruntime.InferenceSession) -> Signature:
    stated: dict[str, str] = session.get_modelmeta().custom_metadata_map
    missing = [key for key in ("task", "classes", "bands", "resolution_m") if key not in stated]
    if missing:
        raise ModelError(
            f"{path} does not state {', '.join(missing)} in its metadata. Export it with the stage "
            "train, or add `metadata_props` of these names."
        )
    (image,) = _ported(path, session)
    _, height, width, bands = image.shape
    names = tuple(json.loads(stated["bands"]))
    if not isinstance(height, int) or height != width or bands != len(names):
        raise ModelError(
            f"{path} takes images {tuple(image.shape)}; expected (batch, side, side, "
            f"{len(names)}) with a fixed side. Export it for one size of window."
        )
    return Signature(
        task=_task(path, session, stated["task"]),
        classes=tuple(json.loads(stated["classes"])),
        bands=names,
        resolution_m=float(stated["resolution_m"]),
        window_px=height,
        dtype=image.type.removeprefix("tensor(").removesuffix(")").replace("float", "float32"),
    )


def _ported(path: Path, session: onnxruntime.InferenceSession) -> list[Any]:
    inputs: list[Any] = session.get_inputs()
    if [port.name for port in inputs] != ["image"] or len(inputs[0].shape) != 4:
        raise ModelError(
            f"{path} takes {', '.join(f'{i.name} {i.shape}' for i in inputs)}; expected one input "
            "`image` (batch, height, width, band). Export it with the stage train."
        )
    return inputs


def _task(path: Path, session: onnxruntime.InferenceSession, task: str) -> Any:
    given = [port.name for port in session.get_outputs()]
    if task not in OUTPUTS or not set(OUTPUTS[task]) <= set(given):
        raise ModelError(
            f"{path} states the task {task!r} and gives {', '.join(given)}; expected score_map "
            "with `scores`, or boxes or oriented_boxes with `boxes`, `scores` and `classes`."
        )
    return task


def _checked(scores: np.ndarray, path: Path) -> np.ndarray:
    if scores.size and not (scores.min() >= 0 and scores.max() <= 1 + 1e-5):  # NaN fails both
        raise ModelError(
            f"{path} gives scores from {scores.min()} to {scores.max()}; expected [0, 1]. Its "
            "training diverged, or its last layer is no sigmoid or softmax: train it again."
        )
    return scores
