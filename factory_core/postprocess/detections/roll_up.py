"""Detections -> detections: classes of a higher level of the taxonomy."""

from __future__ import annotations

from dataclasses import dataclass

from geopandas import GeoDataFrame

from factory_core.kernel.taxonomy import MAX_LEVELS, Taxonomy


@dataclass(frozen=True)
class RollUp:
    """Name every detection by its class at `level` of the taxonomy; coarser ones stay as they are.

    Put a suppression behind it: two classes on one object are now one class.

    Attributes:
        level: 1 for the root classes.
        taxonomy: The class tree; `${taxonomy}`.
    """

    level: int
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        if not 1 <= self.level <= MAX_LEVELS:
            raise ValueError(f"`level` must lie in [1, {MAX_LEVELS}]. Received: {self.level}.")

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections with the names of their classes at that level.

        Raises:
            TaxonomyError: A label is not in the tree.
        """
        labels = detections["label"]
        paths = {label: self.taxonomy.path(label) for label in labels.unique()}
        names = {label: path[: self.level][-1] for label, path in paths.items()}
        return detections.assign(label=labels.map(names).astype(labels.dtype))
