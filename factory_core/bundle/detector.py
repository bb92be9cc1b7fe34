"""A bundle made ready to detect: raw scene in, detections out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geopandas import GeoDataFrame

from factory_core.bundle.ground import Watch
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ModelError, SceneError
from factory_core.kernel.geo import Raster, ScoreMap
from factory_core.postprocess.chain import Chain, compose
from factory_core.postprocess.outlines.min_rotated_box import MinRotatedBox
from factory_core.postprocess.predictions import check_detections, read_predictions
from factory_core.postprocess.vectorisers.boxes import Boxes
from factory_core.predict.engine import Engine, load_engine
from factory_core.predict.model import find_models, read_weights
from factory_core.predict.scenes import in_pieces
from factory_core.predict.settings import read_settings
from factory_core.process.add_indices import INDICES, AddIndices
from factory_core.process.chain import Task, apply_chain, from_nodes
from factory_core.process.compose_bands import ComposeBands

PARAMS = "params.yaml"
PROCESS = "process.json"
MODELS = "models"
WEIGHTS = "models/weights.json"


@dataclass(frozen=True)
class Found:
    """What a scene holds.

    Attributes:
        detections: In a CRS in metres.
        watch: What of the ground the scene shows, in the same CRS.
    """

    detections: GeoDataFrame
    watch: Watch


@dataclass(frozen=True)
class Detector:
    """All that happens to a raw scene, in order.

    Attributes:
        bands: Names of the bands of raw scenes whose files do not tell them.
        companions: Name of a companion -> pattern of its file, seen from the folder of a scene.
        process: Fitted tasks that bring a raw scene to what the model takes.
        engine: Runs the models.
        chain: Makes detections of what they give.
    """

    bands: tuple[str, ...]
    companions: Mapping[str, str]
    process: tuple[Task, ...]
    engine: Engine
    chain: Chain

    def open(self, scene: Path) -> Raster:
        """A raw scene with the companions that lie beside it, ready to be read.

        Raises:
            SceneError: It cannot be opened or placed, or has more or fewer bands than there are
                names for.
        """
        files = self.companion_files(scene)
        found = {name: io.open_raster(file) for name, file in files.items()}
        raster = io.open_raster(scene)
        return replace(raster, bands=self._names_for(raster), companions=found)

    def _names_for(self, raster: Raster) -> tuple[str, ...]:
        """Names of the bands of a scene, by their order where the bundle has names."""
        if not self.bands:
            return raster.bands
        count, expected = len(raster.bands), len(self.bands)
        if count != expected:
            raise SceneError(
                f"Scene {raster.scene_id!r} has {count} band{'s' * (count != 1)} "
                f"({', '.join(raster.bands)}); the bundle takes scenes of {expected}, which it "
                f"knows by their order: {', '.join(self.bands)}. Give the file that has them all, "
                "or make it: `gdal_translate -b` takes bands out of a file, "
                "`gdal_merge.py -separate` puts files together."
            )
        return self.bands

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the bands that a raw scene must have."""
        needed: list[str] = []
        added: list[str] = []
        for task in self.process:
            if isinstance(task, ComposeBands):
                needed += task.bands
                break
            if isinstance(task, AddIndices):
                needed += [band for name in task.names for band in INDICES[name].bands]
                added += task.names
        else:
            needed += self.engine.ensemble.signature.bands
        return tuple(band for band in dict.fromkeys(needed) if band not in added)

    def companion_files(self, scene: Path) -> dict[str, Path]:
        """The files that go with a scene, those of them that are there."""
        found = {}
        for name, pattern in self.companions.items():
            named = scene.parent / pattern.format(scene_id=scene.stem)
            places = [place for place in (named, companion_file(scene, name)) if place.is_file()]
            if places:
                found[name] = places[0]
        return found

    @property
    def gives_boxes(self) -> bool:
        """Whether detections are boxes around objects, upright or not, and no outlines of them."""
        boxed = any(isinstance(part, Boxes | MinRotatedBox) for _, part in self.chain.tasks)
        return boxed or self.engine.ensemble.signature.task != "score_map"

    def detect(self, raster: Raster, *, scratch: Path) -> Found:
        """Detections of a raw scene, and what it shows.

        Args:
            raster: The scene; it is read window by window.
            scratch: Folder on a disk with room for two bytes a pixel and class or more.

        Raises:
            SceneError: The scene lacks a band that the bundle takes, or cannot be placed.
            ModelError: The scene does not fit the models.
        """
        with _band_errors(raster, self.takes):
            processed = apply_chain(raster, self.process)
            watch = Watch.of(processed.geobox)
            plan = self.engine.plan(watch.over(processed))
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".predict-") as folder:
            blocks = Path(folder)
            jobs = [(plan, block, blocks) for block in plan.blocks]
            for piece in progress(in_pieces(jobs), label=f"predict {raster.scene_id}"):
                self.engine.compute(piece)
            file = blocks / f"{raster.scene_id}{self.engine.ending}"
            self.engine.write(plan, folder=blocks, out=file)
            detections = self.chain(read_predictions(file))
        check_detections(detections, where=f"What the bundle makes of {raster.scene_id!r}")
        return Found(detections, watch)


@contextmanager
def _band_errors(raster: Raster, takes: Sequence[str]) -> Iterator[None]:
    """Say which bands are missing: whoever has a bundle has no settings that parts could advise."""
    try:
        yield
    except (ModelError, SceneError) as error:
        if not set(takes) - set(raster.bands):
            raise
        raise SceneError(
            f"Scene {raster.scene_id!r} has the bands {', '.join(raster.bands)}; the bundle takes "
            f"{', '.join(takes)}. Give a scene with these, each named in its band's description "
            "(in QGIS, or `gdal_edit.py`)."
        ) from error


def companion_file(scene: Path, name: str) -> Path:
    """Where a companion lies whose name follows no pattern: `<scene>.<name>.tif` beside it."""
    return scene.with_name(f"{scene.stem}.{name}.tif")


def load_detector(bundle: Path) -> Detector:
    """Make a bundle ready, with the parts of the detector's own package that lie in it.

    Raises:
        ModelError: A model is missing or damaged.
        ConfigError: `params.yaml` or `process.json` names a part that does not exist.
    """
    params = configuration.load(bundle / PARAMS)
    paths = find_models(bundle / MODELS)
    weights = read_weights(bundle / WEIGHTS, paths, folder=bundle / MODELS)
    # A bundle is laid out like a detector repository: from inside, own parts are found.
    with chdir(bundle):
        settings = read_settings(params)
    engine = load_engine(paths, settings, weights=weights)
    takes = ScoreMap if engine.ensemble.signature.task == "score_map" else GeoDataFrame
    nodes = io.read_json(bundle / PROCESS)["tasks"]
    with chdir(bundle):
        process = from_nodes(nodes)
        chain = compose(params.postprocess, takes=takes, where="postprocess")
    return Detector(
        bands=tuple(params.catalogue.bands),
        companions=dict(params.catalogue.get("companions") or {}),
        process=tuple(_with_files_in(bundle, task) for task in process),
        engine=engine,
        chain=_rooted(chain, bundle),
    )


def _rooted(chain: Chain, bundle: Path) -> Chain:
    """The chain with the files of its parts looked for in the bundle."""
    tasks = tuple((name, _with_files_in(bundle, part)) for name, part in chain.tasks)
    return replace(chain, tasks=tasks)


def _with_files_in(bundle: Path, part: Any) -> Any:
    paths = {name: bundle / path for name, path in configuration.files_of(part).items()}
    return replace(part, **paths) if paths else part
