"""Where lines begin and end, and how many meet there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely


@dataclass(frozen=True)
class Ends:
    """The ends of lines as numbered places.

    Attributes:
        places: `(place, 2)` x and y.
        start: `(line,)` number of the place where a line begins.
        stop: `(line,)` number of the place where it ends.
        degree: `(place,)` how many ends of lines lie there.
    """

    places: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    degree: np.ndarray


def find_ends(lines: np.ndarray) -> Ends:
    """Ends of lines; those with the very same coordinates are one place."""
    points, first, last = points_of(lines)
    points = np.concatenate([points[first], points[last]])
    places, numbers = np.unique(points[:, 0] + 1j * points[:, 1], return_inverse=True)
    start, stop = numbers[: len(lines)], numbers[len(lines) :]
    degree = np.bincount(numbers, minlength=len(places))
    return Ends(np.stack([places.real, places.imag], axis=-1), start, stop, degree)


def outward(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions `(line, 2)` of length 1 in which lines would go on from their start and stop."""
    points, first, last = points_of(lines)
    both = points[first] - points[first + 1], points[last] - points[last - 1]
    start, stop = (way / np.maximum(np.hypot(*way.T), 1e-12)[:, None] for way in both)
    return start, stop


def points_of(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `(point, 2)` of all lines, and where each line's first and last one is."""
    count = shapely.get_num_coordinates(lines)
    after = np.cumsum(count)
    return shapely.get_coordinates(lines), after - count, after - 1


def lengthened(
    lines: np.ndarray, line: np.ndarray, to: np.ndarray, *, at_stop: np.ndarray
) -> np.ndarray:
    """Lines with a point `to` `(n, 2)` more before their start or after their stop."""
    points, owner = shapely.get_coordinates(lines, return_index=True)
    side = np.where(at_stop, "right", "left")
    place = [
        np.searchsorted(owner, line[side == which], side=which) - 0.5 for which in ("left", "right")
    ]
    added = [to[side == which] for which in ("left", "right")]
    # What comes after a line's last point comes before the first of the next, and its own.
    keys = [np.arange(len(points)), place[0], place[1] - 0.25]
    order = np.argsort(np.concatenate(keys), kind="stable")
    every = np.concatenate([points, *added])[order]
    whose = np.concatenate([owner, line[side == "left"], line[side == "right"]])[order]
    return np.asarray(shapely.linestrings(every, indices=whose))
