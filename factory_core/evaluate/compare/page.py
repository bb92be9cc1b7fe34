"""The comparison of two versions as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factory_core.evaluate.compare.differences import Difference, split_by_change
from factory_core.evaluate.compare.findings import Findings, told_equal, told_missing
from factory_core.evaluate.metric import CONFIDENCE, LEAST_SCENES
from factory_core.evaluate.page import render
from factory_core.evaluate.report import Picture

# Of the drawing of an interval: half its width, and the colours of better, worse and neither.
HALF_PX = 60
MIDDLE_PX = 65
COLOURS = {True: "#00674c", False: "#a63f00", None: "#68737f"}


def render_comparison(found: Findings, *, places: Sequence[tuple[str, Picture, Picture]]) -> str:
    """The page: verdict first, then what moved, then objects, pictures and what was changed.

    What is equal in both is a sentence, and no row of its own.

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
        headline=Shown(*split_by_change(headline, first=found.verdict.decided_by)),
        real=real,
        rest=Shown(*split_by_change([d for d in parts if not d.real])),
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


@dataclass(frozen=True)
class Shown:
    """Numbers as the page shows them: rows of what moved, sentences of the others.

    Attributes:
        moved: Of `split_by_change`.
        equal: Of the same.
        missing: Of the same.
    """

    moved: Sequence[Difference]
    equal: Sequence[Difference]
    missing: Sequence[Difference]

    @property
    def sentences(self) -> list[str]:
        """What is equal, and what cannot be compared."""
        told = ((told_equal, self.equal), (told_missing, self.missing))
        return [say(numbers) for say, numbers in told if numbers]


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
