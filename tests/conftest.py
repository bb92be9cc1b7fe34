"""What all tests share: quiet libraries, patient property tests, as many threads as trainings."""

import sys

from hypothesis import HealthCheck, settings

import factory_core  # noqa: F401 - sets the environment that stages run in

# Machines that share their cores are slow at times: no property may depend on the clock.
settings.register_profile(
    "patient", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_collection_finish():
    """TensorFlow takes the number of threads before its first use only, wherever that is."""
    if "keras" in sys.modules:
        from factory_core.train.reproducible import pin

        pin(seed=0, threads=2)
