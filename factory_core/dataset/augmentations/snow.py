"""Fresh snow on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import smooth_field, with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within

# From bare ground to full cover, as a share of the range of the field.
EDGE = 0.15


@dataclass(frozen=True)
class Snow(Augmentation):
    """Cover a part of the window by snow, in patches; objects shine through a little.

    A simulation, not a measurement: white in every band, without shadows or drifts. The labels
    stay, so objects are to be found under it.

    Args:
        probability: Share of the samples that get snow.
        most_cover: Greatest share of the window that is covered, about; it is drawn from 0 up.
        white: Brightness of snow, as a share of the greatest value.
        depth: Share of the ground's light that full cover hides.
    """

    probability: float = 0.2
    most_cover: float = 0.7
    white: float = 0.95
    depth: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 1, most_cover=self.most_cover, white=self.white, depth=self.depth)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` under snow, with the same labels."""
        generator = chance.generator
        field = smooth_field(sample.image.shape[:2], cells=6, generator=generator)
        bare = np.quantile(field[::8, ::8], 1 - generator.uniform(0.0, self.most_cover))
        cover = ((field - np.float32(bare)) / np.float32(EDGE)).clip(0.0, 1.0)[..., None]
        cover *= np.float32(self.depth)
        white = np.float32(self.white * sample.top)
        return with_pixels(sample, sample.image + (white - sample.image) * cover)
