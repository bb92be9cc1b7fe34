"""Points in the order in which a sampler asks for them: a grid, at random, or one of Optuna's."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.running_points.choose import Tried
from factory_core.running_points.kept import Numbers
from factory_core.running_points.plan import SAMPLERS, Plan, Wanted
from factory_core.running_points.points import Point, Space, in_order

# Draws without a new point after which a space is taken for exhausted.
PATIENCE = 1000


def ask(
    space: Space, numbers_of: Callable[[Sequence[Point]], Sequence[Numbers]]
) -> Iterator[list[tuple[Point, Numbers]]]:
    """Points with their numbers, some at a time.

    Args:
        space: Which there are.
        numbers_of: Measures points, which it gets in the order of the tree of chains.
    """
    wanted = space.wanted
    if isinstance(wanted.sampler, str):
        points = space.grid() if wanted.sampler == "grid" else _random(space)
        yield list(zip(points, numbers_of(points), strict=True))
        return
    yield from _ask_optuna(space, numbers_of)


def _random(space: Space) -> list[Point]:
    """Different points drawn at random, all where there are not so many."""
    plan = space.wanted.plan
    study = _study(optuna.samplers.RandomSampler(seed=plan.seed), ["maximize"])
    found: dict[Point, None] = {}
    idle = 0
    while len(found) < (plan.points or 0) and idle < PATIENCE:
        before = len(found)
        found[_suggest(space, study.ask())] = None
        idle = idle + 1 if len(found) == before else 0
    return in_order(list(found))


def _suggest(space: Space, trial: Trial) -> Point:
    tried = space.wanted.space.items()
    return space.place({key: one.suggest(trial, key) for key, one in tried})


def _ask_optuna(
    space: Space, numbers_of: Callable[[Sequence[Point]], Sequence[Numbers]]
) -> Iterator[list[tuple[Point, Numbers]]]:
    plan = space.wanted.plan
    study = _study(build_sampler(space.wanted), list(plan.objectives.values()))
    seen: set[Point] = set()
    for first in range(0, plan.points or 0, plan.ask_at_once):
        trials = [study.ask() for _ in range(min(plan.ask_at_once, (plan.points or 0) - first))]
        asked = {trial.number: _suggest(space, trial) for trial in trials}
        points = in_order(list(asked.values()))
        known = dict(zip(points, numbers_of(points), strict=True))
        for trial in trials:
            _tell(study, trial, known[asked[trial.number]], plan=plan)
        yield [(point, row) for point, row in known.items() if point not in seen]
        seen |= set(points)


def build_sampler(wanted: Wanted) -> Any:
    """The sampler of Optuna that a plan names.

    A sampler without a seed gets that of the plan, so that a search that was killed asks for the
    same points again, which are kept.
    """
    node: Mapping[str, Any] = dict(wanted.sampler)  # type: ignore[arg-type]
    cls = config.part_class(node["_target_"], where="sampler", also=SAMPLERS)
    takes = inspect.signature(cls.__init__).parameters
    if "seed" in takes and node.get("seed") is None:
        node = {**node, "seed": wanted.plan.seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return config.build(node, where="sampler", also=SAMPLERS)


def _study(sampler: Any, directions: Sequence[Any]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(sampler=sampler, directions=list(directions))
    except ValueError as error:
        raise ConfigError(f"`sampler` cannot search this: {error}") from error


def _tell(study: optuna.Study, trial: Trial, numbers: Numbers, *, plan: Plan) -> None:
    tried = Tried(trial.number, Point({}, ()), numbers)
    for name, miss in tried.violations(plan.constraints).items():
        trial.set_constraint(name, miss)
    values = [value for name in plan.objectives if (value := numbers[name]) is not None]
    if len(values) < len(plan.objectives):
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, values)
