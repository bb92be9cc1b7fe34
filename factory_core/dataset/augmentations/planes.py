"""Pixels moved or made coarser, band by band, by Pillow: the fastest that is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from affine import Affine
from PIL import Image
from PIL.Image import Resampling, Transform

from factory_core.dataset.sample import Sample


def warp(sample: Sample, by: Affine, *, min_share_inside: float) -> Sample:
    """Image and labels after `by`, which says where each point of the window goes.

    The image is interpolated between its four next pixels with data, arrays of labels take the
    next pixel. What `by` brings in from outside has no data and no label.

    Args:
        sample: A window with its labels.
        by: From pixels of the window to pixels of the window; centres lie at halves.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """
    back = ~by
    numbers = (back.a, back.b, back.c, back.d, back.e, back.f)
    height, width = sample.image.shape[:2]

    def moved(pixels: np.ndarray, how: Resampling) -> np.ndarray:
        return by_plane(
            pixels, lambda plane: plane.transform((width, height), Transform.AFFINE, numbers, how)
        )

    image = weighed(sample, lambda pixels: moved(pixels, Resampling.BILINEAR))
    data = sample.data
    if not data.all():
        image *= moved(data.astype(np.uint8), Resampling.NEAREST)[..., None]
    labels = sample.labels
    if isinstance(labels, np.ndarray):
        return replace(sample, image=image, labels=moved(labels, Resampling.NEAREST))
    inside = labels.moved(by).cut((height, width), min_share_inside=min_share_inside)
    return replace(sample, image=image, labels=inside)


def weighed(sample: Sample, smooth: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The image of `sample` after `smooth`, to which pixels without data add nothing.

    Args:
        sample: A window.
        smooth: Takes and gives pixels `(height, width, band)` float32, each a weighted mean.
    """
    image = smooth(sample.image)
    data = sample.data
    if data.all():
        return image
    weight = smooth(data[..., None].astype(np.float32))
    mean: np.ndarray = np.divide(image, weight, out=np.zeros_like(image), where=weight > 0)
    return mean


def by_plane(pixels: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """`pixels` `(height, width)` or `(height, width, band)`, each band after `change`."""
    if pixels.ndim == 2:
        return np.array(change(Image.fromarray(np.ascontiguousarray(pixels))))
    planes = [by_plane(pixels[..., band], change) for band in range(pixels.shape[-1])]
    return np.stack(planes, axis=-1)
