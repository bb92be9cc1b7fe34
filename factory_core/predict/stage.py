"""Scenes of a split -> score maps or candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import Compute
from factory_core.kernel.errors import FactoryError, SceneError, SelectionError
from factory_core.kernel.jobs import Job
from factory_core.predict.change import (
    CHANGED,
    change_models,
    identity_of_change,
    keep_report,
)
from factory_core.predict.engine import Block, Engine, Plan, load_engine
from factory_core.predict.model import find_models, read_weights
from factory_core.predict.scenes import (
    Scene,
    Survey,
    begin,
    end,
    finishing,
    group_small,
    in_pieces,
    report,
    scene_in,
)
from factory_core.predict.settings import Settings, read_settings


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

    A scene that fails stops no other: it stands in `<out>.failed.json`, and `out` stays as it
    was. Started again, only what is not finished is computed.

    Raises:
        SelectionError: The split has no scene.
        SceneError: Scenes are missing or damaged; all others are done then.
        ModelError: A model is missing or damaged, or a scene does not fit it; or the weights are
            for other models; or the chosen precision costs too much.
        ComputeError: The machine cannot be worked on.
    """
    settings = read_settings(config)
    compute: Compute = configuration.build(config.compute, where="compute")
    paths = find_models(models)
    shares = read_weights(weights, paths, folder=models) if weights else None
    areas = io.read_areas(selection / "selection.parquet", split)
    if not areas:
        raise SelectionError(
            f"{selection / 'selection.parquet'} has nothing for the split {split!r}. Widen "
            "`select.where`, or give the split a larger share."
        )
    key = {
        "predict": configuration.to_yaml(config.predict),
        "code": config.fingerprint.predict,
        "inputs": io.identity(paths),
        "weights": shares,
        "changed_by": identity_of_change(settings, scenes=scenes, selection=selection),
    }
    with io.staged(out, key=key) as work:
        changed = change_models(
            paths,
            settings,
            models=models,
            scenes=scenes,
            selection=selection,
            folder=work / CHANGED,
            weights=shares,
        )
        engine = partial(_engine, tuple(changed), shares, settings, str(io.identity(changed)))
        every = [
            scene_in(work, path=scenes / f"{scene_id}.tif", area=areas[scene_id])
            for scene_id in sorted(areas)
        ]
        todo = begin(work, every)
        surveys = compute.map(partial(_survey, engine), todo, label=f"predict {split}: survey")
        failed: dict[str, FactoryError] = {
            scene.name: error
            for scene, error in zip(todo, surveys, strict=True)
            if isinstance(error, SceneError)
        }
        alone, groups = group_small(
            [
                (scene, survey)
                for scene, survey in zip(todo, surveys, strict=True)
                if not isinstance(survey, SceneError)
            ],
            batch_size=settings.batch_size,
        )
        finish = partial(
            compute.finish_jobs,
            piece=partial(_compute, engine),
            whole=partial(_write, engine),
            label=f"predict {split}",
        )
        spoilt = finish([_together(group) for group in groups])
        # What one scene spoils is done again scene by scene, so that the others are finished.
        alone += [pair for group in groups if group[0][0].name in spoilt for pair in group]
        cut = partial(
            in_pieces,
            of=sum(len(survey.blocks) for _, survey in alone),
            at_once=compute.at_once,
        )
        failed |= finish([_alone(scene, survey, cut) for scene, survey in alone])
        report(failed, out.with_name(f"{out.name}.failed.json"), scenes=len(every))
        end(work)
        keep_report(work / CHANGED, work)


@lru_cache(maxsize=1)
def _engine(
    paths: tuple[Path, ...],
    shares: tuple[float, ...] | None,
    settings: Settings,
    identity: str,  # noqa: ARG001
) -> Engine:
    """The engine of this process, loaded once; `identity` tells a model that has changed."""
    return load_engine(paths, settings, weights=shares)


def _survey(engine: Any, scene: Scene) -> Survey | SceneError:
    """What of a scene is worth computing, or why it cannot be read."""
    try:
        plan = _plan(scene, engine())
    except SceneError as error:
        return error
    return Survey(plan.blocks, plan.windows)


def _plan(scene: Scene, engine: Engine) -> Plan:
    return engine.plan(io.open_raster(scene.path), area=scene.area)


def _alone(scene: Scene, survey: Survey, cut: Callable[[list[Any]], list[Any]]) -> Job:
    return Job(scene.name, cut([(scene, block) for block in survey.blocks]), [scene])


def _together(group: Sequence[tuple[Scene, Survey]]) -> Job:
    """Small scenes as one job, by the name of the first."""
    blocks = [(scene, block) for scene, survey in group for block in survey.blocks]
    scenes = [scene for scene, _ in group]
    return Job(scenes[0].name, [blocks], scenes)


def _compute(engine: Any, items: Sequence[tuple[Scene, Block]]) -> None:
    engine().compute([(_plan(scene, engine()), block, scene.folder) for scene, block in items])


def _write(engine: Any, scenes: Sequence[Scene]) -> None:
    for scene in scenes:
        plan = _plan(scene, engine())
        with finishing(scene, ending=engine().ending) as file:
            engine().write(plan, folder=scene.folder, out=file)
