"""In which numbers a model computes: as exported, in 16 bits, or in whole numbers of 8."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_at_least, check_within
from factory_core.predict.casts import drop_casts

# What costs time, and bears fewer bits. All before the first of them (the image and its
# normalisation) and after the last (scores, places of boxes) stays as it is.
HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class Precision(ABC):
    """How the models are changed before they run.

    Attributes:
        name: Stated in the metadata of a changed model.
        max_score_loss: Largest mean difference of scores that is borne, see `accuracy.Loss`.
        check_windows: Windows of val on which it is measured; 0: nothing is changed.
        calibration_windows: Windows of train that `convert` gets.
        seed: Chooses the windows.
    """

    name: ClassVar[str]
    max_score_loss: float
    check_windows: int
    calibration_windows: int
    seed: int

    @abstractmethod
    def convert(self, model: Path, out: Path, *, windows: Iterable[np.ndarray]) -> None:
        """Write `model` changed to `out`; the same bytes each time.

        Args:
            model: ONNX file as the stage train exports it.
            out: ONNX file to write.
            windows: Images `(side, side, band)` of train.
        """


@dataclass(frozen=True)
class Float32(Precision):
    """As it was trained: the models are not changed."""

    name: ClassVar[str] = "float32"
    max_score_loss: float = field(default=0.0, init=False)
    check_windows: int = field(default=0, init=False)
    calibration_windows: int = field(default=0, init=False)
    seed: int = field(default=0, init=False)

    def convert(self, model: Path, out: Path, *, windows: Iterable[np.ndarray]) -> None:  # noqa: ARG002
        """Copy the model."""
        out.write_bytes(model.read_bytes())


@dataclass(frozen=True)
class Float16(Precision):
    """Half the bytes; twice the rate and more on GPUs, none gained on most processors.

    Attributes:
        max_score_loss: Largest mean difference of scores that is borne.
        check_windows: Windows of val on which it is measured.
        seed: Chooses the windows.
    """

    max_score_loss: float
    check_windows: int
    seed: int

    name: ClassVar[str] = "float16"
    calibration_windows: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_within(0, 1, max_score_loss=self.max_score_loss)
        check_at_least(1, check_windows=self.check_windows)

    def convert(self, model: Path, out: Path, *, windows: Iterable[np.ndarray]) -> None:  # noqa: ARG002
        """Write what lies between the first and the last convolution in 16 bits."""
        with _imports(self.name):
            import onnx
            from onnxruntime.transformers.float16 import (
                DEFAULT_OP_BLOCK_LIST,
                convert_float_to_float16,
            )

        graph = onnx.load(model)
        _name_nodes(graph)
        body = set(_body(graph))
        kept = [node.name for node in graph.graph.node if node.name not in body]
        changed = convert_float_to_float16(
            graph,
            keep_io_types=True,
            op_block_list=DEFAULT_OP_BLOCK_LIST,
            node_block_list=kept,
        )
        drop_casts(changed.graph, exact=graph.graph)
        _write(changed, out, of=graph, precision=self.name)


@dataclass(frozen=True)
class Int8(Precision):
    """A quarter of the bytes and more windows a second on processors.

    Static quantisation of ONNX Runtime
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html): ranges are
    the least and the most that the windows of train give at each place of the network.

    Attributes:
        max_score_loss: Largest mean difference of scores that is borne.
        check_windows: Windows of val on which it is measured.
        calibration_windows: Windows of train that tell the ranges.
        seven_bits: Whether weights take 7 of the 8 bits: processors without VNNI instructions
            overflow on 8, and then lose more than the bit. The same result on both kinds.
        seed: Chooses the windows.
    """

    max_score_loss: float
    check_windows: int
    calibration_windows: int
    seven_bits: bool
    seed: int

    name: ClassVar[str] = "int8"

    def __post_init__(self) -> None:
        check_within(0, 1, max_score_loss=self.max_score_loss)
        check_at_least(
            1, check_windows=self.check_windows, calibration_windows=self.calibration_windows
        )

    def convert(self, model: Path, out: Path, *, windows: Iterable[np.ndarray]) -> None:
        """Write what lies between the first and the last convolution in 8 bits."""
        with _imports(self.name):
            import onnx
            from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
            from onnxruntime.quantization.quant_utils import add_pre_process_metadata

        graph = onnx.load(model)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".int8-") as name:
            simple, found = Path(name, "simple.onnx"), Path(name, "int8.onnx")
            _simplify(model, simple)
            simplified = onnx.shape_inference.infer_shapes(onnx.load(simple))
            _name_nodes(simplified)
            add_pre_process_metadata(simplified)  # or it advises what has just been done
            onnx.save(simplified, simple)
            quantize_static(
                simple,
                found,
                _Windows(iter(windows)),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=self.seven_bits,
                nodes_to_quantize=_body(simplified),
            )
            _write(onnx.load(found), out, of=graph, precision=self.name)


class _Windows:
    """Windows one by one, as ONNX Runtime asks for them."""

    def __init__(self, windows: Iterator[np.ndarray]) -> None:
        self.windows = windows

    def get_next(self) -> dict[str, np.ndarray] | None:
        window = next(self.windows, None)
        return None if window is None else {"image": window[None]}

    def __iter__(self) -> _Windows:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        found = self.get_next()
        if found is None:
            raise StopIteration
        return found

    def __len__(self) -> int:
        return 0


@contextmanager
def _imports(precision: str) -> Iterator[None]:
    """Say what is missing, where a package is that only a change of models needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"`predict.precision` {precision} changes models, for which the package "
            f"{error.name!r} is needed. Do `pip install 'factory-core[train]' {error.name}`, or "
            "choose precision=float32."
        ) from error


def _simplify(model: Path, out: Path) -> None:
    """Write the model with constants folded and normalisations drawn into convolutions."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(out)
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _name_nodes(model: Any) -> None:
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_unnamed_{number}"


def _body(model: Any) -> list[str]:
    """Names of the nodes from the first heavy ones to the last: those behind and before one."""
    behind: set[str] = set()
    names = set()
    for node in model.graph.node:
        if node.op_type in HEAVY or behind.intersection(node.input):
            behind.update(node.output)
            names.add(node.name)
    before: set[str] = set()
    body = []
    for node in reversed(model.graph.node):
        if node.op_type in HEAVY or before.intersection(node.output):
            before.update(node.input)
            if node.name in names:
                body.append(node.name)
    return body[::-1]


def _write(model: Any, out: Path, *, of: Any, precision: str) -> None:
    """Write a changed model with all that the first one states of itself, and its precision."""
    import onnx

    stated = {prop.key: prop.value for prop in of.metadata_props}
    onnx.helper.set_model_props(model, stated | {"precision": precision})
    out.write_bytes(model.SerializeToString(deterministic=True))
