"""Bands that say nothing."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import mean_of_bands, with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class BandDropout(Augmentation):
    """Give some bands one value, their mean over the window; at least one band stays.

    Dropout of whole feature maps (Tompson et al. 2015, https://arxiv.org/abs/1411.4280) at the
    first layer. It keeps a network from trusting a single band. Images of one band stay as
    they are.

    Args:
        probability: Share of the samples that lose bands.
        most: Most bands that are lost.
    """

    probability: float = 0.2
    most: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, most=self.most)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with fewer bands that differ from pixel to pixel."""
        bands = sample.image.shape[-1]
        most = min(self.most, bands - 1)
        if most == 0:
            return sample
        count = chance.generator.integers(1, most + 1)
        lost = chance.generator.permutation(bands)[:count]
        image = sample.image.copy()
        image[..., lost] = mean_of_bands(sample)[lost]
        return with_pixels(sample, image)
