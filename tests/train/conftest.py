"""Trainings start in a folder of their own."""

import contextlib

import pytest


@pytest.fixture(autouse=True, scope="module")
def folder_of_its_own(tmp_path_factory):
    """DVCLive makes a DVC repository of the Git repository that it is started in."""
    with contextlib.chdir(tmp_path_factory.mktemp("started")):
        yield
