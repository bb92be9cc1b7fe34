"""What a coarser sensor would have seen of a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import with_pixels
from factory_core.dataset.augmentations.planes import by_plane, weighed
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class GroundResolution(Augmentation):
    """Make the pixels coarser by a factor, and resample them to the size that they had.

    A coarse pixel is the mean of the ground that it covers; between their middles values are
    interpolated, as a scene of a coarser sensor is that `process` brings to your resolution.

    Args:
        probability: Share of the samples that are made coarser.
        coarsest: Greatest factor; factors are spread evenly in their logarithm.
    """

    probability: float = 0.5
    coarsest: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(1, 16, coarsest=self.coarsest)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with coarser pixels and the same labels."""
        height, width, _ = sample.image.shape
        factor = np.exp(chance.generator.uniform(0.0, np.log(self.coarsest)))
        coarse = (max(1, round(width / factor)), max(1, round(height / factor)))

        def there_and_back(plane: Image.Image) -> Image.Image:
            return plane.resize(coarse, Resampling.BOX).resize((width, height), Resampling.BILINEAR)

        return with_pixels(sample, weighed(sample, lambda image: by_plane(image, there_and_back)))
