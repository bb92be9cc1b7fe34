"""Loaded by the workers of the tests: small blocks, each counted, and slowed down if asked for."""

import os
import time
from pathlib import Path

import factory_core.predict.stage  # noqa: F401 - all of it, before there is work
from factory_core.predict import engine, layout

compute = engine.Engine.compute


def dask_setup(worker):
    """Count under the name of this worker."""
    count(str(worker.name))


def count(name):
    """Make blocks small, and write a line before each."""

    def counted(self, jobs):
        for plan, block, folder in jobs:
            if engine._file(folder, block).exists():
                continue
            with Path(os.environ["COMPUTED"]).open("a") as log:
                log.write(f"{name} {plan.raster.scene_id} {block[0]}-{block[1]}\n")
            time.sleep(float(os.environ["BLOCK_S"]))
            compute(self, [(plan, block, folder)])

    layout.BLOCK_PX = 30
    engine.Engine.compute = counted
