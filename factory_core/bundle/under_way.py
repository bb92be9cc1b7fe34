"""Scenes of one command that are done: kept beside its output until that is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from geopandas import GeoDataFrame

from factory_core import __version__
from factory_core.bundle.checksums import SUMS
from factory_core.bundle.detector import Detector
from factory_core.bundle.ground import Ground
from factory_core.kernel import io
from factory_core.kernel.io.outputs import PARTIAL


@dataclass(frozen=True)
class UnderWay:
    """What has been found in scenes so far.

    Attributes:
        folder: Where it lies, two tables a scene.
        detector: What finds.
    """

    folder: Path
    detector: Detector

    def find(self, scene: Path) -> tuple[GeoDataFrame, Ground]:
        """Detections of a raw scene and what it shows; a scene that is done is not done again.

        Raises:
            SceneError: It cannot be read or placed.
            ModelError: It does not fit the models.
        """
        files = [scene, *self.detector.companion_files(scene).values()]
        digest = hashlib.sha256(json.dumps(io.identity(files)).encode()).hexdigest()[:16]
        done = self.folder / f"{digest}.parquet"
        shown = self.folder / f"{digest}.ground.parquet"
        if not done.exists():
            found = self.detector.detect(self.detector.open(scene), scratch=self.folder)
            ground = found.watch.ground()
            place = GeoDataFrame(
                {"slack_m": [ground.slack_m]}, geometry=[ground.shape], crs=found.watch.geobox.crs
            )
            io.write_table(place, shown)
            io.write_table(found.detections, done)
        place = cast(GeoDataFrame, io.read_table(shown))
        ground = Ground(place.geometry.iloc[0], float(place["slack_m"].iloc[0]))
        return cast(GeoDataFrame, io.read_table(done)), ground


@contextmanager
def under_way(out: Path, *, bundle: Path, detector: Detector) -> Iterator[UnderWay]:
    """Keep what is found until the block ends well; else for the next call with this bundle.

    Args:
        out: File that the block writes.
        bundle: Where `detector` comes from; what another one found is removed.
        detector: What finds.
    """
    key = {"bundle": (bundle / SUMS).read_text(encoding="utf-8"), "code": __version__}
    folder = io.unfinished(out, key=key)
    for stale in out.parent.glob(f".{out.name}.*{PARTIAL}"):
        if stale != folder and stale.is_dir():
            shutil.rmtree(stale)
    folder.mkdir(exist_ok=True)
    try:
        yield UnderWay(folder, detector)
    except BaseException:
        with suppress(OSError):  # where nothing is done yet, nothing is left
            folder.rmdir()
        raise
    shutil.rmtree(folder)
