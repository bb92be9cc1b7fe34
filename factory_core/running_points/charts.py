"""The chart of all points of a search, with the front of its objectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes

from factory_core.evaluate.figures import COLOURS, STYLE, as_png, new_figure
from factory_core.running_points.choose import Tried, non_dominated
from factory_core.running_points.plan import Bound, Plan

BLUE, ORANGE = COLOURS[0], COLOURS[1]
GREY, INK = "#b9c2cd", "#1b2430"


@dataclass(frozen=True)
class Axis:
    """A metric along an axis.

    Attributes:
        metric: Its name.
        sign: 1 where more is better, -1 where less is.
        bound: What it may be, if it is constrained.
    """

    metric: str
    sign: int
    bound: Bound | None = None


def choose_axes(plan: Plan, numbers: Sequence[str]) -> tuple[Axis, Axis] | None:
    """What points are drawn over: two objectives; one and a constraint; recall and precision.

    Args:
        plan: Of the search.
        numbers: Names of all that was measured.
    """
    wanted = [
        Axis(name, 1 if direction == "maximize" else -1, plan.constraints.get(name))
        for name, direction in plan.objectives.items()
    ]
    wanted += [
        Axis(name, -1 if bound.at_most is not None else 1, bound)
        for name, bound in plan.constraints.items()
        if name not in plan.objectives
    ]
    if len(wanted) > 1:
        return wanted[1], wanted[0]
    path = wanted[0].metric.rpartition("/")
    pair = [f"{path[0]}{path[1]}{name}" for name in ("recall", "precision")]
    return (Axis(pair[0], 1), Axis(pair[1], 1)) if set(pair) <= set(numbers) else None


def draw_points(
    tried: Sequence[Tried],
    *,
    axes: tuple[Axis, Axis],
    plan: Plan,
    best: Tried | None,
    now: Tried | None,
) -> bytes:
    """All points over two metrics, the best one, what is set now, and of objectives the front.

    A constraint is not wanted the more the better, so over one there is no front.

    Args:
        tried: All points.
        axes: Of `choose_axes`.
        plan: Of the search.
        best: The best feasible point.
        now: What is set now, if that was measured.
    """
    across, up = axes
    known = [
        one for one in tried if None not in (one.numbers[across.metric], one.numbers[up.metric])
    ]
    places = np.array([[one.numbers[axis.metric] for axis in axes] for one in known], float)
    places = places.reshape(-1, 2)
    feasible = np.array([one.is_feasible(plan) for one in known], bool)
    with rc_context(STYLE):
        figure, (panel,) = new_figure(width_in=10.2, height_in=4.8)
        for chosen, colour, label in (
            (~feasible, GREY, "breaks a constraint"),
            (feasible, BLUE, "will do" if plan.constraints else "point"),
        ):
            if chosen.any():
                panel.scatter(
                    places[chosen, 0],
                    places[chosen, 1],
                    s=22,
                    color=colour,
                    alpha=0.7,
                    lw=0,
                    label=label,
                )
        if len(plan.objectives) > 1:
            _draw_front(panel, places[feasible], axes)
        for axis, line in ((across, panel.axvline), (up, panel.axhline)):
            if axis.bound is not None:
                line(
                    axis.bound.limit,
                    color=INK,
                    lw=1,
                    ls=(0, (4, 3)),
                    label=f"{axis.metric} {axis.bound}",
                )
        set_now = [now.numbers.get(axis.metric) for axis in axes] if now else [None]
        if None not in set_now:
            panel.plot(
                *np.array(set_now, float), "D", color="none", mec=INK, mew=1.6, ms=9, label="now"
            )
        if best is not None:
            panel.plot(
                *places[known.index(best)],
                "*",
                color=INK,
                mec="white",
                ms=16,
                label=f"best, {best.name(plan)}",
            )
        panel.set(xlabel=across.metric, ylabel=up.metric)
        panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.5)
        return as_png(figure)


def _draw_front(panel: Axes, places: np.ndarray, axes: tuple[Axis, Axis]) -> None:
    across, up = axes
    front = places[non_dominated(places * [across.sign, up.sign])]
    front = front[np.argsort(front[:, 0], kind="stable")]
    where = "post" if across.sign * up.sign < 0 else "pre"
    panel.plot(*front.T, color=ORANGE, lw=1.6, drawstyle=f"steps-{where}", label="Pareto front")
    panel.plot(*front.T, "o", color=ORANGE, ms=4)


def short(key: str) -> str:
    """A key without what all keys begin with."""
    return key.removeprefix("predict.").removeprefix("postprocess.").removeprefix("tasks.")
