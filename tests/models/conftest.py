"""Keras with one number of threads, whichever test of the process starts it."""

import keras
import pytest

from factory_core.train.reproducible import pin


@pytest.fixture(autouse=True, scope="module")
def _pinned():
    pin(seed=0, threads=2, deterministic=True)


@pytest.fixture(autouse=True)
def _seeded(_pinned):
    # Cheaper than `pin`, which collects garbage.
    keras.utils.set_random_seed(0)
