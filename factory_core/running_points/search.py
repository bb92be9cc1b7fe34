"""The search itself: points asked for, measured, kept, and told; killed, it goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from factory_core.evaluate.metric import Metric, draw_weights
from factory_core.evaluate.scenes import read_scenes
from factory_core.evaluate.settings import Settings
from factory_core.kernel import config, io
from factory_core.running_points.ask import ask, build_sampler
from factory_core.running_points.choose import Tried, rank
from factory_core.running_points.evaluator import Evaluator
from factory_core.running_points.inputs import check_current, check_not_empty, open_source
from factory_core.running_points.kept import FILE, Kept, Numbers
from factory_core.running_points.measure import Ruler, needed
from factory_core.running_points.now import measure_now
from factory_core.running_points.outcome import Outcome, describe
from factory_core.running_points.page import write_outcome
from factory_core.running_points.plan import SPLIT, Plan, read_points
from factory_core.running_points.points import Point, Space
from factory_core.running_points.prefixes import Prefixes, SceneFile
from factory_core.running_points.promote import promote_points

FOLDER = Path("running_points")
STATE = "state.json"


def search(file: Path, *, promote: int = 0) -> Iterator[str]:
    """Try the running points of a POINTS.yaml on the scenes of val, and write what came of it.

    Args:
        file: The POINTS.yaml.
        promote: So many of the best become DVC experiments.

    Yields:
        Lines to show.

    Raises:
        ConfigError: The file is wrong, or params.yaml is not what conf/ composes to.
        OutputError: Predictions are missing or empty.
        ModelError: Merging is tried, and models are missing or damaged.
        SceneError: Merging is tried, and the network cannot run over a scene.
        SelectionError: There is no scene of val.
    """
    wanted = read_points(file)
    plan = wanted.plan
    source = open_source(wanted)
    space = Space(wanted, takes=source.takes, voters=source.voters)
    check_current(space)
    if not isinstance(wanted.sampler, str):
        build_sampler(wanted)  # refuses what it cannot take, before anything is measured
    ruler = _read_ruler(space.config, plan)
    if not source.is_kept:
        yield f"The network runs once over {SPLIT}; what it finds is kept for every search."
    scenes = source.find_scenes(compute=space.config.compute)
    check_not_empty(scenes)
    out = FOLDER / plan.name
    key = _key(space, ruler, scenes)
    earlier, lines = _find_earlier(out, key)
    yield from lines
    with io.staged(out, key=key) as work:
        if earlier is not None and not (work / FILE).exists():
            shutil.copy(earlier, work / FILE)
        io.write_json(key, work / STATE)
        branches = work / "branches"
        evaluator = Evaluator(
            scenes,
            ruler=ruler,
            parts=space.parts,
            prefixes=Prefixes(plan.cache_mb * 10**6),
            compute=config.build(space.config.compute, where="compute"),
            folder=branches,
        )
        kept = Kept(work, branches=branches)
        tried: list[Tried] = []
        for rows in ask(space, partial(_numbers_of, evaluator, kept)):
            tried += [
                Tried(len(tried) + place, point, numbers)
                for place, (point, numbers) in enumerate(rows)
            ]
            yield from _how_far(tried, plan)
        shutil.rmtree(branches, ignore_errors=True)
        now = measure_now(space, evaluator, kept, stated=config.load())
        outcome = Outcome(wanted, tuple(tried), evaluator, now)
        write_outcome(outcome, detector=str(space.config.detector), folder=work)
    yield from describe(outcome, folder=out)
    if promote:
        yield from promote_points(outcome, count=promote, file=file)


def _read_ruler(composed: DictConfig, plan: Plan) -> Ruler:
    chosen = composed.evaluate.metrics
    parts: list[Metric] = config.build_chain(chosen, where="evaluate.metrics")
    taxonomy = config.taxonomy(composed)
    scenes = read_scenes(
        detections=None,
        predictions=plan.predictions,
        scenes=plan.scenes,
        catalogue=plan.catalogue,
        selection=plan.selection,
        split=SPLIT,
        taxonomy=taxonomy,
    )
    settings: Settings = config.section(composed, "evaluate", Settings)
    results = settings.results(scenes, taxonomy=taxonomy)
    metrics = needed(dict(zip(chosen.order, parts, strict=True)), plan.metrics, results=results)
    weights = draw_weights(len(scenes), draws=settings.draws, seed=settings.seed)
    return Ruler(results, metrics, settings.min_labels, weights)


def _key(space: Space, ruler: Ruler, scenes: Sequence[SceneFile]) -> dict[str, Any]:
    """What the numbers of a point hang on, beside its chain; by a name for people."""
    plan = space.wanted.plan
    code = space.config.fingerprint
    merging = space.bases.values() if space.voters is not None else ()
    layers = [path for part in space.parts.values() for path in config.files_of(part).values()]
    inputs = {
        "predictions": [scene.path for scene in scenes],
        "scenes": [scene.path for scene in ruler.results.scenes],
        "labels": [plan.catalogue / "labels.parquet"],
        "selection": [plan.selection / "selection.parquet"],
        "layers": layers,
    }
    key = {
        **{name: io.identity(paths) for name, paths in inputs.items()},
        "code of post-processing": sorted(
            {base.fingerprint.postprocess for base in space.bases.values()}
        ),
        "code of merging": sorted({base.fingerprint.predict for base in merging}),
        "code of metrics": code.evaluate,
        "metrics": [repr(metric) for metric in ruler.metrics],
        "ruler": [
            ruler.results.match,
            ruler.results.iou,
            ruler.results.buffer_m,
            ruler.min_samples,
        ],
        "taxonomy": repr(ruler.results.taxonomy),
    }
    as_written: dict[str, Any] = json.loads(json.dumps(key))
    return as_written


def _find_earlier(out: Path, key: Mapping[str, Any]) -> tuple[Path | None, list[str]]:
    """Results of an earlier run that still count, and what to say of them."""
    work = io.unfinished(out, key=key)
    folders = [out, *sorted(out.parent.glob(f".{out.name}.*"))]
    known = {
        folder: io.read_json(folder / STATE) for folder in folders if (folder / STATE).is_file()
    }
    same = [folder for folder, state in known.items() if state == key]
    if same:
        folder = work if work in same else same[0]
        count = len(Kept(folder, branches=folder / "branches").numbers)
        return folder / FILE, [f"{count} points are kept from before."] if count else []
    for state in known.values():
        changed = sorted(
            name for name in key.keys() | state.keys() if key.get(name) != state.get(name)
        )
        return None, [
            f"What was kept in {out} does not count any more: {', '.join(changed)} changed since. "
            "All points are measured anew."
        ]
    return None, []


def _numbers_of(evaluator: Evaluator, kept: Kept, points: Sequence[Point]) -> list[Numbers]:
    """Numbers of points, of which those that are not kept are measured, and kept as they come."""
    missing = [point for point in points if point.key not in kept.numbers]
    done = 0
    for numbers in evaluator.measure(missing):
        kept.add(zip(missing[done : done + len(numbers)], numbers, strict=True))
        done += len(numbers)
    return [kept.numbers[point.key] for point in points]


def _how_far(tried: Sequence[Tried], plan: Plan) -> Iterator[str]:
    """A line a tenth of a search that asks point by point."""
    total = plan.points or 0
    step = max(1, total // 10)
    if len(tried) < total and len(tried) // step > (len(tried) - plan.ask_at_once) // step:
        best = rank(tried, plan)
        name = next(iter(plan.objectives))
        text = f", best {name} {best[0].numbers[name]:.4g}" if best else ", none will do yet"
        yield f"{len(tried)} of {total} points{text}"
