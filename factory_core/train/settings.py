"""The section `train` of a configuration; it imports no Keras, so any command can read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Settings:
    """The plain settings of the stage.

    Args:
        members: Numbers of the models of the ensemble; each is trained from another seed.
        seed: Of the first weights, the order of the windows and the augmentations.
        epochs: Passes over the windows of train, at most.
        batch_size: Windows in a step.
        patience: Ends after so many epochs in which neither quality nor loss on val got better.
        precision: Of the computation; weights and what is exported are float32 always.
        deterministic: Whether the same seed must give the same weights.
        threads: Of the libraries; another number gives other bits.
        feed_threads: Batches that are made at once, ahead of their use.
        save_minutes: Time between two checkpoints within an epoch.
        picture_epochs: Epochs between two pictures of windows of val; 0 draws none.
    """

    members: tuple[int, ...]
    seed: int
    epochs: int
    batch_size: int
    patience: int
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"]
    deterministic: bool
    threads: int
    feed_threads: int
    save_minutes: float
    picture_epochs: int

    def __post_init__(self) -> None:
        check_at_least(
            1,
            epochs=self.epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            threads=self.threads,
            feed_threads=self.feed_threads,
        )
        check_at_least(
            0,
            seed=self.seed,
            save_minutes=self.save_minutes,
            picture_epochs=self.picture_epochs,
        )
