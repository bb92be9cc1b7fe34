"""Windows in batches, the same ones for the same seed, epoch and number."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, augment
from factory_core.dataset.sample import Sample
from factory_core.dataset.shards import Shards
from factory_core.models.interface import Model


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of one epoch after the other, shuffled and augmented.

    Every sample is drawn from `(seed, epoch, window)` alone: neither the order of reading
    nor an interrupted training changes it. The windows that fill no batch are left out,
    other ones in each epoch.

    Args:
        shards: Windows of train.
        model: Encodes their labels.
        num_classes: Number of classes, background not counted.
        batch_size: Windows in a batch; all of them where there are fewer.
        augmentations: Applied in their order.
        seed: Of the order and of the augmentations.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        model: Model,
        num_classes: int,
        batch_size: int,
        augmentations: Sequence[Augmentation],
        seed: int,
    ) -> None:
        super().__init__(workers=1)
        self.shards = shards
        self.model = model
        self.num_classes = num_classes
        self.batch_size = min(batch_size, len(shards))
        self.augmentations = augmentations
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.shards) // self.batch_size

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Images `(batch, height, width, band)` float32 and the target of the loss."""
        samples = [self._augmented(int(window)) for window in self.windows(batch)]
        return encode_samples(samples, model=self.model, num_classes=self.num_classes)

    def windows(self, batch: int) -> np.ndarray:
        """Numbers of the windows in a batch of this epoch."""
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.shards))
        return order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def _augmented(self, window: int) -> Sample:
        generator = np.random.default_rng((self.seed, self.epoch, window))
        return augment(self.shards, window, augmentations=self.augmentations, generator=generator)


def encode_samples(
    samples: Sequence[Sample], *, model: Model, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Samples as one array of images and one target of the loss."""
    images = np.stack([sample.image for sample in samples])
    labels = [sample.labels for sample in samples]
    height, width = images.shape[1:3]
    return images, model.encode(labels, shape=(height, width), num_classes=num_classes)
