"""What becomes of the boxes that several windows, views and models found of one object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_within
from factory_core.kernel.merging import fuse, join, keep_best

# Column of all that was found: whether the box lies in the core of its window.
IN_CORE = "in_core"


class Merge(ABC):
    """Makes one candidate of all that were found of an object.

    Attributes:
        cores_only: Whether a box counts only in the window that sees it best, the one with the
            nearest middle. Then overlapping windows give an object once, but models and views
            still give it each.
    """

    cores_only: bool

    @abstractmethod
    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:
        """One candidate an object.

        Args:
            candidates: Of a whole scene, in an order that does not depend on windows or workers:
                polygons with `score` and `label`.
            voters: How many boxes a window gives of an object: one for each model and view.
        """

    def of(self, found: GeoDataFrame, *, voters: int) -> GeoDataFrame:
        """One candidate an object, of all boxes that a scene's windows gave.

        Args:
            found: As for a call, and `in_core`.
            voters: As for a call.
        """
        counts = found[found[IN_CORE]] if self.cores_only else found
        return self(counts.drop(columns=IN_CORE).reset_index(drop=True), voters=voters)


@dataclass(frozen=True)
class Core(Merge):
    """Keep each box in the one window that sees it best, and leave the rest to post-processing.

    Boxes of several models and views stand side by side.
    """

    cores_only: bool = field(default=True, init=False)

    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:  # noqa: ARG002
        """The candidates as they are."""
        return candidates


@dataclass(frozen=True)
class Suppression(Merge):
    """Of boxes of a class that overlap by more than `max_iou`, keep the best.

    Attributes:
        max_iou: Largest intersection over union of two boxes that are both kept.
        per_class: Whether only boxes of the same class compete.
        cores_only: Whether a box counts only in the window that sees it best.
    """

    max_iou: float
    per_class: bool
    cores_only: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_iou=self.max_iou)

    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:  # noqa: ARG002
        """The boxes that are kept."""
        return keep_best(
            candidates, max_iou=self.max_iou, overlap_of="geometry", per_class=self.per_class
        )


@dataclass(frozen=True)
class Merging(Merge):
    """Put one box around boxes that lie in each other: objects larger than what windows share.

    Attributes:
        max_share: Boxes of whose smaller one a larger share is common are of one object.
        per_class: Whether only boxes of the same class are merged.
        cores_only: Whether a box counts only in the window that sees it best; then pieces of an
            object whose middle another window sees are gone before they could be merged.
    """

    max_share: float
    per_class: bool
    cores_only: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_share=self.max_share)

    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:  # noqa: ARG002
        """One box an object."""
        return join(candidates, max_share=self.max_share, per_class=self.per_class)


@dataclass(frozen=True)
class Fusion(Merge):
    """Give each object the mean of its boxes, weighted by their scores.

    Its score is the mean of theirs, less where not every model and view saw it.

    Attributes:
        max_iou: Boxes that overlap the best one by more are of its object.
        per_class: Whether only boxes of the same class are fused.
        cores_only: Whether a box counts only in the window that sees it best: what a window's edge
            cuts would spoil the mean.
    """

    max_iou: float
    per_class: bool
    cores_only: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_iou=self.max_iou)

    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:
        """One box an object."""
        return fuse(candidates, max_iou=self.max_iou, voters=voters, per_class=self.per_class)


@dataclass(frozen=True)
class Unmerged(Merge):
    """Keep all that was found, for who merges later, in several ways: no choice of a detector.

    Any other `Merge` makes the same of it, by `of`, as in the place of this one.
    """

    cores_only: bool = field(default=False, init=False)

    def __call__(self, candidates: GeoDataFrame, *, voters: int) -> GeoDataFrame:  # noqa: ARG002
        """The candidates as they are."""
        return candidates

    def of(self, found: GeoDataFrame, *, voters: int) -> GeoDataFrame:  # noqa: ARG002
        """All of it, with `in_core`."""
        return found
