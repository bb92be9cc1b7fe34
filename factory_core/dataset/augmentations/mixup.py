"""Two windows, one shining through the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.mixing import join
from factory_core.dataset.sample import Boxes, OrientedBoxes, Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class MixUp(Augmentation):
    """Blend two windows, `share * this + (1 - share) * other`.

    Mixup (Zhang et al. 2018, https://arxiv.org/abs/1710.09412) adds the losses of both labels,
    weighted by their shares. A mask says one class a pixel and can hold no shares, so for masks
    and their layers the share comes from `Beta(alpha + 1, alpha)` and the labels are those of
    this window: the loss is the same on average (Huszár 2017,
    https://www.inference.vc/mixup-data-dependent-data-augmentation/). For boxes the share comes
    from `Beta(alpha, alpha)`, and those of both windows stay, as in Zhang et al. 2019
    (https://arxiv.org/abs/1902.04103), but for a window that hardly shines through.

    Where one of the two has no data there is nothing to blend: this window stays as it is.

    Args:
        probability: Share of the samples that are blended.
        alpha: Of the Beta distribution: below 1 one of the two mostly prevails.
        least_share: Boxes of a window with a smaller share are left out.
        min_share_inside: Boxes of the other window that shine through by less of their area
            are left out.
    """

    probability: float = 0.2
    alpha: float = 0.4
    least_share: float = 0.2
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0.01, 100, alpha=self.alpha)
        check_within(0, 0.5, least_share=self.least_share)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` and another one in one."""
        drawn = isinstance(sample.labels, np.ndarray)
        share = chance.generator.beta(self.alpha + drawn, self.alpha)
        other = chance.draw()
        both = sample.data & other.data
        through = (np.float32(1 - share) * both)[..., None].astype(np.float32)
        image = sample.image + (other.image - sample.image) * through
        labels = sample.labels
        if isinstance(labels, Boxes | OrientedBoxes):
            theirs: Boxes | OrientedBoxes = other.labels  # type: ignore[assignment]
            own_show = np.full(len(labels), share >= self.least_share)
            their_show = _shown(theirs, both) >= self.min_share_inside
            their_show &= 1 - share >= self.least_share
            labels = join([labels.take(own_show), theirs.take(their_show)])
        return replace(sample, image=image, labels=labels)


def _shown(boxes: Boxes | OrientedBoxes, seen: np.ndarray) -> np.ndarray:
    """Share of the pixels of the upright box around each that are `seen`."""
    upright = boxes.upright_px()
    low, high = np.floor(upright[:, :2]).astype(int), np.ceil(upright[:, 2:]).astype(int)
    shares = [
        seen[max(y0, 0) : y1, max(x0, 0) : x1].mean()
        for (x0, y0), (x1, y1) in zip(low, high, strict=True)
    ]
    return np.array(shares, float)
