"""The noise of another sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Noise(Augmentation):
    """Add noise as sensors have it: some everywhere, more where it is bright.

    Its variance is `read² + shot² * value`, with values from 0 to 1 (Foi et al. 2008,
    https://doi.org/10.1109/TIP.2008.2001399). Both are drawn from 0 up.

    Args:
        probability: Share of the samples that get noise.
        read: Greatest standard deviation in the dark, as a share of the greatest value.
        shot: Greatest standard deviation that light adds at the greatest value, as a share.
    """

    probability: float = 0.5
    read: float = 0.02
    shot: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 1, read=self.read, shot=self.shot)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with noisy pixels and the same labels."""
        read, shot = chance.generator.uniform(0.0, (self.read, self.shot)) * sample.top
        noise = chance.generator.standard_normal(sample.image.shape, dtype=np.float32)
        variance = sample.image * np.float32(shot**2 / sample.top) + np.float32(read**2)
        noise *= np.sqrt(variance, out=variance)
        noise += sample.image
        return with_pixels(sample, noise)
