"""Charts of the report: precision over recall, confusion, training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from factory_core.evaluate.plots import BACKGROUND
from factory_core.evaluate.training_curves import Curve

# Okabe and Ito's palette, without its yellow, which is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a94a3",
    "axes.labelcolor": "#3b4656",
    "xtick.color": "#5b6675",
    "ytick.color": "#5b6675",
    "axes.grid": True,
    "grid.color": "#e6eaef",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
DPI = 200
MOST_NUMBERS = 15
MOST_CLASSES = 30


def draw_precision_recall(rows: Sequence[dict[str, Any]]) -> bytes:
    """The curve of each class; the longest seven in colour, others in grey.

    Args:
        rows: Of `plots.precision_recall_rows`.
    """
    with rc_context(STYLE):
        figure, (axes,) = new_figure(width_in=5.4, height_in=4.2)
        points_of = Counter(row["label"] for row in rows)
        names = [name for name, _ in points_of.most_common()]
        for index, name in enumerate(names):
            points = [row for row in rows if row["label"] == name]
            named = index < len(COLOURS)
            axes.plot(
                [row["recall"] for row in points],
                [row["precision"] for row in points],
                color=COLOURS[index] if named else "#c5ccd5",
                linewidth=1.8,
                marker="o" if len(points) == 1 else None,
                label=name if named else None,
                zorder=3 if named else 2,
            )
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
        if len(names) > 1:
            axes.legend(loc="lower left")
        return as_png(figure)


def draw_confusion(counts: np.ndarray, *, classes: Sequence[str]) -> bytes:
    """The confusion of classes; colour is the share of a row, for false detections of their class.

    Of more than 30 classes, those with the most labels and detections have rows of their own.

    Args:
        counts: `(class + 1, class + 1)` of `plots.confusion_counts`.
        classes: Names of all but the last row and column, which are background.
    """
    counts, classes = _pooled(counts, classes)
    names = [*classes, BACKGROUND]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares[-1] = counts[-1] / np.maximum(counts.sum(axis=0), 1)
    side = max(3.2, 0.62 * len(names) + 1.6)
    with rc_context({**STYLE, "axes.grid": False}):
        figure, (axes,) = new_figure(width_in=side + 0.6, height_in=side)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        ticks = range(len(names))
        axes.set_xticks(
            ticks,
            names,
            rotation=45 if len(names) > 3 else 0,
            ha="right" if len(names) > 3 else "center",
        )
        axes.set_yticks(ticks, names)
        axes.set(xlabel="detected as", ylabel="label")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if len(names) <= MOST_NUMBERS:
            _write_numbers(axes, counts, shares)
        return as_png(figure)


def _pooled(counts: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """All but the commonest classes as one, `other`, before the background."""
    if len(classes) <= MOST_CLASSES:
        return counts, classes
    common = counts[:-1].sum(axis=1) + counts[:, :-1].sum(axis=0)
    kept = np.sort(np.argsort(-common, kind="stable")[: MOST_CLASSES - 1])
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    place[-1] = len(kept) + 1
    pooled = np.zeros((len(kept) + 2, len(kept) + 2), counts.dtype)
    np.add.at(pooled, (place[:, None], place[None, :]), counts)
    others = f"{len(classes) - len(kept)} other"
    return pooled, [*(classes[index] for index in kept), others]


def _write_numbers(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    last = len(counts) - 1
    for row, column in np.ndindex(*counts.shape):
        if (row, column) == (last, last):
            text, colour = "", "white"
        else:
            text = str(counts[row, column])
            colour = "white" if shares[row, column] > 0.55 else "#1b2430"
        axes.text(column, row, text, ha="center", va="center", color=colour)


def draw_training(curves: Sequence[Curve]) -> bytes | None:
    """One panel a metric, a line for each member and data set; None without curves."""
    metrics = list(dict.fromkeys(curve.metric for curve in curves))
    if not metrics:
        return None
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    with rc_context(STYLE):
        figure, panels = new_figure(
            width_in=max(5.4, 3.55 * columns), height_in=2.7 * lines, grid=(lines, columns)
        )
        for axes, metric in zip(panels, metrics, strict=False):
            for index, curve in enumerate(c for c in curves if c.metric == metric):
                axes.plot(
                    curve.steps,
                    curve.values,
                    color=COLOURS[index % len(COLOURS)],
                    linewidth=1.6,
                    marker="o" if len(curve.steps) == 1 else None,
                    label=curve.name.replace("_", " "),
                )
            axes.set_title(
                metric.replace("_", " "), fontsize=9.5, loc="left", color="#1b2430", weight="bold"
            )
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
            axes.legend(fontsize=8)
        for axes in panels[len(metrics) :]:
            axes.set_visible(False)
        return as_png(figure)


def new_figure(
    *, width_in: float, height_in: float, grid: tuple[int, int] = (1, 1)
) -> tuple[Figure, list[Axes]]:
    """An empty figure and its panels, row by row; `grid` is rows and columns."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(*grid, squeeze=False).flat)


def as_png(figure: Figure) -> bytes:
    """The figure as PNG without a time or a version in it: equal figures have equal bytes."""
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
