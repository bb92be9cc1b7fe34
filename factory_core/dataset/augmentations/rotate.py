"""A window turned by any angle."""

from __future__ import annotations

from dataclasses import dataclass

from affine import Affine

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.planes import warp
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Turn around the middle by an angle of up to `degrees`; the corners are left without data.

    Oriented boxes, masks and their layers turn with their objects. An upright box becomes the
    upright box around the turned one, which is larger than the object unless that fills the
    corners of its box (Kalra et al. 2021, https://arxiv.org/abs/2109.13488): with upright boxes
    keep the angle small.

    Args:
        probability: Share of the samples that are turned.
        degrees: Greatest angle, either way.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    degrees: float = 180.0
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 180, degrees=self.degrees)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` turned."""
        height, width, _ = sample.image.shape
        angle = chance.generator.uniform(-self.degrees, self.degrees)
        by = Affine.rotation(angle, pivot=(width / 2, height / 2))
        return warp(sample, by, min_share_inside=self.min_share_inside)
