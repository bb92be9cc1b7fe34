"""The page of a search: one HTML file that needs nothing beside itself, and its pictures."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from omegaconf import OmegaConf
from PIL import Image

from factory_core.evaluate.metric import LEAST_SCENES
from factory_core.kernel import io
from factory_core.running_points.charts import Axis, choose_axes, draw_points, short
from factory_core.running_points.choose import Tried
from factory_core.running_points.keys import GROUPS
from factory_core.running_points.outcome import Outcome, told
from factory_core.running_points.sensitivity import (
    Effect,
    effects,
    failing_value,
    good_range,
    interaction,
)
from factory_core.running_points.sensitivity_charts import draw_interaction, draw_sensitivity
from factory_core.tune.values import written

TABLE = "points"
SCREEN_DPI = 96
# Rows of a front that are shown; all are in the table.
MOST_ROWS = 25


def write_outcome(outcome: Outcome, *, detector: str, folder: Path) -> None:
    """Write the table, the pictures and the page."""
    io.write_table(outcome.table, folder / f"{TABLE}.parquet")
    outcome.table.to_csv(folder / f"{TABLE}.csv", index=False)
    pictures = draw(outcome)
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(picture)
    page = render(outcome, pictures, detector=detector)
    (folder / "report.html").write_text(page, encoding="utf-8")


def draw(outcome: Outcome) -> dict[str, bytes]:
    """PNG of `front`, `sensitivity` and `interaction`, as far as there is something to draw.

    With one objective there is no front, and `points` takes its place.
    """
    pictures = {}
    tried = _measured(outcome)
    axes = _axes(outcome)
    best = outcome.ranked[0] if outcome.ranked else None
    if axes and any(_known(one, axes[0].metric, axes[1].metric) for one in outcome.tried):
        name = "front" if len(outcome.plan.objectives) > 1 else "points"
        pictures[name] = draw_points(
            outcome.tried, axes=axes, plan=outcome.plan, best=best, now=outcome.now.tried
        )
    found = _effects(outcome)
    if found:
        values = np.array([one.numbers[outcome.metric] for one in tried], float)
        pictures["sensitivity"] = draw_sensitivity(
            found, values=values, metric=outcome.metric, maximize=outcome.maximize
        )
    if len(found) > 1:
        one, other = found[:2]
        table = interaction(one, other, tried, metric=outcome.metric, maximize=outcome.maximize)
        drawn = draw_interaction(
            table,
            one,
            other,
            metric=outcome.metric,
            maximize=outcome.maximize,
            worst=failing_value(values, maximize=outcome.maximize),
        )
        if drawn is not None:
            pictures["interaction"] = drawn
    return pictures


def _axes(outcome: Outcome) -> tuple[Axis, Axis] | None:
    """What points are drawn over, if there is something."""
    numbers = list(dict.fromkeys(name for one in outcome.tried for name in one.numbers))
    return choose_axes(outcome.plan, numbers)


def _measured(outcome: Outcome) -> list[Tried]:
    return [one for one in outcome.tried if _known(one, outcome.metric)]


def _known(one: Tried, *metrics: str) -> bool:
    return all(one.numbers.get(metric) is not None for metric in metrics)


def _effects(outcome: Outcome) -> list[Effect]:
    """Of every parameter with two values or more among the points."""
    tried = _measured(outcome)
    if not tried:
        return []
    found = effects(tried, metric=outcome.metric, maximize=outcome.maximize)
    return [effect for effect in found if len(effect.labels) > 1]


def render(outcome: Outcome, pictures: dict[str, bytes], *, detector: str) -> str:
    """The page as HTML; equal inputs give equal bytes.

    Args:
        outcome: Of the search.
        pictures: Of `draw`.
        detector: Its name.
    """
    environment = Environment(
        loader=PackageLoader("factory_core.running_points", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "number": _number, "short": short, "value": written}
    environment.filters["breaking"] = _breaking
    best = outcome.ranked[0] if outcome.ranked else None
    axes = [axis.metric for axis in _axes(outcome) or ()]
    measured = _measured(outcome)
    values = np.array([one.numbers[outcome.metric] for one in measured], float)
    worst = failing_value(values, maximize=outcome.maximize)
    return environment.get_template("page.html.jinja").render(
        detector=detector,
        outcome=outcome,
        plan=outcome.plan,
        best=best,
        scenes=len(outcome.evaluator.scenes),
        sampler=_sampler(outcome),
        work=outcome.evaluator.work,
        pictures={name: _picture(png) for name, png in pictures.items()},
        effects=_effects(outcome),
        axes=axes,
        not_drawn=sum(not _known(one, *axes) for one in outcome.tried),
        measured=len(measured),
        worst=worst,
        failed=int((values == worst).sum()),
        beyond=_beyond(values[values != worst], maximize=outcome.maximize),
        front=outcome.front[:MOST_ROWS] if len(outcome.plan.objectives) > 1 else [],
        told=told,
        command=outcome.command(best) if best else "",
        yaml=_as_yaml(best) if best else "",
        least_scenes=LEAST_SCENES,
        draws=len(outcome.evaluator.ruler.draws) - 1,
    )


def _beyond(values: np.ndarray, *, maximize: bool) -> int:
    """How many points lie beyond the scale of the pictures of sensitivity."""
    if not len(values):
        return 0
    low, high, _ = good_range(values, maximize=maximize)
    return int(((values < low) | (values > high)).sum())


def _sampler(outcome: Outcome) -> str:
    sampler = outcome.wanted.sampler
    named = {"grid": "a full grid", "random": "drawn at random"}
    if isinstance(sampler, str):
        return named[sampler]
    return f"asked for by Optuna's {sampler['_target_'].rpartition('.')[2]}"


def _picture(png: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(png)) as image:
        width_px = round(image.width * SCREEN_DPI / image.info["dpi"][0])
    return {"image": f"data:image/png;base64,{b64encode(png).decode()}", "width_px": width_px}


def _as_yaml(one: Tried) -> str:
    """Values of a point as a file of `conf/experiment` states them."""
    content = OmegaConf.create()
    for key, value in one.point.settings.items():
        if key not in GROUPS:
            OmegaConf.update(content, key, value)
    text = OmegaConf.to_yaml(content) if len(content) else ""
    chosen = [
        f"- override /{key}: {written(one.point.settings[key])}\n"
        for key in GROUPS
        if key in one.point.settings
    ]
    return f"defaults:\n{''.join(chosen)}{text}" if chosen else text


def _breaking(key: str) -> Markup:
    """A key that breaks after its dots, and not in the middle of a word."""
    return Markup(".<wbr>").join(short(key).split("."))


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}")
