"""Write the deployed graph as `.keras` and ONNX, to the same bytes for the same weights."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from factory_core.dataset.shards import Stats
from factory_core.kernel.errors import ModelError
from factory_core.kernel.geo import oriented_corners

TOLERANCE = 1e-4
LOWEST_SCORE = 0.01
BATCH = "batch"


def write_keras(deployed: keras.Model, out: Path) -> None:
    """Save a model whose file depends on its weights and graph alone.

    Keras' own differs from time to time: by the date, by the time stamps of the archive and
    by numbers that count the objects of the process.
    """
    deployed.save(out)
    with zipfile.ZipFile(out) as archive:
        content = {name: archive.read(name) for name in sorted(archive.namelist())}
    config = json.loads(content["config.json"])
    _renumber(config, {})
    content["config.json"] = json.dumps(config, sort_keys=True).encode()
    metadata = json.loads(content["metadata.json"]) | {"date_saved": ""}
    content["metadata.json"] = json.dumps(metadata, sort_keys=True).encode()
    work = out.with_suffix(".partial")
    with zipfile.ZipFile(work, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    os.replace(work, out)


def write_onnx(deployed: keras.Model, out: Path, *, task: str, stats: Stats) -> None:
    """Export for ONNX Runtime: fixed sides, any batch, metadata in `metadata_props`."""
    deployed(np.zeros((1, *deployed.input_shape[1:]), stats.dtype))
    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras patches numpy for tf2onnx
        deployed.export(out, format="onnx", verbose=False)
    proto = onnx.load(out)
    _rename(proto.graph)
    onnx.helper.set_model_props(
        proto,
        {
            "task": task,
            "classes": json.dumps(list(stats.classes)),
            "bands": json.dumps(list(stats.bands)),
            "resolution_m": repr(stats.resolution_m),
        },
    )
    onnx.checker.check_model(proto)
    out.write_bytes(proto.SerializeToString(deterministic=True))


def check_onnx(path: Path, deployed: keras.Model, images: np.ndarray, *, threads: int) -> None:
    """Compare ONNX Runtime with Keras on `images`.

    Scores must agree to 1e-4, corners of boxes to 1e-4 of the side of the window.

    Raises:
        ModelError: They do not.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"image": images}), strict=True))
    wanted = {name: np.asarray(v) for name, v in deployed.predict_on_batch(images).items()}
    error = difference(wanted, found, side_px=images.shape[1])
    if not error <= TOLERANCE:
        raise ModelError(
            f"{path.name} differs from Keras by {error:.2g}, and at most {TOLERANCE} is accepted. "
            "The architecture holds something that ONNX Runtime computes otherwise: take out the "
            "last change of `model` or `encoder`."
        )


def difference(
    wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], *, side_px: int
) -> float:
    """Largest difference between two outputs of one deployed graph, NaN where one has NaN.

    Args:
        wanted: Outputs by their names, of one way to compute them.
        found: Of another.
        side_px: Of the window; corners of boxes differ in shares of it.
    """
    if "boxes" in wanted:
        return _box_difference(wanted, found, side_px=side_px)
    return float(np.abs(wanted["scores"] - found["scores"]).max())


def _box_difference(
    wanted: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], *, side_px: int
) -> float:
    """Largest difference between a box of one and its nearest of the other, both ways.

    Boxes of nearly the same score may change places, and the last may fall out. Oriented ones
    are compared by their corners, from any of them on: the angle of a square may be any of four.
    """
    worst = 0.0
    for here, there in ((wanted, found), (found, wanted)):
        for window in range(len(here["scores"])):
            a, b = _rows(here, window, side_px), _rows(there, window, side_px)
            lowest = max(LOWEST_SCORE, a[-1, 0] + TOLERANCE)
            for row in a[a[:, 0] > lowest]:
                worst = max(worst, _distance_to_nearest(row, b))
    return worst


def _rows(outputs: Mapping[str, np.ndarray], window: int, side_px: int) -> np.ndarray:
    """Score, class and corners in sides of the window, a row a box."""
    boxes = outputs["boxes"][window]
    corners = oriented_corners(boxes).reshape(-1, 8) if boxes.shape[1] == 5 else boxes
    return np.column_stack(
        [outputs["scores"][window], outputs["classes"][window], corners / side_px]
    )


def _distance_to_nearest(row: np.ndarray, others: np.ndarray) -> float:
    """Largest difference between `row` and that of `others` where it is least."""
    starts = range(0, 8, 2) if len(row) > 6 else (0,)
    ways = np.stack([np.append(row[:2], np.roll(row[2:], start)) for start in starts])
    return float(np.abs(others[:, None] - ways).max(axis=2).min())


def _renumber(node: Any, seen: dict[int, int]) -> None:
    """Count shared objects from 0 in the order of the file, not of the process."""
    if isinstance(node, dict):
        if "shared_object_id" in node:
            number = node["shared_object_id"]
            node["shared_object_id"] = seen.setdefault(number, len(seen))
        for key in sorted(node):
            _renumber(node[key], seen)
    elif isinstance(node, list):
        for item in node:
            _renumber(item, seen)


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the converters' reports of every step to themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)


def _rename(graph: onnx.GraphProto) -> None:
    """Order and number everything by use; the converter's own names count over the process."""
    graph.doc_string = ""  # names a temporary file
    ports = [*graph.input, *graph.output]
    for port in ports:
        port.type.tensor_type.shape.dim[0].dim_param = BATCH
    nodes = _by_use(graph)
    names = {port.name: port.name for port in ports} | {"": ""}
    for number, node in enumerate(nodes):
        for side in (node.input, node.output):
            side[:] = [names.setdefault(name, f"value_{len(names)}") for name in side]
        node.name = f"{node.op_type}_{number}"
        if not node.domain:
            node.ClearField("domain")  # stated or not, it means the same
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    constants = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)


def _by_use(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes, each after those whose results it takes, whatever their names and order were."""
    makers = {name: node for node in graph.node for name in node.output}
    waiting = [port.name for port in reversed(graph.output)]
    done: dict[str, onnx.NodeProto] = {}
    while waiting:
        node = makers.get(waiting[-1])
        missing = [] if node is None else [n for n in node.input if n in makers and n not in done]
        if missing:
            waiting.extend(reversed(missing))
            continue
        waiting.pop()
        if node is not None:
            done |= dict.fromkeys(node.output, node)
    return list({id(node): node for node in done.values()}.values())
