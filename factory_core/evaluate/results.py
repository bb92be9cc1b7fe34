"""Labels and detections of a split as metrics read them, and what they share, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import shapely

from factory_core.evaluate.matching import (
    Match,
    Overlaps,
    find_overlaps,
    match_greedily,
    place_side_by_side,
)
from factory_core.evaluate.objects import NONE, Objects, pool
from factory_core.evaluate.scenes import Scene
from factory_core.kernel.compute import Compute, Local
from factory_core.kernel.taxonomy import Taxonomy

Made = TypeVar("Made")


@dataclass(frozen=True)
class Results:
    """The scenes of a split with their labels and detections.

    What several metrics need is made once, by whichever asks first: `shared(function, ...)` calls
    `function(results, ...)` and remembers what it gave. What depends on labels alone goes through
    `of_labels`, and is kept when only the detections change (`detecting`).

    Attributes:
        scenes: In the order of the weights of a tally.
        taxonomy: Classes, and the level at which the detector is trained.
        match: What overlaps: axis-aligned boxes, or polygons as they are.
        iou: Least overlap of a detection that is right, at the running point.
        buffer_m: Of lines, how far a right one may lie from its label.
        compute: For work by scene that takes long.
    """

    scenes: Sequence[Scene]
    taxonomy: Taxonomy
    match: Match = "box"
    iou: float = 0.5
    buffer_m: float = 4.0
    compute: Compute = field(default_factory=Local)
    _of_labels: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    _of_all: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def shared(self, function: Callable[..., Made], *arguments: Any) -> Made:
        """What `function` makes of these results and `arguments`, which it is called with once."""
        return _once(self._of_all, self, function, arguments)

    def of_labels(self, function: Callable[..., Made], *arguments: Any) -> Made:
        """As `shared`, of a function that reads no detections: kept by `detecting`."""
        return _once(self._of_labels, self, function, arguments)

    def detecting(self, detections: Mapping[str, gpd.GeoDataFrame]) -> Results:
        """The same labels with other detections.

        Args:
            detections: By `scene_id`, each with `label`, `score` and geometry in any CRS; scenes
                without any may be left out.
        """
        scenes = [
            scene.detecting(detections.get(scene.scene_id), taxonomy=self.taxonomy)
            for scene in self.scenes
        ]
        return replace(self, scenes=scenes, _of_all={})

    @property
    def area_km2(self) -> np.ndarray:
        """`(scene,)` ground of the split."""
        return np.array([scene.area.area / 1e6 for scene in self.scenes], float)

    @property
    def are_lines(self) -> bool:
        """Whether any label or detection is a line."""
        return any(
            (shapely.get_dimensions(objects.geometry) == 1).any()
            for objects in (self.labels, self.detections)
        )

    @property
    def labels(self) -> Objects:
        """All labels, scene after scene, of classes at any level."""
        return self.of_labels(_labels)

    @property
    def detections(self) -> Objects:
        """All detections, scene after scene, in each the highest score first."""
        return self.shared(_detections)

    @property
    def overlaps(self) -> Overlaps:
        """Every pair of a detection and a label of one scene that overlap, of any classes."""
        return self.shared(_overlaps)

    def label_kind(self, level: int) -> np.ndarray:
        """`(label,)` place of its class among those of `level`, -1 where it is above it."""
        return self.of_labels(_label_kind, level)

    def detection_kind(self, level: int) -> np.ndarray:
        """`(detection,)` place of its class among those of `level`, -1 where it is above it."""
        return self.shared(_detection_kind, level)

    def matched(self, level: int, *ious: float) -> np.ndarray:
        """Detections matched to labels of their class at a level of the taxonomy.

        Returns:
            `(overlap, detection)` row of the label, or -1.
        """
        return self.shared(_matched, level, *ious)

    def matched_any(self, iou: float) -> np.ndarray:
        """`(detection,)` row of the label when classes do not count, or -1.

        Objects of a class above the level of training take no part.
        """
        return self.shared(_matched_any, iou)


def _once(
    made: dict[Any, Any],
    results: Results,
    function: Callable[..., Made],
    arguments: tuple[Any, ...],
) -> Made:
    key = (function, *arguments)
    if key not in made:
        made[key] = function(results, *arguments)
    found: Made = made[key]
    return found


def _labels(results: Results) -> Objects:
    return _pool(results, [scene.named_labels for scene in results.scenes])


def _detections(results: Results) -> Objects:
    return _pool(results, [scene.named_detections for scene in results.scenes])


def _pool(results: Results, frames: Sequence[gpd.GeoDataFrame]) -> Objects:
    pixels_m2 = [abs(scene.geobox.affine.determinant) for scene in results.scenes]
    return pool(frames, pixels_m2=pixels_m2, taxonomy=results.taxonomy)


def _overlaps(results: Results) -> Overlaps:
    detections = results.detections
    boxes = place_side_by_side(detections.bounds, scene=detections.scene, scenes=_extents(results))
    near = results.of_labels(_label_tree).query(boxes)
    return find_overlaps(detections, results.labels, near=(near[0], near[1]), match=results.match)


def _label_tree(results: Results) -> shapely.STRtree:
    labels = results.labels
    return shapely.STRtree(
        place_side_by_side(labels.bounds, scene=labels.scene, scenes=_extents(results))
    )


def _extents(results: Results) -> np.ndarray:
    return np.array([tuple(scene.geobox.boundingbox) for scene in results.scenes]).reshape(-1, 4)


def _label_kind(results: Results, level: int) -> np.ndarray:
    return results.labels.kind(results.taxonomy, level)


def _detection_kind(results: Results, level: int) -> np.ndarray:
    return results.detections.kind(results.taxonomy, level)


def _matched(results: Results, level: int, *ious: float) -> np.ndarray:
    return match_greedily(same_kind(results, level), ious=ious, detections=len(results.detections))


def same_kind(results: Results, level: int) -> Overlaps:
    """The pairs whose detection and label are of one class of `level`."""
    pairs = results.overlaps
    kind = results.label_kind(level)[pairs.label]
    same = kind == results.detection_kind(level)[pairs.detection]
    return pairs.where(same & (kind != NONE))


def _matched_any(results: Results, iou: float) -> np.ndarray:
    pairs, level = results.overlaps, results.taxonomy.level
    fine = (results.label_kind(level)[pairs.label] != NONE) & (
        results.detection_kind(level)[pairs.detection] != NONE
    )
    label_of: np.ndarray = match_greedily(
        pairs.where(fine), ious=[iou], detections=len(results.detections)
    )[0]
    return label_of
