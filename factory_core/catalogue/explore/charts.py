"""Small charts as SVG: histograms of contexts, ranges of sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from markupsafe import Markup

BINS = 24
WIDTH_PX, HEIGHT_PX = 230, 62


def draw_histogram(values: np.ndarray, *, low: float, high: float) -> Markup:
    """Bars of the number of scenes in each step from `low` to `high`, and a line at the median."""
    counts, _ = np.histogram(values, bins=BINS, range=(low, high))
    wide = WIDTH_PX / BINS
    bars = [
        f'<rect x="{index * wide + 0.5:.1f}" y="{HEIGHT_PX - tall:.1f}" width="{wide - 1:.1f}" '
        f'height="{tall:.1f}"/>'
        for index, count in enumerate(counts)
        if count
        for tall in [max(2.0, HEIGHT_PX * count / counts.max())]
    ]
    middle = WIDTH_PX * (float(np.median(values)) - low) / max(high - low, 1e-12)
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="histogram" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" width="{WIDTH_PX}">'
        f'{"".join(bars)}<path d="M{middle:.1f} 0V{HEIGHT_PX}"/></svg>'
    )


def draw_range(values: pd.Series, *, low: float, high: float) -> Markup:
    """From the 5th to the 95th percentile a line, the middle half a bar, the median a mark.

    The axis is logarithmic from `low` to `high`.
    """
    width_px = 180

    def at(value: float) -> float:
        span = np.log(max(high, low * 1.001)) - np.log(low)
        return float(np.clip((np.log(max(value, low)) - np.log(low)) / span, 0, 1) * width_px)

    p5, q1, median, q3, p95 = (at(float(values.quantile(q))) for q in (0.05, 0.25, 0.5, 0.75, 0.95))
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="range" viewBox="-4 0 {width_px + 8} 16" width="{width_px}">'
        f'<path class="base" d="M0 8H{width_px}"/><path d="M{p5:.1f} 8H{p95:.1f}"/>'
        f'<rect x="{q1:.1f}" y="4" width="{max(q3 - q1, 2):.1f}" height="8" rx="2"/>'
        f'<circle cx="{median:.1f}" cy="8" r="3.5"/></svg>'
    )
