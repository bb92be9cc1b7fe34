"""Model, configuration and metrics -> the folder that is deployed."""

from __future__ import annotations

import shutil
from pathlib import Path

from geopandas import GeoSeries
from omegaconf import DictConfig, OmegaConf

from factory_core.bundle.checksums import write_checksums
from factory_core.bundle.detector import MODELS, PARAMS, PROCESS, WEIGHTS, load_detector
from factory_core.bundle.model_card import model_card
from factory_core.bundle.self_test import write_self_test
from factory_core.bundle.stac import write_item
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError, SelectionError
from factory_core.predict.change import (
    CHANGED,
    REPORT,
    change_models,
    identity_of_change,
    keep_report,
)
from factory_core.predict.model import find_models, name_members, read_weights
from factory_core.predict.settings import read_settings
from factory_core.process.chain import from_nodes, to_nodes

SECTIONS = ("detector", "package", "taxonomy", "predict", "postprocess")
FILES = "files"


def run(
    config: DictConfig,
    *,
    models: Path,
    raw: Path,
    scenes: Path,
    selection: Path,
    metrics: Path,
    out: Path,
    weights: Path | None = None,
) -> None:
    """Gather all that a deployed detector needs, with a scene to try it on.

    Raises:
        SelectionError: Nothing is selected for test, where the self-test is cut.
        SceneError: A raw scene of the test split is missing.
    """
    paths = find_models(models)
    names = name_members(paths, folder=models)
    equal = (1 / len(paths),) * len(paths)
    shares = read_weights(weights, paths, folder=models) if weights else equal
    areas = {split: _areas(selection, split) for split in ("train", "test")}
    raw_scenes = _raw_scenes(config, raw, sorted(areas["test"]))
    key = {
        "config": configuration.to_yaml(config),
        "weights": shares,
        "inputs": io.identity([*paths, *raw_scenes.values(), scenes / PROCESS, selection, metrics]),
    }
    settings = read_settings(config)
    key["changed_by"] = identity_of_change(settings, scenes=scenes, selection=selection)
    figures = io.read_json(metrics)
    with io.staged(out, key=key) as work:
        for left in work.iterdir():  # of a run that was killed: all of it is made in seconds
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        changed = change_models(
            paths,
            settings,
            models=models,
            scenes=scenes,
            selection=selection,
            folder=work / CHANGED,
            weights=shares,
        )
        for path, name in zip(changed, names, strict=True):
            target = work / MODELS / name / path.name
            target.parent.mkdir(parents=True)
            shutil.copyfile(path, target)
        keep_report(work / CHANGED, work)
        io.write_json({"weights": dict(zip(names, shares, strict=True))}, work / WEIGHTS)
        _write_process(scenes / PROCESS, work)
        _write_params(config, work)
        detector = load_detector(work)
        write_self_test(detector, raw_scenes, areas["test"], work)
        signature = detector.engine.ensemble.signature
        report = work / REPORT
        loss = io.read_json(report) if report.exists() else {}
        card = model_card(config, signature, figures, loss=loss)
        (work / "README.md").write_text(card, encoding="utf-8")
        write_item(config, signature, areas["train"], work)
        write_checksums(work)


def _areas(selection: Path, split: str) -> dict[str, GeoSeries]:
    areas = io.read_areas(selection / "selection.parquet", split)
    if not areas:
        raise SelectionError(
            f"{selection / 'selection.parquet'} has nothing for the split {split!r}, which the "
            "bundle tells about. Widen `select.where`, or give the split a larger share."
        )
    return areas


def _raw_scenes(config: DictConfig, raw: Path, scene_ids: list[str]) -> dict[str, Path]:
    there = {path.stem: path for path in sorted(raw.glob(config.catalogue.scenes))}
    missing = [scene_id for scene_id in scene_ids if scene_id not in there]
    if missing:
        raise SceneError(
            f"{raw} has no scene {', '.join(missing)} under {config.catalogue.scenes!r}, but the "
            "selection names it. Fetch the raw data again (`dvc pull`), or run `dvc repro`."
        )
    return {scene_id: there[scene_id] for scene_id in scene_ids}


def _write_process(fitted: Path, work: Path) -> None:
    """Write the fitted chain, and the files that its parts read (a DEM, a geofence)."""
    nodes = []
    for number, task in enumerate(from_nodes(io.read_json(fitted)["tasks"])):
        copies = {
            field: _carry(path, work, name=f"process_{number}")
            for field, path in configuration.files_of(task).items()
        }
        nodes += [{**node, **copies} for node in to_nodes([task])]
    io.write_json({"tasks": nodes}, work / PROCESS)


def _carry(path: Path, work: Path, *, name: str) -> str:
    """Copy a file of a part into the bundle, and say where it lies there."""
    target = work / FILES / name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return target.relative_to(work).as_posix()


def _write_params(config: DictConfig, work: Path) -> None:
    """Write the choices that a deployed detector reads, and the files that its parts read."""
    params = OmegaConf.masked_copy(config, list(SECTIONS))
    params.catalogue = {
        "bands": config.catalogue.bands,
        "companions": config.catalogue.get("companions") or {},
    }
    tasks = params.postprocess.get("tasks") or {}
    for name, part in tasks.items():
        built = configuration.build(part, where=f"postprocess.tasks.{name}")
        for field, path in configuration.files_of(built).items():
            part[field] = _carry(path, work, name=name)
    (work / PARAMS).write_text(configuration.to_yaml(params), encoding="utf-8")
    _copy_own_parts(config, work)


def _copy_own_parts(config: DictConfig, work: Path) -> None:
    """Copy the detector's own package where a task of the bundle is of it."""
    package = config.package
    texts = [(work / name).read_text(encoding="utf-8") for name in (PARAMS, PROCESS)]
    if any(f"{package}." in text for text in texts):
        shutil.copytree(package, work / package, ignore=shutil.ignore_patterns("__pycache__"))
