"""A window out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import with_pixels
from factory_core.dataset.augmentations.planes import weighed
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within

# Weights farther away than this many standard deviations are left out.
REACH = 2.5


@dataclass(frozen=True)
class Blur(Augmentation):
    """Blur by a Gaussian: optics out of focus, haze close to the ground, compression.

    Args:
        probability: Share of the samples that are blurred.
        most_px: Greatest standard deviation in pixels; it is drawn from 0 up.
    """

    probability: float = 0.3
    most_px: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 32, most_px=self.most_px)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` blurred, with the same labels."""
        sigma = chance.generator.uniform(0.0, self.most_px)

        def blurred(image: np.ndarray) -> np.ndarray:
            smooth: np.ndarray = gaussian_filter(image, (sigma, sigma, 0), truncate=REACH)
            return smooth

        return with_pixels(sample, weighed(sample, blurred))
