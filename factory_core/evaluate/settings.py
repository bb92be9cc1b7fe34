"""The section `evaluate` of a configuration, read alike by the stage and by comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factory_core.evaluate.matching import Match
from factory_core.evaluate.metrics import SLICES
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene
from factory_core.kernel.compute import Compute, Local
from factory_core.kernel.limits import check_at_least
from factory_core.kernel.taxonomy import Taxonomy


@dataclass(frozen=True)
class Settings:
    """The section `evaluate`.

    Args:
        match: `box` compares axis-aligned envelopes, `polygon` outlines.
        iou: Least intersection over union of a detection that is right; of a line, the least share
            of its length that lies beside a label.
        buffer_m: How far from its label a right line may lie.
        context_edges: Where low ends and high begins in each share: one or two values.
        min_labels: A ratio that rests on fewer samples (labels; detections for precision) is no
            number.
        draws: How often the scenes are drawn again for the intervals.
        seed: Of those draws.
        pictures: Scenes to draw, those with the most errors first.
        picture_px: Longest side of their imagery.
        places: Worst places to draw.
        place_px: Side of such a place, about, in pixels of the scene.
    """

    match: Match
    iou: float
    buffer_m: float
    context_edges: tuple[float, ...]
    min_labels: int
    draws: int
    seed: int
    pictures: int
    picture_px: int
    places: int
    place_px: int

    def __post_init__(self) -> None:
        """Refuse what cannot be measured or drawn."""
        if not 0 < self.iou <= 1:
            raise ValueError(f"`iou` must lie in (0, 1]. Received: {self.iou}. Use 0.5.")
        edges = list(self.context_edges)
        if (
            len(edges) not in SLICES
            or edges != sorted(set(edges))
            or not 0 < edges[0] <= edges[-1] < 1
        ):
            raise ValueError(
                "`context_edges` must be one or two rising values between 0 and 1. "
                f"Received: {edges}. Use [0.33, 0.67]."
            )
        if min(self.picture_px, self.place_px) < 16:
            raise ValueError("`picture_px` and `place_px` must be at least 16.")
        check_at_least(
            0,
            min_labels=self.min_labels,
            draws=self.draws,
            seed=self.seed,
            pictures=self.pictures,
            places=self.places,
        )

    def results(
        self, scenes: Sequence[Scene], *, taxonomy: Taxonomy, compute: Compute | None = None
    ) -> Results:
        """Scenes as metrics read them; worked on in this process without a `compute`."""
        return Results(
            scenes,
            taxonomy=taxonomy,
            match=self.match,
            iou=self.iou,
            buffer_m=self.buffer_m,
            compute=compute or Local(),
        )
