"""Tiny ONNX models whose outputs are known by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16}


def write_score_model(
    path: Path,
    *,
    window_px: int = 16,
    bands: tuple[str, ...] = ("red", "green", "blue"),
    classes: tuple[str, ...] = ("tree",),
    resolution_m: float = 1.0,
    dtype: str = "uint8",
    scale: float = 1 / 255,
    lean: bool = False,
) -> Path:
    """Score of class number c at a pixel: the value of band number c times `scale`.

    One that leans gives the mean of that and of the first pixel of the row.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["real", "choice"], ["own" if lean else "scores"]),
    ]
    choice = np.eye(len(bands), len(classes), dtype=np.float32) * np.float32(scale)
    constants = {"choice": choice}
    if lean:
        constants |= {"first": np.array([0]), "half": np.array(0.5, np.float32)}
        nodes += [
            helper.make_node("Gather", ["own", "first"], ["left"], axis=2),
            helper.make_node("Add", ["own", "left"], ["both"]),
            helper.make_node("Mul", ["both", "half"], ["scores"]),
        ]
    outputs = {"scores": (TensorProto.FLOAT, [None, window_px, window_px, len(classes)])}
    return _write(
        path,
        nodes,
        constants,
        outputs,
        image=(TYPES[dtype], [None, window_px, window_px, len(bands)]),
        stated={
            "task": "score_map",
            "classes": json.dumps(classes),
            "bands": json.dumps(bands),
            "resolution_m": str(resolution_m),
        },
    )


