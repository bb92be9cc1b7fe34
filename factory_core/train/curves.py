"""What can be seen of a training: figures and pictures of every few epochs, by DVCLive."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from dvclive.live import Live
from keras import ops

from factory_core.dataset.shards import Shards, Stats
from factory_core.models.interface import Model
from factory_core.train import pictures


class Unseen:
    """Takes what one of several processes need not show."""

    def draw(self, epoch: int, network: keras.Model) -> None:
        """Draw nothing."""

    def log(self, epoch: int, figures: dict[str, float]) -> None:
        """Write nothing."""


class Curves:
    """Logs the epochs of one training.

    Args:
        live: Writes the curves.
        folder: Keeps the pictures over a kill.
        val: Windows to choose from.
        stats: Of the dataset.
        model: Decodes what the network gives.
        picture_epochs: Epochs from one picture to the next, the first epoch has one too; 0 draws
            none.
    """

    def __init__(
        self,
        live: Live,
        *,
        folder: Path,
        val: Shards,
        stats: Stats,
        model: Model,
        picture_epochs: int,
    ) -> None:
        self.live = live
        self.folder = folder
        self.stats = stats
        self.model = model
        self.picture_epochs = picture_epochs
        shown = pictures.windows_to_show(val) if picture_epochs else []
        self.samples = [val[window] for window in shown]

    def draw(self, epoch: int, network: keras.Model) -> None:
        """Keep a picture of what `network` finds, if it is the turn of this epoch."""
        if not self.samples or (epoch and (epoch + 1) % self.picture_epochs):
            return
        images = np.stack([sample.image for sample in self.samples])
        outputs = self.model.decode(ops.convert_to_tensor(network.predict_on_batch(images)))
        picture = pictures.draw(
            images,
            [sample.labels for sample in self.samples],
            {name: ops.convert_to_numpy(value) for name, value in outputs.items()},
            stats=self.stats,
            title=f"validation after epoch {epoch + 1}",
        )
        pictures.save(picture, self._picture(epoch))

    def log(self, epoch: int, figures: dict[str, float]) -> None:
        """Write the figures of an epoch, and its picture if there is one."""
        for name, value in figures.items():
            self.live.log_metric(name, value)
        if self._picture(epoch).is_file():
            self.live.log_image(f"validation/{self._picture(epoch).name}", self._picture(epoch))
        self.live.next_step()  # type: ignore[no-untyped-call]  # DVCLive has few types

    def _picture(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch + 1:04d}.png"
