"""Objects of another window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from scipy import ndimage

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.mixing import Rectangle, join
from factory_core.dataset.sample import Boxes, Labels, OrientedBoxes, Sample
from factory_core.kernel.limits import check_at_least

# Windows that are looked at for objects, and places that are tried for each object.
DRAWS = 4
PLACES = 8


@dataclass(frozen=True)
class CopyPaste(Augmentation):
    """Paste objects of another window at other places, where there is none.

    Copy-paste (Ghiasi et al. 2021, https://arxiv.org/abs/2012.07177), without covering the
    objects that are there, as Kisantal et al. 2019 (https://arxiv.org/abs/1902.07296): seen
    from above they do not hide each other. Objects keep their scale and direction and are moved
    by whole pixels. Of a mask an object is what hangs together; a box is pasted with all that
    it frames. Objects that the edge of their window cuts stay out, and nothing is pasted where
    there is no data. A window without any label has nothing to paste: another is drawn.

    Args:
        probability: Share of the samples that objects are pasted into.
        most: Most objects that are pasted.
    """

    probability: float = 0.3
    most: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, most=self.most)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with objects of another one."""
        for _ in range(DRAWS):
            other = chance.draw()
            objects = list(_objects(other))
            if objects:
                break
        else:
            return sample
        count = min(len(objects), int(chance.generator.integers(1, self.most + 1)))
        chosen = chance.generator.permutation(len(objects))[:count]
        image = sample.image.copy()
        labels = sample.labels.copy() if isinstance(sample.labels, np.ndarray) else sample.labels
        free = sample.data & ~_occupied(sample)
        pasted: list[Labels] = [labels]
        for index in chosen:
            extent, shape, label = objects[index]
            place = _place(extent, shape, free, chance.generator)
            if place is None or not other.data[extent.slices][shape].all():
                continue
            image[place.slices][shape] = other.image[extent.slices][shape]
            free[place.slices][shape] = False
            if isinstance(labels, np.ndarray):
                labels[place.slices][shape] = other.labels[extent.slices][shape]  # type: ignore[index]
            else:
                shift = Affine.translation(place.left - extent.left, place.top - extent.top)
                pasted.append(label.moved(shift))
        return replace(sample, image=image, labels=labels if len(pasted) == 1 else join(pasted))


def _objects(
    sample: Sample,
) -> Iterator[tuple[Rectangle, np.ndarray, Boxes | OrientedBoxes | None]]:
    """Extent of each whole object, its pixels there, and its box."""
    height, width = sample.image.shape[:2]
    labels = sample.labels
    if isinstance(labels, np.ndarray):
        numbers, _ = ndimage.label(_labelled(labels))
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
            extent = Rectangle(
                rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start
            )
            if _is_whole(extent, height, width):
                yield extent, numbers[rows, columns] == number, None
        return
    for index, extent in enumerate(_extents(labels)):
        if _is_whole(extent, height, width):
            box = labels.take(np.array([index]))
            yield extent, _framed(box, extent), box


def _labelled(labels: np.ndarray) -> np.ndarray:
    """Pixels of any object, in any layer."""
    layers = np.atleast_3d(labels)
    labelled: np.ndarray = layers[..., 0] > 0
    for layer in range(1, layers.shape[-1]):
        labelled = labelled | (layers[..., layer] > 0)
    return labelled


def _extents(boxes: Boxes | OrientedBoxes) -> list[Rectangle]:
    """The whole pixels that each box touches."""
    upright = boxes.upright_px()
    low, high = np.floor(upright[:, :2]).astype(int), np.ceil(upright[:, 2:]).astype(int)
    return [
        Rectangle(int(y0), int(x0), int(y1 - y0), int(x1 - x0))
        for (x0, y0), (x1, y1) in zip(low, high, strict=True)
    ]


def _is_whole(extent: Rectangle, height: int, width: int) -> bool:
    """Whether the edge of the window may not have cut it."""
    return (
        extent.top > 0
        and extent.left > 0
        and extent.top + extent.height < height
        and extent.left + extent.width < width
    )


def _framed(box: Boxes | OrientedBoxes, extent: Rectangle) -> np.ndarray:
    """Which pixels of `extent` a box covers, `(height, width)` bool."""
    if isinstance(box, Boxes):
        return np.ones((extent.height, extent.width), bool)
    x, y, length, width, angle = box.xylwa[0].astype(float)
    rows = np.arange(extent.height)[:, None] + extent.top + 0.5 - y
    columns = np.arange(extent.width)[None, :] + extent.left + 0.5 - x
    along = np.abs(columns * np.cos(angle) + rows * np.sin(angle))
    across = np.abs(rows * np.cos(angle) - columns * np.sin(angle))
    framed: np.ndarray = (along <= length / 2) & (across <= width / 2)
    return framed


def _occupied(sample: Sample) -> np.ndarray:
    """Pixels of the objects that are there, `(height, width)` bool."""
    if isinstance(sample.labels, np.ndarray):
        return _labelled(sample.labels)
    occupied = np.zeros(sample.image.shape[:2], bool)
    for extent in _extents(sample.labels):
        rows, columns = extent.slices
        occupied[max(rows.start, 0) : rows.stop, max(columns.start, 0) : columns.stop] = True
    return occupied


def _place(
    extent: Rectangle, shape: np.ndarray, free: np.ndarray, generator: np.random.Generator
) -> Rectangle | None:
    """Somewhere in the window where all of `shape` is free, if a few tries find it."""
    rooms = np.array([free.shape[0] - extent.height, free.shape[1] - extent.width])
    for top, left in generator.integers(0, rooms + 1, (PLACES, 2)).tolist():
        place = Rectangle(top, left, extent.height, extent.width)
        if free[place.slices][shape].all():
            return place
    return None