def write_network(
    path: Path,
    *,
    window_px: int = 16,
    bands: tuple[str, ...] = ("red", "green", "blue"),
    sharpness: float = 4.0,
    seed: int = 0,
    scale: float = 1 / 128,
    dtype: str = "uint8",
    branched: bool = False,
) -> Path:
    """A score map of three convolutions with weights by chance, as trained networks are built.

    With `branched` two nodes read what the last of them gives, as the heads of detectors do, and
    there is a `Resize` with one empty constant for both of what it is not told.
    """
    chance = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["normal"]),
        helper.make_node("Transpose", ["normal"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "third"], ["e"]),
        helper.make_node("Transpose", ["e"], ["f"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["f", "sharpness"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["scores"]),
    ]
    if branched:
        nodes[5:6] = [
            helper.make_node("Shape", ["a"], ["same"]),
            helper.make_node("Resize", ["a", "empty", "empty", "same"], ["resized"]),
            helper.make_node("Relu", ["resized"], ["b"]),
        ]
        nodes[-3:-2] = [
            helper.make_node("Relu", ["e"], ["over"]),
            helper.make_node("Sub", ["e", "over"], ["under"]),
            helper.make_node("Add", ["over", "under"], ["both"]),
            helper.make_node("Transpose", ["both"], ["f"], perm=[0, 2, 3, 1]),
        ]
    shapes = {"first": (8, len(bands), 3, 3), "second": (8, 8, 3, 3), "third": (1, 8, 1, 1)}
    constants = {
        name: (chance.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }
    constants |= {
        "scale": np.array(scale, np.float32),
        "one": np.array(1, np.float32),
        "sharpness": np.array(sharpness, np.float32),
        **({"empty": np.array([], np.float32)} if branched else {}),
    }
    return _write(
        path,
        nodes,
        constants,
        {"scores": (TensorProto.FLOAT, [None, window_px, window_px, 1])},
        image=(TYPES[dtype], [None, window_px, window_px, len(bands)]),
        stated={
            "task": "score_map",
            "classes": json.dumps(["tree"]),
            "bands": json.dumps(bands),
            "resolution_m": "1.0",
        },
    )


def write_box_model(
    path: Path,
    *,
    window_px: int = 16,
    classes: tuple[str, ...] = ("tree",),
    resolution_m: float = 1.0,
    blur: float = 0.0,
) -> Path:
    """Candidates: the 12 brightest pixels, a box of 4 x 4 around each, value / 255 as score.

    With `blur` two convolutions come first, by which a pixel loses that share of its value.
    """
    convolved = [
        helper.make_node("Reshape", ["real", "nchw"], ["planes"]),
        helper.make_node("Conv", ["planes", "weight"], ["seen"]),
        helper.make_node("Conv", ["seen", "one"], ["kept"]),
    ]
    constants = {
        "nchw": np.array([-1, 1, window_px, window_px]),
        "weight": np.full((1, 1, 1, 1), 1 - blur, np.float32),
        "one": np.ones((1, 1, 1, 1), np.float32),
    }
    return _write_brightest(
        path,
        ["x1", "y1", "x1", "y1"],
        (-1.5, -1.5, 2.5, 2.5),
        task="boxes",
        window_px=window_px,
        classes=classes,
        resolution_m=resolution_m,
        before=(convolved, constants) if blur else ([], {}),
    )


def write_oriented_box_model(
    path: Path,
    *,
    window_px: int = 16,
    classes: tuple[str, ...] = ("tree",),
    resolution_m: float = 1.0,
    angle: float = 0.5,
    size_px: tuple[float, float] = (6.0, 2.0),
) -> Path:
    """Candidates: the 12 brightest pixels, a box of `size_px` and `angle` on each."""
    return _write_brightest(
        path,
        ["x1", "y1", "zero", "zero", "zero"],
        (0.5, 0.5, *size_px, angle),
        task="oriented_boxes",
        window_px=window_px,
        classes=classes,
        resolution_m=resolution_m,
    )


def _write_brightest(
    path: Path,
    places: list[str],
    around: tuple[float, ...],
    *,
    task: str,
    window_px: int,
    classes: tuple[str, ...],
    resolution_m: float,
    before: tuple[list, dict] = ([], {}),
) -> Path:
    """The 12 brightest pixels: their numbers `places` and `around` added up are the boxes.

    What comes `before`, nodes and their constants, makes `kept` of the pixels `real`.
    """
    nodes, constants = before
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        *nodes,
        helper.make_node("Reshape", ["kept" if nodes else "real", "flat"], ["row"]),
        helper.make_node("TopK", ["row", "k"], ["values", "places"]),
        helper.make_node("Mul", ["values", "scale"], ["scores"]),
        helper.make_node("Mod", ["places", "side"], ["x"]),
        helper.make_node("Div", ["places", "side"], ["y"]),
        helper.make_node("Mul", ["places", "none"], ["classes"]),
        helper.make_node("Unsqueeze", ["x", "last"], ["x1"]),
        helper.make_node("Unsqueeze", ["y", "last"], ["y1"]),
        helper.make_node("Unsqueeze", ["classes", "last"], ["zero"]),
        helper.make_node("Concat", places, ["whole"], axis=2),
        helper.make_node("Cast", ["whole"], ["corner"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["corner", "around"], ["boxes"]),
    ]
    constants = {
        **constants,
        "flat": np.array([-1, window_px * window_px]),
        "k": np.array([12]),
        "scale": np.array(1 / 255, np.float32),
        "side": np.array(window_px),
        "none": np.array(0),
        "last": np.array([2]),
        "around": np.array(around, np.float32),
    }
    return _write(
        path,
        nodes,
        constants,
        {
            "boxes": (TensorProto.FLOAT, [None, 12, len(around)]),
            "scores": (TensorProto.FLOAT, [None, 12]),
            "classes": (TensorProto.INT64, [None, 12]),
        },
        image=(TensorProto.UINT8, [None, window_px, window_px, 1]),
        stated={
            "task": task,
            "classes": json.dumps(classes),
            "bands": json.dumps(["grey"]),
            "resolution_m": str(resolution_m),
        },
    )


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    outputs: dict[str, tuple[int, list[int | None]]],
    *,
    image: tuple[int, list[int | None]],
    stated: dict[str, str],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", *image)],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, stated)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
