"""First layers that were learnt on photographs, made to fit any bands; for all encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

COLOURS = ("red", "green", "blue")
# Of ImageNet, on a scale of 0 to 1.
MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Photographs:
    """The values in which a network was shown photographs.

    Our images have mean 0 and deviation 1 in each band. Taken for a photograph with the mean
    and deviation of ImageNet, such a value is `scale * value + offset` for that network.

    Attributes:
        scale: Of red, green and blue.
        offset: Of red, green and blue.
        order: The colours in the order of the network's bands.
    """

    scale: np.ndarray
    offset: np.ndarray
    order: tuple[str, str, str] = COLOURS


# As `keras.applications.imagenet_utils.preprocess_input` names them, and with the scale of 128
# of the larger EfficientNetV2.
SHOWN = {
    "torch": Photographs(scale=np.ones(3), offset=np.zeros(3)),
    "tf": Photographs(scale=2 * DEVIATION, offset=2 * MEAN - 1),
    "tf_128": Photographs(scale=255 / 128 * DEVIATION, offset=255 / 128 * MEAN - 1),
    "caffe": Photographs(
        scale=255 * DEVIATION,
        offset=255 * MEAN - np.array([123.68, 116.779, 103.939]),
        order=("blue", "green", "red"),
    ),
}


def for_normalised(kernel: np.ndarray, shown: Photographs) -> tuple[np.ndarray, np.ndarray]:
    """A first kernel for photographs as one for images of mean 0 and deviation 1.

    Args:
        kernel: `(height, width, 3, channels)`, its bands in the order of `shown`.
        shown: What the network was shown.

    Returns:
        The kernel, its bands red, green and blue, and what to add to its response,
        `(channels,)`. At the very edge of an image, where nothing is padded with 0, that is
        a little too much.
    """
    rgb = kernel[:, :, [shown.order.index(colour) for colour in COLOURS]]
    offset = np.einsum("hwbc,b->c", rgb, shown.offset)
    return (rgb * shown.scale[:, None]).astype(kernel.dtype), offset.astype(kernel.dtype)


def for_bands(kernel: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """A first kernel `(height, width, 3, channels)` for other bands, its response as strong.

    Bands called red, green and blue get the weights of their colour, any other band the mean
    of the three.
    """
    colours = {colour: kernel[:, :, band] for band, colour in enumerate(COLOURS)}
    grey = kernel.mean(axis=2)
    found = np.stack([colours.get(band, grey) for band in bands], axis=2)
    found *= 3 / len(bands)
    return found
