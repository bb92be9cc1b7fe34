"""Air between the sensor and the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import smooth_field, with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Haze(Augmentation):
    """Lay haze over the window, thicker here and thinner there.

    The light of the ground passes by a share `t` and that of the air takes its place,
    `image * t + airlight * (1 - t)`, as in He et al. 2009
    (https://doi.org/10.1109/CVPR.2009.5206515). `t` is the same in all bands.

    Args:
        probability: Share of the samples that get haze.
        most: Greatest share of the ground's light that is lost; it is drawn from 0 up.
        airlight: Brightness of the air, as a share of the greatest value.
    """

    probability: float = 0.3
    most: float = 0.6
    airlight: float = 0.85

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 1, most=self.most, airlight=self.airlight)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` in haze, with the same labels."""
        generator = chance.generator
        field = smooth_field(sample.image.shape[:2], cells=3, generator=generator)
        lost = (np.float32(generator.uniform(0.0, self.most)) * (field + 1) / 2)[..., None]
        air = np.float32(self.airlight * sample.top)
        return with_pixels(sample, sample.image + (air - sample.image) * lost)
