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
    first, last = (shapely.get_coordinates(shapely.get_point(lines, at)) for at in (0, -1))
    points = np.concatenate([first, last])
    places, numbers = np.unique(points[:, 0] + 1j * points[:, 1], return_inverse=True)
    start, stop = numbers[: len(lines)], numbers[len(lines) :]
    degree = np.bincount(numbers, minlength=len(places))
    return Ends(np.stack([places.real, places.imag], axis=-1), start, stop, degree)


def outward(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions `(line, 2)` of length 1 in which lines would go on from their start and stop."""
    inner = shapely.get_coordinates(shapely.get_point(lines, 1))
    inner_last = shapely.get_coordinates(shapely.get_point(lines, -2))
    first, last = (shapely.get_coordinates(shapely.get_point(lines, at)) for at in (0, -1))
    both = first - inner, last - inner_last
    start, stop = (way / np.maximum(np.hypot(*way.T), 1e-12)[:, None] for way in both)
    return start, stop
