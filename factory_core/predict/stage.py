"""Scenes of a split -> score maps or candidates."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from geopandas import GeoSeries
from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, SceneError, SelectionError
from factory_core.predict.engine import Block, Engine, Plan
from factory_core.predict.model import find_models, load_ensemble, read_weights


@dataclass(frozen=True)
class Settings:
    """Plain settings of `predict`.

    Attributes:
        overlap_px: Pixels that neighbouring windows share.
        batch_size: Windows that go through the network at once.
    """

    overlap_px: int
    batch_size: int

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(
                f"`predict.batch_size` must be 1 or more. Received: {self.batch_size}."
            )


@dataclass(frozen=True)
class Scene:
    """One scene to work on, as it can be sent to another process.

    Attributes:
        path: The processed scene.
        area: What of it belongs to the split.
        folder: Where its finished blocks are kept.
        out: What is written of it, without the ending.
    """

    path: Path
    area: GeoSeries
    folder: Path
    out: Path


def run(
    config: DictConfig,
    *,
    models: Path,
    scenes: Path,
    selection: Path,
    split: str,
    out: Path,
    weights: Path | None = None,
) -> None:
    """Run the models over the windows that touch the area of `split`, scene by scene.

    Raises:
        SelectionError: The split has no scene.
        SceneError: A scene is missing or damaged.
        ModelError: A model is missing or damaged, or a scene does not fit it; or the weights are
            for other models.
    """
    settings: Settings = configuration.section(config, "predict", Settings)
    blend: Any = configuration.build(config.predict.get("blend"), where="predict.blend")
    compute = configuration.build(config.compute, where="compute")
    paths = find_models(models)
    shares = read_weights(weights, paths, folder=models) if weights else None
    areas = io.read_areas(selection / "selection.parquet", split)
    if not areas:
        raise SelectionError(
            f"{selection / 'selection.parquet'} has nothing for the split {split!r}. Widen "
            "`select.where`, or give the split a larger share."
        )
    files = {scene_id: _scene_file(scenes, scene_id) for scene_id in sorted(areas)}
    key = {
        "predict": configuration.to_yaml(config.predict),
        "code": config.fingerprint.predict,
        "inputs": io.identity([*paths, *files.values(), selection / "selection.parquet"]),
        "weights": shares,
    }
    engine = partial(_engine, tuple(paths), shares, settings, blend, str(io.identity(paths)))
    with io.staged(out, key=key) as work:
        todo = [
            Scene(path, areas[scene_id], work / f".{scene_id}.blocks", work / scene_id)
            for scene_id, path in files.items()
            if not _result(work / scene_id, engine()).exists()
        ]
        blocks = [(scene, block) for scene in todo for block in _plan(scene, engine()).blocks]
        compute.map(partial(_compute, engine), blocks, label=f"predict {split}")
        compute.map(partial(_write, engine), todo, label=f"write {split}")


def _scene_file(scenes: Path, scene_id: str) -> Path:
    file = scenes / f"{scene_id}.tif"
    if not file.is_file():
        raise SceneError(f"{file} does not exist, but is selected. Run the stage process again.")
    return file


@lru_cache(maxsize=1)
def _engine(
    paths: tuple[Path, ...],
    shares: tuple[float, ...] | None,
    settings: Settings,
    blend: Any,
    identity: str,  # noqa: ARG001
) -> Engine:
    """The engine of this process, loaded once; `identity` tells a model that has changed."""
    ensemble = load_ensemble(paths, weights=shares)
    return Engine(ensemble, blend, settings.overlap_px, settings.batch_size)


def _plan(scene: Scene, engine: Engine) -> Plan:
    return engine.plan(io.open_raster(scene.path), area=scene.area)


def _compute(engine: Any, item: tuple[Scene, Block]) -> None:
    scene, block = item
    scene.folder.mkdir(exist_ok=True)
    engine().compute(_plan(scene, engine()), block, folder=scene.folder)


def _write(engine: Any, scene: Scene) -> None:
    engine().write(_plan(scene, engine()), folder=scene.folder, out=_result(scene.out, engine()))
    shutil.rmtree(scene.folder, ignore_errors=True)


def _result(out: Path, engine: Engine) -> Path:
    return out.with_name(out.name + engine.ending)
