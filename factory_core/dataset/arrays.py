"""Arrays and tables that windows are kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from factory_core.dataset.sample import Boxes, stack_boxes

CORNERS = ["x_min_px", "y_min_px", "x_max_px", "y_max_px"]
NO_BOXES = stack_boxes([], [])


def new_array(path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """A new `.npy` file of zeros, mapped into memory; a plain array where `shape` is empty."""
    if 0 in shape:
        array = np.zeros(shape, dtype)
        np.save(path, array)
        return array
    mapped: np.ndarray = np.lib.format.open_memmap(path, "w+", dtype=np.dtype(dtype), shape=shape)
    return mapped


def open_array(path: Path) -> np.ndarray:
    """An `.npy` file, mapped into memory; what is empty cannot be mapped and is read."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except ValueError:
        array = np.load(path)
    return array


def box_table(boxes: Boxes, *, window: int) -> pd.DataFrame:
    """Boxes of one window as rows: window, corners, class_index."""
    table = pd.DataFrame(boxes.xyxy_px, columns=CORNERS)
    table.insert(0, "window", np.full(len(boxes), window, np.int64))
    table["class_index"] = boxes.classes
    return table
