"""Keras with one number of threads, whichever test of the process starts it."""

import pytest

from factory_core.train.reproducible import pin


@pytest.fixture(autouse=True)
def _pinned():
    pin(seed=0, threads=2)
