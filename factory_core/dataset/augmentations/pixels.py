"""What the augmentations that change pixels alone share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from factory_core.dataset.sample import Sample

# Data never gets the value of pixels without data.
LOWEST = 1.0


def with_pixels(sample: Sample, image: np.ndarray) -> Sample:
    """`sample` with another image, as far as it may change.

    Values are cut to what the type of the pixels can hold, and pixels without data stay so.

    Args:
        sample: As it was.
        image: Its image after the change, float32.
    """
    image = np.clip(image, LOWEST, sample.top, dtype=np.float32)
    data = sample.data
    if not data.all():
        image *= data[..., None]
    return replace(sample, image=image)


def mean_of_bands(sample: Sample) -> np.ndarray:
    """Mean of each band over the pixels with data, `(band,)` float32; 0 where there is none."""
    count = max(1, int(np.count_nonzero(sample.data)))
    # Pixels without data are 0. Band by band is ten times as fast as over two axes.
    bands = range(sample.image.shape[-1])
    sums = [float(sample.image[..., band].sum(dtype=np.float64)) for band in bands]
    return np.array([value / count for value in sums], np.float32)


def smooth_field(
    shape: tuple[int, int], *, cells: int, generator: np.random.Generator
) -> np.ndarray:
    """Clouds of chance: `(height, width)` float32 in [0, 1], smooth, about `cells` a side."""
    coarse = generator.random((cells + 2, cells + 2), dtype=np.float32)
    height, width = shape
    fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    field: np.ndarray = np.asarray(fine).clip(0.0, 1.0)
    return field
