"""The comparison of two versions as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factory_core.evaluate.compare.differences import Difference
from factory_core.evaluate.compare.findings import Findings
from factory_core.evaluate.metric import CONFIDENCE, LEAST_SCENES
from factory_core.evaluate.page import render
from factory_core.evaluate.report import Picture

# Of the drawing of an interval: half its width, and the colours of better, worse and neither.
HALF_PX = 60
MIDDLE_PX = 65
COLOURS = {True: "#00674c", False: "#a63f00", None: "#68737f"}


def render_comparison(found: Findings, *, places: Sequence[tuple[str, Picture, Picture]]) -> str:
    """The page: verdict first, then every number, then objects, pictures and what was changed.

    Args:
        found: The comparison.
        places: Of `places.draw_side_by_side`.
    """
    headline = [d for d in found.differences if d.headline]
    parts = [d for d in found.differences if not d.headline]
    real = [d for d in parts if d.real]
    intervals = sum(d.low is not None for d in parts)
    return render(
        "compare/compare.html.jinja",
        detector=found.detector,
        names=found.names,
        split=found.split,
        scenes=len(found.scenes),
        area_km2=found.area_km2,
        verdict=found.verdict,
        warnings=found.warnings,
        headline=headline,
        real=real,
        rest=[d for d in parts if not d.real],
        others_with_interval=intervals,
        by_chance=round(intervals * (1 - CONFIDENCE)),
        lines=_lines(found.differences),
        objects=found.objects.to_dict("records"),
        iou=found.iou,
        places=places,
        parameters=found.parameters,
        left_out=found.left_out,
        draws=found.draws,
        least_scenes=LEAST_SCENES,
    )


def _lines(
    found: Sequence[Difference],
) -> Mapping[Difference, tuple[float, float, float, str]]:
    """Left end, middle and right end in pixels and colour of each interval.

    Shares are on one scale with 0 in the middle; of all else each has its own.
    """
    reaches = {
        d: max(abs(d.low), abs(d.high)) for d in found if d.low is not None and d.high is not None
    }
    shares = {
        d
        for d in reaches
        if d.samples is not None and max(abs(d.first or 0), abs(d.second or 0)) <= 1
    }
    widest = max((reaches[d] for d in shares), default=0.0)
    lines = {}
    for d, own in reaches.items():
        reach = widest if d in shares else own
        scale = HALF_PX / reach if reach else 0.0
        left, middle, right = (
            round(MIDDLE_PX + min(max((at or 0.0) * scale, -MIDDLE_PX), MIDDLE_PX), 1)
            for at in (d.low, d.value, d.high)
        )
        lines[d] = (left, middle, right, COLOURS[d.better])
    return lines
