"""Read the windows that the stage dataset wrote, by their number, without loading them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from factory_core.dataset.arrays import BOX_COLUMNS, open_array
from factory_core.dataset.sample import Boxes, Form, OrientedBoxes, Sample
from factory_core.kernel import io


@dataclass(frozen=True)
class Stats:
    """What all windows share, `stats.json`.

    Attributes:
        form: What the labels are, see `Sample`.
        bands: Name of each band.
        dtype: numpy type of the pixels.
        nodata: Value of the pixels without data, or None.
        classes: Name of each class, in the order of the model's outputs.
        resolution_m: Side of a pixel in metres.
        window_px: Side of a window.
        mean: Mean of each band over train: over every fourth row of at most 2,000 windows.
        deviation: Standard deviation of each band over the same pixels.
        windows: Number of windows of each split.
        labelled: Number of windows with a label, of each split.
    """

    form: Form
    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    classes: tuple[str, ...]
    resolution_m: float
    window_px: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    windows: dict[str, int]
    labelled: dict[str, int]


def read_stats(dataset: Path) -> Stats:
    """The `stats.json` of a dataset."""
    content: dict[str, Any] = io.read_json(dataset / "stats.json")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    return Stats(**values)


class Shards:
    """The windows of one split, opened by memory map.

    Args:
        folder: `train` or `val` of a dataset.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._images = [open_array(path) for path in sorted(folder.glob("images-*.npy"))]
        self._masks = [open_array(path) for path in sorted(folder.glob("masks-*.npy"))]
        self._first = np.cumsum([0, *(len(shard) for shard in self._images)])
        dtypes = {shard.dtype for shard in self._images}
        self._top = float(max((np.iinfo(dtype).max for dtype in dtypes), default=0))

    @property
    def counts(self) -> dict[str, int]:
        """Number of windows of each shard, by the name of its file of images."""
        names = sorted(path.name for path in self.folder.glob("images-*.npy"))
        return {name: len(shard) for name, shard in zip(names, self._images, strict=True)}

    @cached_property
    def classes_seen(self) -> set[int]:
        """Indices of the classes that a label is of."""
        if not self._masks:
            return {int(number) for boxes in self._boxes for number in boxes.classes}
        layers = (shard if shard.ndim == 3 else shard[..., 0] for shard in self._masks)
        counts = sum(np.bincount(window.ravel(), minlength=256) for s in layers for window in s)
        return {int(number) - 1 for number in np.flatnonzero(counts) if number}

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, window: int) -> Sample:
        """Window number `window`, its image as float32."""
        shard = int(np.searchsorted(self._first, window, side="right")) - 1
        place = window - int(self._first[shard])
        image = self._images[shard][place].astype(np.float32)
        labels = np.array(self._masks[shard][place]) if self._masks else self._boxes[window]
        return Sample(image, labels, self._top)

    @cached_property
    def _boxes(self) -> list[Boxes | OrientedBoxes]:
        table = io.read_table(self.folder / "boxes.parquet")
        oriented = set(BOX_COLUMNS["oriented_boxes"]) <= set(table.columns)
        kind = OrientedBoxes if oriented else Boxes
        columns = BOX_COLUMNS["oriented_boxes" if oriented else "boxes"]
        numbers = table[columns].to_numpy(np.float32)
        classes = table["class_index"].to_numpy(np.int64)
        stops = np.searchsorted(table["window"].to_numpy(), np.arange(len(self) + 1))
        return [kind(numbers[start:stop], classes[start:stop]) for start, stop in pairwise(stops)]
