"""Batches: their windows, their chance, and what samplers are told."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from factory_core.dataset.augmentations.flip import Flip
from factory_core.dataset.augmentations.interface import Augmentation, augment
from factory_core.dataset.sample import Sample
from factory_core.train.batches import TrainingBatches
from factory_core.train.samplers.hard_negatives import HardNegatives
from factory_core.train.samplers.interface import Sampler
from factory_core.train.samplers.shuffled import Shuffled

WINDOWS = 10


class Windows:
    """Windows of one pixel that shows their number."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        labels = [1] * 4 + [0] * (WINDOWS - 4)
        table = pd.DataFrame({"window": range(WINDOWS), "labels": labels, "count_a": labels})
        table.to_parquet(folder / "windows.parquet")

    def __len__(self):
        return WINDOWS

    def __getitem__(self, window):
        return Sample(np.full((2, 2, 1), 1 + window, np.float32), np.zeros((2, 2), np.uint8))


class Model:
    """Its loss is the value of the first pixel."""

    def encode(self, labels, **shapes):
        assert set(shapes) == {"shape", "num_classes"}
        return np.stack(labels)

    def loss(self, target, output):
        assert len(target) == len(output)
        return output[:, 0, 0, 0]


class Network:
    def predict_on_batch(self, images):
        return images


@dataclass(frozen=True)
class AddChance(Augmentation):
    """Writes a number of chance over the second pixel."""

    def change(self, sample, chance):
        image = sample.image.copy()
        image[0, 1] = chance.generator.integers(1, 10**6)
        return Sample(image, sample.labels)


@dataclass(frozen=True)
class ShowOther(Augmentation):
    """Shows the window that it drew in the third pixel."""

    def change(self, sample, chance):
        image = sample.image.copy()
        image[1, 0] = chance.draw().image[0, 0]
        return Sample(image, sample.labels)


@dataclass(frozen=True)
class Twice(Sampler):
    def __call__(self, epoch):
        assert len(epoch.windows) == WINDOWS
        return np.array([3, 3, 5, 3])


@pytest.fixture
def make(tmp_path):
    def make(sampler=None, augmentations=(), batch_size=3, seed=0):
        return TrainingBatches(
            Windows(tmp_path / "train"),
            model=Model(),
            num_classes=1,
            batch_size=batch_size,
            augmentations=augmentations,
            sampler=sampler or Shuffled(),
            seed=seed,
        )

    return make


def test_shuffled_windows_in_the_order_of_seed_and_epoch(make):
    batches = make(seed=5)
    for epoch in (0, 3):
        batches.begin(epoch)
        order = np.random.default_rng((5, epoch)).permutation(WINDOWS)
        assert len(batches) == 3
        for batch in range(3):
            mine = order[3 * batch : 3 * batch + 3]
            assert np.array_equal(batches.windows(batch), mine)
            assert np.array_equal(batches[batch][0][:, 0, 0, 0] - 1, mine)


def test_a_batch_is_not_larger_than_what_there_is(make):
    batches = make(batch_size=100)
    assert (len(batches), batches.batch_size) == (1, WINDOWS)


def test_chance_depends_on_seed_epoch_and_window_alone(make):
    batches = make(augmentations=[AddChance()], seed=5)
    batches.begin(2)
    backwards = [batches[batch][0] for batch in (2, 1, 0)][::-1]
    for batch, images in enumerate(backwards):
        for window, image in zip(batches.windows(batch), images, strict=True):
            drawn = np.random.default_rng((5, 2, window)).integers(1, 10**6)
            assert image[0, 1, 0] == drawn


def test_a_window_that_comes_again_is_augmented_otherwise(make):
    batches = make(Twice(), [AddChance()], batch_size=4)
    images, _ = batches[0]
    assert images[[0, 1, 3], 0, 0, 0].tolist() == [4, 4, 4]
    assert len(set(images[:, 0, 1, 0].tolist())) == 4


def test_draws_other_windows_after_the_augmentations_before(make, tmp_path):
    windows = Windows(tmp_path / "train")
    shown = set()
    for seed in range(40):
        before = np.random.default_rng(seed)
        chain = [Add(value=100), ShowOther(), Add(value=1000)]
        image = augment(windows, 2, augmentations=chain, generator=before).image
        again = np.random.default_rng(seed)
        assert np.array_equal(
            augment(windows, 2, augmentations=chain, generator=again).image, image
        )
        shown.add(int(image[1, 0, 0]))
        assert image[0, 0, 0] == 1 + 2 + 100 + 1000
    # Every window is drawn, raised by what comes before and, with the whole image, after.
    assert shown == {1 + window + 100 + 1000 for window in range(WINDOWS)}


@dataclass(frozen=True)
class Add(Augmentation):
    value: float = 0.0

    def change(self, sample, chance):
        assert chance.generator is not None
        return Sample(sample.image + self.value, sample.labels)


def test_looks_at_what_the_sampler_asks_for(make):
    batches = make(HardNegatives(share=0.5, hard_share=1.0, looked_at=5), [Flip(probability=1.0)])
    losses = batches.look(Network(), epoch=1)
    assert len(losses) == 5
    assert min(losses) >= 4
    assert losses == {window: 1.0 + window for window in losses}
    assert losses != batches.look(Network(), epoch=2)
    batches.begin(1, losses=losses)
    hardest = sorted(losses, reverse=True)[:4]
    assert sorted(batches.order.tolist()) == [0, 1, 2, 3, *sorted(hardest)]


def test_others_are_told_nothing(make):
    assert make().look(None, epoch=1) == {}
