"""Choose among the windows of all scenes, and write them as shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from factory_core.dataset.arrays import NO_BOXES, box_table, new_array, open_array
from factory_core.kernel import io
from factory_core.kernel.compute import progress


def choose_windows(
    tables: Sequence[pd.DataFrame], *, background_share: float, seed: int
) -> pd.DataFrame:
    """All windows with a label, and so many without that they are at most `background_share`.

    Args:
        tables: Windows of each scene, with `labels`, how many each has.
        background_share: 1 keeps all.
        seed: Of the choice of those without.

    Returns:
        Rows of `tables` in their order, with `piece` and `place`: which table, which row.
    """
    windows = pd.concat(
        [table.assign(piece=piece, place=range(len(table))) for piece, table in enumerate(tables)],
        ignore_index=True,
    )
    background = np.flatnonzero(windows["labels"] == 0)
    labelled = np.flatnonzero(windows["labels"] > 0)
    if background_share < 1:
        most = int(len(labelled) * background_share / (1 - background_share))
        background = np.random.default_rng(seed).permutation(background)[:most]
    return windows.iloc[np.sort(np.concatenate([labelled, background]))].reset_index(drop=True)


def write_shards(
    windows: pd.DataFrame, pieces: Sequence[Path], *, shard_windows: int, out: Path
) -> None:
    """Write the chosen windows: images, masks or boxes, and a table of the windows.

    Args:
        windows: As `choose_windows` gives them.
        pieces: Folder of each scene, in the order of `windows.piece`.
        shard_windows: Windows in one file.
        out: Folder to write.
    """
    out.mkdir(exist_ok=True)
    form = "masks" if (pieces[0] / "masks.npy").is_file() else "boxes"
    names = ["images", "masks"] if form == "masks" else ["images"]
    starts = range(0, len(windows), shard_windows)
    for shard, start in enumerate(progress(starts, label=f"shards of {out.name}")):
        rows = windows.iloc[start : start + shard_windows]
        for name in names:
            _gather(rows, pieces, name=name, out=out / f"{name}-{shard:05d}.npy")
    if form == "boxes":
        io.write_table(_gather_boxes(windows, pieces), out / "boxes.parquet")
    table = windows[["scene_id", "row_px", "column_px", "labels"]]
    io.write_table(table.rename_axis("window").reset_index(), out / "windows.parquet")


def measure_bands(folder: Path, *, nodata: float | None) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each band over the shards of `folder`, nodata left out.

    A band that is constant has the deviation 1, so that it can be divided by it.
    """
    total: np.ndarray | float = 0.0
    squares: np.ndarray | float = 0.0
    count = 0
    for path in sorted(folder.glob("images-*.npy")):
        for image in open_array(path):
            pixels = image.reshape(-1, image.shape[-1])
            if nodata is not None:
                pixels = pixels[(pixels != nodata).any(axis=1)]
            wide = pixels.astype(np.float64)
            total = total + wide.sum(axis=0)
            squares = squares + (wide**2).sum(axis=0)
            count += len(pixels)
    mean = np.asarray(total) / count
    deviation = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0.0))
    return mean.tolist(), np.where(deviation > 0, deviation, 1.0).tolist()


def _gather(rows: pd.DataFrame, pieces: Sequence[Path], *, name: str, out: Path) -> None:
    first = open_array(pieces[int(rows["piece"].iloc[0])] / f"{name}.npy")
    shard = new_array(out, (len(rows), *first.shape[1:]), str(first.dtype))
    begin = 0
    for piece, chosen in rows.groupby("piece", sort=True):
        source = open_array(pieces[int(str(piece))] / f"{name}.npy")
        for offset, place in enumerate(chosen["place"]):
            shard[begin + offset] = source[place]
        begin += len(chosen)


def _gather_boxes(windows: pd.DataFrame, pieces: Sequence[Path]) -> pd.DataFrame:
    found = [box_table(NO_BOXES, window=0)]
    for piece, chosen in windows.groupby("piece", sort=True):
        boxes = io.read_table(pieces[int(str(piece))] / "boxes.parquet")
        number = pd.Series(chosen.index, index=chosen["place"])
        boxes = boxes[boxes["window"].isin(number.index)]
        found.append(boxes.assign(window=boxes["window"].map(number)))
    table = pd.concat(found, ignore_index=True)
    return table.sort_values("window", kind="stable", ignore_index=True)
