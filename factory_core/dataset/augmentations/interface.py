"""What an augmentation promises: another sample that is as true as the one it was given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Chance:
    """Where an augmentation gets what it does not know beforehand; it has no other source.

    Attributes:
        generator: The only source of numbers.
        draw: Gives another window of train, chosen by that generator, as the augmentations
            before this one leave it. Two draws may give the same window, or the very one that
            is augmented.
    """

    generator: np.random.Generator
    draw: Callable[[], Sample]


@dataclass(frozen=True)
class Augmentation(ABC):
    """Changes image and labels alike; the same chance gives the same sample.

    What every augmentation keeps: the shape and the type of the image, pixels without data
    (0 in every band) without data, all others in the range of the type that they are kept in,
    and every label where the image shows its object.

    Args:
        probability: Share of the samples that are changed.
    """

    probability: float = 1.0

    def __post_init__(self) -> None:
        check_within(0, 1, probability=self.probability)

    def __call__(self, sample: Sample, *, chance: Chance) -> Sample:
        """A copy of `sample`, changed or not; the one given stays as it was.

        Args:
            sample: A square window with its labels.
            chance: The only source of it.

        Raises:
            ConfigError: The labels are of a form that this one cannot act on.
        """
        if self.probability < 1 and chance.generator.random() >= self.probability:
            return sample
        return self.change(sample, chance)

    @abstractmethod
    def change(self, sample: Sample, chance: Chance) -> Sample:
        """A changed copy of `sample`: what a part of this kind has to write."""


class Windows(Protocol):
    """Samples by their number."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, window: int) -> Sample:
        """Sample number `window`."""


def augment(
    windows: Windows,
    window: int,
    *,
    augmentations: Sequence[Augmentation],
    generator: np.random.Generator,
) -> Sample:
    """Window number `window` after all `augmentations`, in their order.

    Args:
        windows: What other windows are drawn from, where an augmentation mixes some in.
        window: Number of the window.
        augmentations: A chain.
        generator: The only source of chance: the same one gives the same sample.
    """
    sample = windows[window]
    for place, augmentation in enumerate(augmentations):
        before = augmentations[:place]

        def draw(before: Sequence[Augmentation] = before) -> Sample:
            other = int(generator.integers(len(windows)))
            return augment(windows, other, augmentations=before, generator=generator)

        sample = augmentation(sample, chance=Chance(generator, draw))
    return sample


def check_rising(**values: float) -> None:
    """Refuse two fields of which the first is greater, or not above 0.

    Raises:
        ValueError: They are the wrong way round; names them.
    """
    (first, low), (second, high) = values.items()
    if not 0 < low <= high:
        raise ValueError(
            f"`{first}` must be above 0 and at most `{second}`. Received: {first}={low}, "
            f"{second}={high}."
        )
