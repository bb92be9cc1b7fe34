"""What an exported model takes and gives, as its file states it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from factory_core.kernel.errors import ModelError

OF_BOXES = ("boxes", "scores", "classes")
OUTPUTS = {"score_map": ("scores",), "boxes": OF_BOXES, "oriented_boxes": OF_BOXES}
# Numbers of a box: x_min, y_min, x_max, y_max; or x, y, length, width, angle.
BOX_NUMBERS = {"boxes": 4, "oriented_boxes": 5}


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


def read_signature(path: Path, session: onnxruntime.InferenceSession) -> Signature:
    """What a loaded model says of itself.

    Raises:
        ModelError: It does not state what it takes, or takes or gives something else.
    """
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


def read_precision(session: onnxruntime.InferenceSession) -> str:
    """The precision that a model was brought to, or float32."""
    return str(session.get_modelmeta().custom_metadata_map.get("precision", "float32"))


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
