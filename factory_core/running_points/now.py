"""What is set now, measured beside the points of a search, so that its best is not overrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from factory_core.evaluate.metric import LEAST_SCENES
from factory_core.kernel.errors import FactoryError
from factory_core.running_points.choose import NOW, Tried, gains
from factory_core.running_points.compare import stand_beside_best
from factory_core.running_points.evaluator import Evaluator
from factory_core.running_points.kept import Kept
from factory_core.running_points.plan import Plan
from factory_core.running_points.points import Space


@dataclass(frozen=True)
class Now:
    """What is set now; no point of the search, even where one of them has the same chain.

    Attributes:
        tried: Its values and numbers; None where it cannot be measured.
        why_not: Why it cannot.
    """

    tried: Tried | None
    why_not: str = ""


def measure_now(space: Space, evaluator: Evaluator, kept: Kept, *, stated: DictConfig) -> Now:
    """Measure what is set now; nothing of it is kept or counted.

    Args:
        space: Of the search.
        evaluator: That has measured its points.
        kept: Their numbers.
        stated: The configuration, of params.yaml.
    """
    try:
        point = space.now(stated)
        numbers = kept.numbers.get(point.key)
        if numbers is None:
            numbers = evaluator.ruler.measure(evaluator.detect(point))
    except FactoryError as error:
        return Now(None, str(error))
    return Now(Tried(NOW, point, numbers))


def beside_now(
    now: Now, tried: Sequence[Tried], *, best: Tried | None, plan: Plan, evaluator: Evaluator
) -> str:
    """What is set now, and whether the best is better, in words.

    Args:
        now: What is set now.
        tried: All points.
        best: The first of those that will do.
        plan: Of the search.
        evaluator: That measured them.
    """
    if now.tried is None:
        return f"cannot be measured: {now.why_not}"
    numbers = now.tried.numbers
    lacking = [name for name in plan.metrics if numbers.get(name) is None]
    reached = ", ".join(
        f"{name} {'has no number' if name in lacking else f'{numbers[name]:.4g}'}"
        for name in plan.metrics
    )
    if next(iter(plan.objectives)) in lacking:
        return f"{reached}; so the best cannot be compared with what is set now"
    broken = [
        f"{name} {plan.constraints[name]}"
        for name, miss in now.tried.violations(plan.constraints).items()
        if miss > 0
    ]
    if broken:
        reached += f" (does not hold {', '.join(broken)})"
    if best is None:
        return reached
    if best.point == now.tried.point:
        return f"{reached}; the best is what is set now"
    if now.tried.is_feasible(plan) and not _is_beaten(now.tried, tried, plan=plan):
        return f"{reached}; none of the points beats what is set now"
    return f"{reached}; {_difference(now.tried, best, plan=plan, evaluator=evaluator)}"


def _is_beaten(now: Tried, tried: Sequence[Tried], *, plan: Plan) -> bool:
    own, *others = gains([now, *(one for one in tried if one.is_feasible(plan))], plan)
    return any((other >= own).all() and (other > own).any() for other in others)


def _difference(now: Tried, best: Tried, *, plan: Plan, evaluator: Evaluator) -> str:
    metric, direction = next(iter(plan.objectives.items()))
    _, standing = stand_beside_best(
        [best, now], evaluator, metric=metric, maximize=direction == "maximize"
    )
    if len(plan.objectives) > 1:
        text, of = f"the first is {_in_each(now, best, plan=plan)}", f"{metric}: "
    else:
        word = "better" if standing.behind >= 0 else "worse"
        text, of = f"the best is {word} by {abs(standing.behind):.4g}", ""
    if standing.behind_low is None or standing.behind_high is None:
        return f"{text} (whether by chance cannot be said: fewer than {LEAST_SCENES} scenes)"
    between = f"{of}95 % interval {standing.behind_low:.4g} to {standing.behind_high:.4g}"
    if standing.behind_low > 0 or standing.behind_high < 0:
        return f"{text} ({between})"
    return f"{text} ({between}, so it may be chance)"


def _in_each(now: Tried, best: Tried, *, plan: Plan) -> str:
    """How the first point stands to what is set now in each objective."""
    before, after = gains([now, best], plan)
    told = []
    for name, gain in zip(plan.objectives, after - before, strict=True):
        if gain:
            told.append(f"{'better' if gain > 0 else 'worse'} in {name} by {abs(gain):.4g}")
        else:
            told.append(f"as good in {name}")
    return ", ".join(told)
