"""Weights of an encoder from a file that somebody else wrote."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from factory_core.kernel.errors import ModelError
from factory_core.models.encoders.bands import Photographs, for_bands, for_normalised


def check_file(path: Path, *, sha256: str, key: str = "encoder.weights") -> None:
    """Make sure that `path` is the file whose hash is `sha256`.

    Args:
        path: The file.
        sha256: What its hash must be.
        key: What names the file, for the message.

    Raises:
        ModelError: There is no such file, or it is another one.
    """
    if not path.is_file():
        raise ModelError(
            f"`{key}` names {path}, which is no file here ({Path.cwd()}). Put it there "
            f"(nothing is downloaded), or start from noise with `{key}: null`."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256.lower():
        raise ModelError(
            f"The SHA-256 of {path} is {found}, and `encoder.sha256` states "
            f"{sha256 or 'none'}. Get the right file, or state this hash if you trust its source."
        )


def load_weights(
    network: keras.Model,
    path: Path,
    *,
    whole: Callable[[int], keras.Model],
    inner: Callable[[keras.Model], keras.Model],
    shown: Photographs,
    bands: Sequence[str],
) -> None:
    """Give `network` the weights of a file.

    Args:
        network: What `inner` makes of `whole`, for the bands of the data.
        path: The file, of the network that `whole` builds.
        whole: Builds it from noise for a number of bands.
        inner: Takes from it what `network` is.
        shown: The values in which it was shown photographs.
        bands: Name of each band of the data.

    Raises:
        ModelError: The file is for other bands, or not of that network.
    """
    first = _first_kernel(network)
    learnt_bands = _bands_in(path, network.weights[first].shape)
    if learnt_bands not in {3, len(bands)}:
        raise ModelError(
            f"{path} holds a first layer for {learnt_bands} bands, and the data has {len(bands)} "
            f"({', '.join(bands)}). Weights for 3 bands fit any data; others only as many bands."
        )
    source = whole(learnt_bands)
    try:
        with warnings.catch_warnings():
            # Keras only warns where a file lacks some layers, and leaves them as noise.
            warnings.simplefilter("error", UserWarning)
            source.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        raise _does_not_fit(path, network, str(error)) from error
    values = inner(source).get_weights()
    if learnt_bands == 3:
        kernel, offset = for_normalised(values[first], shown)
        values[first] = for_bands(kernel, bands)
        _add_to_response(network, values, offset, first=first)
    network.set_weights(values)


def _first_kernel(network: keras.Model) -> int:
    """Index of the first convolution among the weights."""
    return next(index for index, w in enumerate(network.weights) if len(w.shape) == 4)


def _bands_in(path: Path, kernel: tuple[int, ...]) -> int:
    """For how many bands the first layer in a file is.

    Args:
        path: The file.
        kernel: Shape that it has for some number of bands, `(height, width, bands, channels)`.
    """
    found = []

    def visit(_: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 4:
            height, width, bands, channels = node.shape
            if (height, width, channels) == (kernel[0], kernel[1], kernel[3]):
                found.append(int(bands))

    try:
        with h5py.File(_as_hdf5(path), "r") as file:
            file.visititems(visit)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is no file of weights that Keras reads ({error}). It must end in "
            "`.weights.h5`, `.h5` or `.keras` and be what the ending says."
        ) from error
    if not found:
        raise ModelError(
            f"{path} lacks the first layer, weights of shape ({kernel[0]}, {kernel[1]}, bands, "
            f"{kernel[3]}). Take the file of the network that `encoder` names."
        )
    # A later layer of the same shape has more channels than any image has bands.
    return min(found)


def _as_hdf5(path: Path) -> Path | io.BytesIO:
    if path.suffix != ".keras":
        return path
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read("model.weights.h5"))


def _does_not_fit(path: Path, network: keras.Model, reason: str) -> ModelError:
    return ModelError(
        f"{path} does not hold the weights of {network.name.removeprefix('encoder_')} without "
        f"its classifier (`include_top=False`): {' '.join(reason.split())[:300]} Take the file "
        "of the network that `encoder` names."
    )


def _add_to_response(
    network: keras.Model, values: list[np.ndarray], offset: np.ndarray, *, first: int
) -> None:
    """Add `offset` to what the first convolution gives, by the next weight that can."""
    names = [weight.name for weight in network.weights]
    for index in range(first + 1, len(names)):
        if names[index] == "bias":
            values[index] = values[index] + offset
            return
        if names[index] == "moving_mean":
            values[index] = values[index] - offset
            return
