"""What all tests share: quiet libraries, patient property tests, as many threads as trainings."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

import factory_core  # noqa: F401 - sets the environment that stages run in

# Machines that share their cores are slow at times: no property may depend on the clock.
slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in each run, so that a change is judged by what it changes. To look for others:
# `pytest --hypothesis-profile search`.
settings.register_profile("patient", slowly, max_examples=50, derandomize=True)
settings.register_profile("search", slowly, max_examples=1000)
settings.load_profile("patient")

# Two workers take a file at a time: what lasts longest starts first, or one would wait at the end.
LONGEST = (
    "template/test_release.py",
    "train/test_stage.py",
    "contract/test_model.py",
    "train/test_kills.py",
    "storage/test_s3.py",
    "train/test_devices.py",
    "template/test_bake.py",
)
FIRST = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items):
    """Put the longest files first; the others stay in their order."""
    items.sort(key=lambda item: FIRST.get(item.path, len(FIRST)))


def pytest_collection_finish():
    """TensorFlow takes the number of threads before its first use only, wherever that is."""
    if "keras" in sys.modules:
        from factory_core.train.reproducible import pin

        pin(seed=0, threads=2)
