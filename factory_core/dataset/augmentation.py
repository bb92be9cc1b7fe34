"""What an augmentation promises: another sample that is as true as the one it was given."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from factory_core.dataset.sample import Sample


class Augmentation(ABC):
    """Changes image and labels alike; the same generator gives the same sample."""

    @abstractmethod
    def __call__(self, sample: Sample, *, generator: np.random.Generator) -> Sample:
        """A changed copy of `sample`, which stays as it was.

        Args:
            sample: A square window with its labels.
            generator: The only source of chance.
        """
