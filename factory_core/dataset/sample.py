"""A window with its labels, as targets state it and augmentations change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.geo import oriented_corners

# Where boxes are cut, points nearer to each other are one: what lies between is rounding.
GRID_PX = 1e-3

Form = Literal["mask", "edges", "distances", "boxes", "oriented_boxes"]
# What stands in each layer of a form that is an array of pixels.
LAYERS: dict[str, tuple[str, ...]] = {
    "mask": ("class",),
    "edges": ("class", "edge"),
    "distances": ("class", "distance"),
}


@dataclass(frozen=True)
class Boxes:
    """Labelled upright boxes of one window.

    Attributes:
        xyxy_px: `(n, 4)` float32: x_min, y_min, x_max, y_max in pixels of the window.
        classes: `(n,)` int64: index into the names of the classes.
    """

    xyxy_px: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def moved(self, by: Affine) -> Boxes:
        """The upright boxes around these ones after `by`, in their order."""
        x_min, y_min, x_max, y_max = self.xyxy_px.astype(np.float64).T
        x = np.stack([x_min, x_max, x_max, x_min])
        y = np.stack([y_min, y_min, y_max, y_max])
        x, y = by.a * x + by.b * y + by.c, by.d * x + by.e * y + by.f
        corners = np.stack([x.min(0), y.min(0), x.max(0), y.max(0)], axis=-1)
        return Boxes(corners.astype(np.float32), self.classes)

    def cut(self, shape: tuple[int, int], *, min_share_inside: float) -> Boxes:
        """What of each box lies in a window of `shape`; those with less than the share left out."""
        height, width = shape
        inside = self.xyxy_px.clip(0, np.array([width, height] * 2, np.float32))
        kept = _areas(inside) >= min_share_inside * _areas(self.xyxy_px)
        return Boxes(inside[kept], self.classes[kept])

    def within(self, region: BaseGeometry, *, min_share_inside: float) -> Boxes:
        """The upright boxes around what of each lies in `region`; the others as in `cut`."""
        whole = self.outlines()
        inside = _shared(whole, region)
        kept = _is_inside(inside, whole, min_share_inside)
        uncut = shapely.covers(region, whole)[:, None]
        boxes = np.where(uncut, self.xyxy_px, shapely.bounds(inside)).astype(np.float32)
        return Boxes(boxes[kept], self.classes[kept])

    def outlines(self) -> np.ndarray:
        """The boxes as shapely polygons."""
        polygons: np.ndarray = shapely.box(*self.xyxy_px.astype(np.float64).T)
        return polygons

    def upright_px(self) -> np.ndarray:
        """The upright boxes around these ones, `(n, 4)`: themselves."""
        return self.xyxy_px

    def take(self, rows: np.ndarray) -> Boxes:
        """Those at `rows`, numbers or bools."""
        return Boxes(self.xyxy_px[rows], self.classes[rows])

    def and_also(self, others: Boxes) -> Boxes:
        """These and then `others`."""
        return Boxes(
            np.concatenate([self.xyxy_px, others.xyxy_px]),
            np.concatenate([self.classes, others.classes]),
        )


@dataclass(frozen=True)
class OrientedBoxes:
    """Labelled boxes of any direction of one window.

    The direction is that of the long side, in `[-pi/2, pi/2)` against the x axis, positive from
    x towards y: clockwise as one sees it, for y points down ("le90" of MMRotate, Zhou et al.
    2022, https://arxiv.org/abs/2204.13317). A box and the same box turned by half a circle are
    one: it says how an object lies, not where its front is.

    Attributes:
        xylwa: `(n, 5)` float32: x and y of the centre, length and width (length >= width) in
            pixels of the window, and the angle in radians.
        classes: `(n,)` int64: index into the names of the classes.
    """

    xylwa: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def from_corners(cls, corners_px: np.ndarray, classes: np.ndarray) -> OrientedBoxes:
        """Boxes from rectangles `(n, 4, 2)`, their corners one after the other, any first."""
        corners = np.asarray(corners_px, np.float64).reshape(-1, 4, 2)
        one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
        return _canonical(
            corners.mean(axis=1),
            np.hypot(*one.T),
            np.hypot(*two.T),
            np.arctan2(one[:, 1], one[:, 0]),
            classes,
        )

    def corners_px(self) -> np.ndarray:
        """Corners `(n, 4, 2)` float64, clockwise as one sees them, as DOTA lists them.

        DOTA: Xia et al. 2018, https://arxiv.org/abs/1711.10398; which corner of an object comes
        first is open, as its front is.
        """
        return oriented_corners(self.xylwa)

    def moved(self, by: Affine) -> OrientedBoxes:
        """These boxes after `by`, which mirrors, turns, shifts and scales both axes alike."""
        x, y, length, width, angle = self.xylwa.astype(np.float64).T
        scale = np.sqrt(abs(by.determinant))
        cosine, sine = np.cos(angle), np.sin(angle)
        return _canonical(
            np.stack([by.a * x + by.b * y + by.c, by.d * x + by.e * y + by.f], axis=-1),
            length * scale,
            width * scale,
            np.arctan2(by.d * cosine + by.e * sine, by.a * cosine + by.b * sine),
            self.classes,
        )

    def cut(self, shape: tuple[int, int], *, min_share_inside: float) -> OrientedBoxes:
        """What of each box lies in a window of `shape`; those with less than the share left out.

        A box that reaches over the edge becomes the smallest one of its own direction around
        the part inside: cutting it does not turn it.
        """
        height, width = shape
        return self.within(shapely.box(0, 0, width, height), min_share_inside=min_share_inside)

    def within(self, region: BaseGeometry, *, min_share_inside: float) -> OrientedBoxes:
        """What of each lies in `region`, in the direction that it had; the others as in `cut`."""
        whole = self.outlines()
        inside = _shared(whole, region)
        kept = _is_inside(inside, whole, min_share_inside)
        boxes = self.xylwa.copy()
        for index in np.flatnonzero(kept & ~shapely.covers(region, whole)):
            boxes[index] = _around(shapely.get_coordinates(inside[index]), boxes[index, 4])
        return OrientedBoxes(boxes[kept], self.classes[kept])

    def outlines(self) -> np.ndarray:
        """The boxes as shapely polygons."""
        polygons: np.ndarray = shapely.polygons(self.corners_px())
        return polygons

    def upright_px(self) -> np.ndarray:
        """The upright boxes around these ones, `(n, 4)`: x_min, y_min, x_max, y_max."""
        corners = self.corners_px()
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def take(self, rows: np.ndarray) -> OrientedBoxes:
        """Those at `rows`, numbers or bools."""
        return OrientedBoxes(self.xylwa[rows], self.classes[rows])

    def and_also(self, others: OrientedBoxes) -> OrientedBoxes:
        """These and then `others`."""
        return OrientedBoxes(
            np.concatenate([self.xylwa, others.xylwa]),
            np.concatenate([self.classes, others.classes]),
        )


Labels = np.ndarray | Boxes | OrientedBoxes


@dataclass(frozen=True)
class Sample:
    """One window for training.

    Attributes:
        image: `(height, width, band)` float32, pixels as processed, 0 where there is no data.
        labels: In the form of the target. `mask`: `(height, width)` uint8 of 0 for background
            and class index + 1; `edges` and `distances`: `(height, width, layer)` uint8, such a
            mask and what `LAYERS` names after it; or boxes.
        top: The greatest value of the type that the pixels are kept in.
    """

    image: np.ndarray
    labels: Labels
    top: float = 255.0

    @property
    def data(self) -> np.ndarray:
        """Which pixels have data, `(height, width)` bool."""
        found: np.ndarray = self.image[..., 0] != 0
        for band in range(1, self.image.shape[-1]):
            found = found | (self.image[..., band] != 0)
        return found


def stack_boxes(
    boxes: Sequence[tuple[float, float, float, float]], classes: Sequence[int]
) -> Boxes:
    """Boxes from plain numbers, none included."""
    return Boxes(
        np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(classes, np.int64).reshape(-1)
    )


def _shared(shapes: np.ndarray, region: BaseGeometry) -> np.ndarray:
    """The ground that each shape shares with `region`, not the edges at which they only touch."""
    shared: np.ndarray = shapely.intersection(shapes, region, grid_size=GRID_PX)
    for index in np.flatnonzero(shapely.get_num_geometries(shared) > 1):
        parts = shapely.get_parts(shared[index])
        shared[index] = shapely.multipolygons(parts[shapely.area(parts) > 0])
    return shared


def _is_inside(inside: np.ndarray, whole: np.ndarray, min_share: float) -> np.ndarray:
    """Of which shapes at least the share is inside, to rounding."""
    areas = shapely.area(whole)
    kept: np.ndarray = (areas > 0) & (shapely.area(inside) >= (min_share - GRID_PX) * areas)
    return kept


def _areas(xyxy_px: np.ndarray) -> np.ndarray:
    x_min, y_min, x_max, y_max = xyxy_px.T
    areas: np.ndarray = (x_max - x_min) * (y_max - y_min)
    return areas


def _canonical(
    centres: np.ndarray, one: np.ndarray, two: np.ndarray, angle: Any, classes: np.ndarray
) -> OrientedBoxes:
    """Boxes whose side `one` lies along `angle`, written the one way that is allowed."""
    long, short = np.maximum(one, two), np.minimum(one, two)
    angle = np.where(two > one, angle + np.pi / 2, angle)
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    boxes = np.stack([centres[:, 0], centres[:, 1], long, short, angle], axis=-1)
    return OrientedBoxes(boxes.astype(np.float32), np.asarray(classes, np.int64))


def _around(points: np.ndarray, angle: float) -> np.ndarray:
    """The smallest box in the direction `angle` around `points` `(n, 2)`."""
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    along = points @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    centre = (low + high) / 2 @ axes
    sides = high - low
    box = _canonical(centre[None], sides[:1], sides[1:], np.array([angle]), np.zeros(1))
    (numbers,) = box.xylwa
    return np.asarray(numbers)
