"""Detections -> detections: lines that are nearly straight become so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Lines


@dataclass(frozen=True)
class StraightenLines:
    """Replace a line by the straight one between its ends where it nowhere leaves it by much.

    Ends stay, so a network stays one. Lines that bend stay as they are: `simplify` and `smooth`
    are for them.

    Attributes:
        tolerance_m: Largest distance of a point of the line from the straight one.
    """

    tolerance_m: float

    def __post_init__(self) -> None:
        check_at_least(0, tolerance_m=self.tolerance_m)

    def __call__(self, detections: Lines) -> Lines:
        """The lines, straight where they may be."""
        lines = detections.geometry.to_numpy()
        ends = np.stack([shapely.get_point(lines, 0), shapely.get_point(lines, -1)], axis=-1)
        corners = shapely.get_coordinates(ends.ravel()).reshape(-1, 2, 2)
        open_ended = (corners[:, 0] != corners[:, 1]).any(axis=1)
        straight = shapely.linestrings(corners)
        points, owner = shapely.get_coordinates(lines, return_index=True)
        away = np.zeros(len(lines))
        np.maximum.at(away, owner, shapely.distance(shapely.points(points), straight[owner]))
        taken = open_ended & (away <= self.tolerance_m)
        return detections.set_geometry(np.where(taken, straight, lines), crs=detections.crs)
