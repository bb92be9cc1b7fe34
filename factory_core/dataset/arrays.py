"""Files that windows are kept in: arrays as `.npy`, boxes as columns of a table."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.kernel.errors import OutputError

# Columns of `boxes.parquet` for each form that is boxes, after `window` and before `class_index`.
BOX_COLUMNS = {
    "boxes": ["x_min_px", "y_min_px", "x_max_px", "y_max_px"],
    "oriented_boxes": ["x_px", "y_px", "length_px", "width_px", "angle_rad"],
}


class ArrayWriter:
    """Writes an `.npy` file window by window, at most as many as were announced.

    Plain writing is three times as fast as filling a file that is mapped into memory.

    Args:
        path: File to write.
        shape: Of the whole array, if all windows come.
        dtype: numpy type of its values.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.count = 0

    def __enter__(self) -> Self:
        self._file = self.path.open("wb")
        self._write_header(self.shape[0])
        return self

    def append(self, values: np.ndarray) -> None:
        """Add one window.

        Raises:
            ValueError: It has another shape or type than the array.
        """
        if (values.shape, values.dtype) != (self.shape[1:], self.dtype):
            raise ValueError(
                f"{self.path} holds windows of {self.shape[1:]} {self.dtype}. Received: "
                f"{values.shape} {values.dtype}."
            )
        self._file.write(np.ascontiguousarray(values).data)
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.count < self.shape[0]:
            self._file.seek(0)
            self._write_header(self.count)
        self._file.close()
        if self.count == 0:
            self.path.unlink()

    def _write_header(self, count: int) -> None:
        """The header, which numpy makes as long for any number of windows."""
        shape = (count, *self.shape[1:])
        content = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(self._file, content)


def open_array(path: Path) -> np.ndarray:
    """An `.npy` file, mapped into memory.

    Raises:
        OutputError: It is empty or cut short.
    """
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise OutputError(
            f"{path} is damaged ({error}). Run the stage dataset, or `dvc pull`, again."
        ) from error
    return array


def box_numbers(boxes: Boxes | OrientedBoxes) -> np.ndarray:
    """Numbers of each box `(n, 4)` or `(n, 5)` float32, in the order of `BOX_COLUMNS`."""
    return boxes.xyxy_px if isinstance(boxes, Boxes) else boxes.xylwa


def box_table(
    windows: np.ndarray, numbers: np.ndarray, classes: np.ndarray, *, form: str
) -> pd.DataFrame:
    """Boxes as rows: window, their numbers, class_index."""
    columns = BOX_COLUMNS[form]
    table = pd.DataFrame(numbers.astype(np.float32).reshape(-1, len(columns)), columns=columns)
    table.insert(0, "window", windows.astype(np.int64))
    table["class_index"] = classes.astype(np.int64)
    return table
