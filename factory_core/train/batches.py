"""Windows in batches, the same ones for the same seed, epoch and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd
from keras import ops

from factory_core.dataset.augmentations.interface import Augmentation, augment
from factory_core.dataset.sample import Sample
from factory_core.dataset.shards import Shards
from factory_core.kernel import io
from factory_core.models.interface import Model
from factory_core.train.samplers.interface import Epoch, Sampler


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of one epoch after the other, sampled and augmented.

    Every sample is drawn from `(seed, epoch, window)` alone, and from how often the window has
    come before in the epoch: neither the order of reading nor an interrupted training changes
    it. The windows that fill no batch are left out, other ones in each epoch.

    Args:
        shards: Windows of train.
        model: Encodes their labels.
        num_classes: Number of classes, background not counted.
        batch_size: Windows in a batch; all of them where there are fewer.
        augmentations: Applied in their order.
        sampler: Chooses the windows of each epoch.
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
        sampler: Sampler,
        seed: int,
    ) -> None:
        super().__init__(workers=1)
        self.shards = shards
        self.model = model
        self.num_classes = num_classes
        self.augmentations = augmentations
        self.sampler = sampler
        self.seed = seed
        self.table = io.read_table(shards.folder / "windows.parquet")
        self.begin(0)
        self.batch_size = min(batch_size, len(self.order))

    def begin(self, epoch: int, *, losses: Mapping[int, float] | None = None) -> None:
        """Go to an epoch.

        Args:
            epoch: Its number, from 0.
            losses: What `look` gave for it.
        """
        generator = np.random.default_rng((self.seed, epoch))
        self.epoch = epoch
        self.order: np.ndarray = self.sampler(Epoch(self.table, generator, losses or {}))
        self.repeats = pd.Series(self.order).groupby(self.order).cumcount().to_numpy()

    def __len__(self) -> int:
        return len(self.order) // self.batch_size

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Images `(batch, height, width, band)` float32 and the target of the loss."""
        samples = [self._augmented(place) for place in self._places(batch)]
        return encode_samples(samples, model=self.model, num_classes=self.num_classes)

    def windows(self, batch: int) -> np.ndarray:
        """Numbers of the windows in a batch of this epoch."""
        windows: np.ndarray = self.order[self._places(batch)]
        return windows

    def look(self, network: keras.Model, *, epoch: int) -> dict[int, float]:
        """Loss of each window that the sampler wants to know of before an epoch; mostly none.

        Args:
            network: As it is after the epoch before; gives the raw outputs of the model.
            epoch: The one to come.
        """
        chance = np.random.SeedSequence((self.seed, epoch), spawn_key=(0,))
        wanted = self.sampler.asks_for(Epoch(self.table, np.random.default_rng(chance)))
        losses: dict[int, float] = {}
        for start in range(0, len(wanted), self.batch_size):
            windows = wanted[start : start + self.batch_size].tolist()
            samples = [self.shards[window] for window in windows]
            images, target = encode_samples(samples, model=self.model, num_classes=self.num_classes)
            output = ops.convert_to_tensor(network.predict_on_batch(images))
            found = ops.convert_to_numpy(self.model.loss(target, output))
            losses |= dict(zip(windows, found.astype(float).tolist(), strict=True))
        return losses

    def _places(self, batch: int) -> np.ndarray:
        """Where the windows of a batch stand in the order of the epoch."""
        return np.arange(batch * self.batch_size, (batch + 1) * self.batch_size)

    def _augmented(self, place: int) -> Sample:
        window, repeat = int(self.order[place]), int(self.repeats[place])
        generator = np.random.default_rng((self.seed, self.epoch, window, repeat))
        return augment(self.shards, window, augmentations=self.augmentations, generator=generator)


def encode_samples(
    samples: Sequence[Sample], *, model: Model, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Samples as one array of images and one target of the loss."""
    images = np.stack([sample.image for sample in samples])
    labels = [sample.labels for sample in samples]
    height, width = images.shape[1:3]
    return images, model.encode(labels, shape=(height, width), num_classes=num_classes)
