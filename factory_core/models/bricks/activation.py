"""Activations."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers, ops

from factory_core.models.bricks.interface import Activation
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Relu(Activation):
    """What is above 0 (Nair and Hinton 2010)."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, 0 where it was below."""
        return layers.ReLU(name=name)(x)


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """What is above 0, and a small share of what is below (Maas et al. 2013).

    Args:
        slope: The share.
    """

    slope: float = 0.1

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, times `slope` where it was below 0."""
        return layers.LeakyReLU(negative_slope=self.slope, name=name)(x)


@dataclass(frozen=True)
class Silu(Activation):
    """`x` times its sigmoid, also called swish.

    Ramachandran et al. 2017, https://arxiv.org/abs/1710.05941; without their learnt slope.
    """

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x * sigmoid(x)`."""
        return layers.Activation("silu", name=name)(x)


@dataclass(frozen=True)
class HardSwish(Activation):
    """SiLU of straight pieces (Howard et al. 2019, https://arxiv.org/abs/1905.02244)."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x * min(max(x + 3, 0), 6) / 6`."""
        return layers.Activation("hard_silu", name=name)(x)


@dataclass(frozen=True)
class Gelu(Activation):
    """`x` times the normal distribution up to it.

    Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415; by the error function, not by
    the paper's approximation.
    """

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x * Phi(x)`."""
        # Not Keras' own: its complement of the error function has no counterpart in ONNX.
        share = 0.5 + 0.5 * ops.erf(x * 2**-0.5)
        return layers.Multiply(name=name)([x, share])


@dataclass(frozen=True)
class Mish(Activation):
    """`x` times the tangent of its soft plus (Misra 2019, https://arxiv.org/abs/1908.08681)."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x * tanh(softplus(x))`."""
        return layers.Activation("mish", name=name)(x)
