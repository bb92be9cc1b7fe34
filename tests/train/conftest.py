"""Trainings start in a folder of their own, with one number of threads."""

import contextlib

import pytest

from factory_core.train.reproducible import pin
from tests.train.forks import Forks


@pytest.fixture(autouse=True, scope="module")
def folder_of_its_own(tmp_path_factory):
    """DVCLive makes a DVC repository of the Git repository that it is started in."""
    pin(seed=0, threads=2)
    with contextlib.chdir(tmp_path_factory.mktemp("started")):
        yield


@pytest.fixture(scope="session")
def forks():
    """Starts processes that train."""
    with Forks() as started:
        yield started
