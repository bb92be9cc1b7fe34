"""What a model, an encoder and a loss promise to training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from factory_core.dataset.sample import Form
from factory_core.kernel.errors import ConfigError

Task = Literal["score_map", "boxes", "oriented_boxes"]
Tensor = Any  # a KerasTensor while a graph is built, a tensor of the backend while it runs


class Encoder(ABC):
    """Turns an image into features of ever coarser resolution; every model takes any encoder.

    Attributes:
        needs: A package that it is built with beside those of the extra `train`.
    """

    needs: ClassVar[str] = ""

    @property
    @abstractmethod
    def levels(self) -> int:
        """Number of feature maps; the sides of the image must be divisible by `2 ** levels`."""

    @abstractmethod
    def features(self, image: Tensor) -> list[Tensor]:
        """Features `(batch, height / 2**i, width / 2**i, channels)` for `i` in 1 .. `levels`.

        Args:
            image: `(batch, height, width, band)`, mean 0 and deviation 1 in each band.
        """

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the layers of `network` that this encoder made their pretrained weights.

        Args:
            network: A Keras model built over `features`.
            bands: Name of each band of the image.
        """
        del network, bands  # an encoder that starts from noise has nothing to load


class Loss(ABC):
    """What training makes small."""

    @abstractmethod
    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`; finite for empty, full and saturated targets."""


class ScoreMapLoss(Loss):
    """Compares class numbers with the logits of the background and the classes."""


class CentreLoss(Loss):
    """Compares what `centernet` encodes boxes into with what its network gives."""


class AnchorLoss(Loss):
    """Compares the label of each anchor with its box and classes."""


class PointLoss(Loss):
    """Compares the label of each point with its box, centre-ness and classes."""


class DistributionLoss(Loss):
    """Compares the label of each point with the distributions of its sides, and classes."""


class AssigningLoss(Loss):
    """Chooses which points learn which label by what they found, then compares."""


class OrientedAnchorLoss(Loss):
    """Compares the label of each anchor with its oriented box and classes."""


class OrientedPointLoss(Loss):
    """Compares the label of each point with its oriented box, centre-ness and classes."""


class GaussianLoss(Loss):
    """Compares the label of each point with its Gaussian, centre-ness and classes."""


class Model(ABC):
    """An architecture with its targets, its loss and the graph that is deployed.

    Attributes:
        task: What it gives.
        form: What it learns from, the form of `dataset.target`.
        encoder: What sees the image. An architecture that does so itself has none, and states
            `divisor_px` and `load_pretrained`.
        loss: What training makes small.
        needs: A package that it is built with beside those of the extra `train`.
    """

    task: ClassVar[Task]
    form: ClassVar[Form]
    needs: ClassVar[str] = ""
    encoder: Encoder
    loss: Loss

    @abstractmethod
    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """The trained part: a normalised image to raw outputs, as `loss` takes them.

        Args:
            image: `(batch, height, width, band)`, sides divisible by `divisor_px`.
            num_classes: Number of classes, background not counted.
        """

    @abstractmethod
    def encode(
        self, labels: Sequence[Any], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Labels of a batch as the target of `loss`.

        Args:
            labels: One a window: a mask `(height, width)` uint8, `Boxes` or `OrientedBoxes`.
            shape: Height and width of a window in pixels.
            num_classes: Number of classes, background not counted.
        """

    @abstractmethod
    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The deployed part: raw outputs to named scores and boxes.

        Returns:
            `scores` `(batch, height, width, class)` of a score map. Of boxes, best first:
            `boxes` `(batch, k, 4)` x_min, y_min, x_max, y_max in pixels of the window, or of
            oriented ones `(batch, k, 5)` x and y of the centre, length, width and angle;
            `scores` `(batch, k)` and `classes` `(batch, k)` int32.
        """

    @abstractmethod
    def measure(self, labels: Sequence[Any], outputs: dict[str, np.ndarray]) -> float:
        """How well decoded `outputs` fit `labels`, 0 to 1; weights are kept by it."""

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return int(2**self.encoder.levels)

    def check_windows(self, *, form: Form, window_px: int) -> None:
        """Refuse windows that this model does not learn from.

        Args:
            form: Of their labels.
            window_px: Their sides.

        Raises:
            ConfigError: The labels are of another form, or the sides are not divisible by
                `divisor_px`; names what fits.
        """
        if form != self.form:
            raise ConfigError(
                f"`model` is {type(self).__name__}, which learns from {self.form}, and "
                f"`dataset.target` gives {form}. Choose `target={self.form}`, or another model."
            )
        if window_px % self.divisor_px:
            times = window_px // self.divisor_px
            nearest = {max(times, 1) * self.divisor_px, (times + 1) * self.divisor_px}
            raise ConfigError(
                f"`dataset.window_px` must be divisible by {self.divisor_px} for this `model` and "
                f"`encoder`. Received: {window_px}. Use {' or '.join(map(str, sorted(nearest)))}."
            )

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the layers of `network` that have pretrained weights those weights.

        Args:
            network: A Keras model built over `self.network`.
            bands: Name of each band of the image.
        """
        self.encoder.load_pretrained(network, bands=bands)
