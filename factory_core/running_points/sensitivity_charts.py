"""Charts of sensitivity: each parameter of a search alone, and the strongest two together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from factory_core.evaluate.figures import STYLE, as_png, new_figure
from factory_core.running_points.charts import BLUE, GREY, INK, ORANGE, short
from factory_core.running_points.sensitivity import Effect, failing_value, good_range

PALE, QUIET = "#e6eaef", "#5b6675"
PANELS_A_ROW = 3
MOST_NUMBERS = 200
MOST_TICKS = 9
# Of the height of a panel, what the bars of failed points have at its foot.
FOOT = 0.2


def draw_sensitivity(
    found: Sequence[Effect], *, values: np.ndarray, metric: str, maximize: bool
) -> bytes:
    """A panel a parameter: the points, the best and the median of each of its values.

    Failed points are bars at the foot, and not on the scale.

    Args:
        found: Effects, the strongest first.
        values: `(point,)` of the objective.
        metric: Its name.
        maximize: Whether more of it is better.
    """
    rows = -(-len(found) // PANELS_A_ROW)
    columns = min(PANELS_A_ROW, len(found))
    worst = failing_value(values, maximize=maximize)
    shown = values != worst
    low, high, beyond = good_range(values[shown], maximize=maximize)
    margin = 0.05 * (high - low) or 0.05 * (abs(high) or 1)
    ends = (low - margin * (beyond != "min"), high + margin * (beyond != "max"))
    jitter = np.random.default_rng(0).uniform(-0.18, 0.18, len(values))
    with rc_context(STYLE):
        figure, panels = new_figure(
            width_in=6.0 if columns == 1 else 10.2, height_in=3.1 * rows, grid=(rows, columns)
        )
        for panel, effect in zip(panels, found, strict=False):
            there = (effect.place >= 0) & shown
            panel.scatter(
                effect.place[there] + jitter[there], values[there], s=6, color=GREY, alpha=0.6, lw=0
            )
            steps = np.arange(len(effect.labels))
            best = np.where(np.isnan(effect.median), np.nan, effect.best)
            label = "highest" if maximize else "lowest"
            panel.plot(steps, best, "o-", color=BLUE, lw=1.8, ms=4, label=label)
            panel.plot(steps, effect.median, "o--", color=ORANGE, lw=1.2, ms=3, label="median")
            panel.set(xlim=(-0.5, len(steps) - 0.5), ylim=ends)
            if worst is not None:
                _draw_failed(panel, effect.failed, worst=worst)
            _tick(panel, effect.labels)
            panel.set_title(
                _title(effect),
                fontsize=9.5,
                loc="left",
                color=INK,
                weight="bold",
            )
        for panel in panels[::columns]:
            panel.set_ylabel(metric)
        lines, labels = panels[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside upper right", ncols=len(lines), fontsize=8)
        for panel in panels[len(found) :]:
            panel.set_visible(False)
        return as_png(figure)


def _draw_failed(panel: Axes, failed: np.ndarray, *, worst: float) -> None:
    """Bars below the scale of a panel: of each value the share of points that failed."""
    low, high = panel.get_ylim()
    ticks = [tick for tick in panel.get_yticks() if low <= tick <= high]
    foot = (high - low) * FOOT / (1 - FOOT)
    bars = panel.bar(
        np.arange(len(failed)),
        failed * foot * 0.62,
        bottom=low - foot,
        width=0.62,
        color=GREY,
        zorder=3,
        label=f"share at {worst:g}",
    )
    if len(failed) <= MOST_TICKS:
        named = [f"{share:.0%}" if share else "" for share in failed]
        panel.bar_label(bars, named, fontsize=7, color=QUIET, padding=1, zorder=4)
    # Lines that leave the scale end at its foot.
    panel.axhspan(low - foot, low, color="white", lw=0, zorder=2.5)
    panel.axhline(low, color="#8a94a3", lw=0.8, zorder=4)
    panel.set_ylim(low - foot, high)
    panel.set_yticks(ticks)


def _title(effect: Effect) -> str:
    """The key, on two lines where one does not hold it, and its share."""
    name = short(effect.key)
    where, _, last = name.rpartition(".")
    return (
        f"{name}  ({effect.share:.0%})"
        if len(name) < 26
        else f"{where}\n.{last}  ({effect.share:.0%})"
    )


def _tick(panel: Axes, labels: Sequence[str]) -> None:
    every = max(1, -(-len(labels) // MOST_TICKS))
    steps = range(0, len(labels), every)
    shown = [labels[step] for step in steps]
    long = sum(map(len, shown)) > 30
    panel.set_xticks(
        list(steps), shown, rotation=40 if long else 0, ha="right" if long else "center"
    )


def draw_interaction(
    table: np.ndarray,
    one: Effect,
    other: Effect,
    *,
    metric: str,
    maximize: bool,
    worst: float | None,
) -> bytes | None:
    """The best of the objective for each pair of values of two parameters, bright where it is good.

    Pairs of which every point failed are grey, those that were not tried white. There is no chart
    of nothing but these.

    Args:
        table: Of `sensitivity.interaction`.
        one: Along its rows.
        other: Along its columns.
        metric: The objective.
        maximize: Whether more of it is better.
        worst: Of `sensitivity.failing_value`.
    """
    height, width = table.shape
    failed = table == worst
    colours = np.where(failed, np.nan, table)
    if np.isnan(colours).all():
        return None
    low, high, extend = good_range(colours[~np.isnan(colours)], maximize=maximize)
    with rc_context({**STYLE, "axes.grid": False}):
        figure, (panel,) = new_figure(
            width_in=min(10.2, max(5.6, 0.62 * width + 2.4)),
            height_in=max(2.8, 0.36 * height + 1.3),
        )
        image = panel.imshow(
            colours,
            cmap="viridis" if maximize else "viridis_r",
            vmin=low,
            vmax=high,
            aspect="auto",
            origin="lower",
        )
        panel.imshow(
            np.where(failed, 0.0, np.nan),
            cmap=ListedColormap([PALE]),
            aspect="auto",
            origin="lower",
        )
        panel.set(xlabel=short(other.key), ylabel=short(one.key))
        _tick(panel, other.labels)
        panel.set_yticks(range(height), one.labels)
        panel.spines[:].set_visible(False)
        bar = figure.colorbar(image, label=metric, shrink=0.9, extend=extend)
        bar.outline.set_visible(False)
        if table.size <= MOST_NUMBERS:
            _write_numbers(panel, image, table, failed=failed, span=high - low)
        at = np.nanargmax(colours) if maximize else np.nanargmin(colours)
        row, column = np.unravel_index(at, table.shape)
        panel.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=1.8, clip_on=False)
        )
        return as_png(figure)


def _write_numbers(
    panel: Axes, image: AxesImage, table: np.ndarray, *, failed: np.ndarray, span: float
) -> None:
    """The value of each cell in it, with digits enough to tell those on the scale apart."""
    digits = int(np.clip(np.ceil(1.5 - np.log10(span)), 0, 4)) if span else 3
    for row, column in np.argwhere(~np.isnan(table)):
        text, colour = f"{table[row, column]:g}", QUIET
        if not failed[row, column]:
            text = f"{table[row, column]:.{digits}f}"
            luminance = np.dot(image.to_rgba(table[row, column])[:3], (0.3, 0.59, 0.11))
            colour = "white" if luminance < 0.5 else INK
        panel.text(column, row, text, ha="center", va="center", color=colour, size=7)
