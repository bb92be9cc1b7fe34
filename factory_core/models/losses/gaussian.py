"""Losses of oriented boxes, compared as Gaussians.

A box is the Gaussian whose deviations along its sides are half of them; so a square has no
direction, and a box turned by half a circle is itself. What is kept of a Gaussian are its
mean and its covariance: `x, y, xx, yy, xy`, in pixels and square pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import Tensor
from factory_core.models.losses.box_parts import OrientedBoxLoss

NARROWEST_PX = 0.1
SMALL = 1e-6


def moments(xylwa: Tensor) -> Tensor:
    """Boxes `(..., 5)`, sides in any order, as mean and covariance `(..., 5)`."""
    x, y, angle = xylwa[..., 0], xylwa[..., 1], xylwa[..., 4]
    sides = ops.maximum(xylwa[..., 2:4], NARROWEST_PX)
    along, across = (sides[..., 0] / 2) ** 2, (sides[..., 1] / 2) ** 2
    cosine, sine = ops.cos(angle), ops.sin(angle)
    return ops.stack(
        [
            x,
            y,
            along * cosine**2 + across * sine**2,
            along * sine**2 + across * cosine**2,
            (along - across) * cosine * sine,
        ],
        axis=-1,
    )


class _Parts(NamedTuple):
    x: Tensor
    y: Tensor
    xx: Tensor
    yy: Tensor
    xy: Tensor

    @property
    def determinant(self) -> Tensor:
        return ops.maximum(self.xx * self.yy - self.xy**2, SMALL)


def _parts(gaussians: Tensor) -> _Parts:
    return _Parts(*(gaussians[..., number] for number in range(5)))


def _hellinger(truth: Tensor, found: Tensor) -> Tensor:
    """Distance of Gaussians in [0, 1]; their deviations as those of ProbIoU, sides / sqrt(12)."""
    a, b = _parts(truth), _parts(found)
    x, y = a.x - b.x, a.y - b.y
    both = _Parts(x, y, (a.xx + b.xx) / 3, (a.yy + b.yy) / 3, (a.xy + b.xy) / 3)
    far = (both.yy * x**2 + both.xx * y**2 - 2 * both.xy * x * y) / (4 * both.determinant)
    roots = ops.sqrt(a.determinant / 9) * ops.sqrt(b.determinant / 9)
    unlike = 0.5 * ops.log(both.determinant / (4 * roots))
    bhattacharyya = ops.clip(far + unlike, 0.0, 100.0)
    # Shifted, for a square root has no slope at 0.
    return ops.sqrt(1.0 - ops.exp(-bhattacharyya) + SHIFT) - SHIFT**0.5


SHIFT = 1e-5


class _Gaussian(OrientedBoxLoss):
    """Compares the Gaussians of boxes."""

    def quality(self, truth: Tensor, found: Tensor) -> Tensor:
        """ProbIoU of the pairs, which stands in for the IoU of turned boxes."""
        return ops.clip(1.0 - _hellinger(truth, found), 0.0, 1.0)


@dataclass(frozen=True)
class ProbIou(_Gaussian):
    """Hellinger distance of the Gaussians (Llerena et al. 2021, https://arxiv.org/abs/2106.06072).

    1 - ProbIoU, the loss L1 of the paper; boxes far apart learn little from it.
    """

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        return _hellinger(truth, found)


@dataclass(frozen=True)
class Kld(_Gaussian):
    """Kullback-Leibler divergence of the found Gaussian from the true one.

    Yang et al. 2021, https://arxiv.org/abs/2106.01883, equations 4 and 12 with f(D) = ln(D + 1).

    Args:
        tau: Greater numbers forgive more.
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(1, tau=self.tau)

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        a, b = _parts(truth), _parts(found)
        x, y = b.x - a.x, b.y - a.y
        far = (a.yy * x**2 + a.xx * y**2 - 2 * a.xy * x * y) / a.determinant
        spread = (a.yy * b.xx + a.xx * b.yy - 2 * a.xy * b.xy) / a.determinant
        unlike = ops.log(a.determinant / b.determinant)
        return _as_loss((far + spread + unlike) / 2 - 1.0, tau=self.tau)


@dataclass(frozen=True)
class Gwd(_Gaussian):
    """Wasserstein distance of the Gaussians, in sides of the boxes.

    Yang et al. 2021, https://arxiv.org/abs/2101.11952; divided by the fourth root of the
    product of both areas, as in MMRotate (Zhou et al. 2022, https://arxiv.org/abs/2204.13317),
    so that large and small objects count alike.

    Args:
        tau: Greater numbers forgive more.
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(1, tau=self.tau)

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        a, b = _parts(truth), _parts(found)
        roots = ops.sqrt(a.determinant) * ops.sqrt(b.determinant)
        mixed = ops.maximum(a.xx * b.xx + a.yy * b.yy + 2 * a.xy * b.xy + 2 * roots, SMALL)
        spread = a.xx + a.yy + b.xx + b.yy - 2 * ops.sqrt(mixed)
        squared = ops.maximum((a.x - b.x) ** 2 + (a.y - b.y) ** 2 + spread, 0.0)
        distance = ops.sqrt(squared / (4 * ops.sqrt(roots)) + SHIFT) - SHIFT**0.5
        return _as_loss(distance, tau=self.tau)


def _as_loss(distance: Tensor, *, tau: float) -> Tensor:
    """0 at no distance, below 1 at any."""
    return 1.0 / tau - 1.0 / (tau + ops.log1p(ops.maximum(distance, 0.0)))
