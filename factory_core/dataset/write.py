"""Choose among the windows of all scenes, and write them as shards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from factory_core.dataset.arrays import ArrayWriter, box_numbers, box_table
from factory_core.dataset.cut import Cut
from factory_core.dataset.sample import LAYERS, Boxes, Labels, OrientedBoxes
from factory_core.dataset.target import Target
from factory_core.kernel import io
from factory_core.kernel.geo import window_at

# Neighbours are read at once up to this width; and so many reads run ahead of the writing.
RUN_PX = 4096
AHEAD = 2
# Of each window, so many rows count for the mean of the bands.
ROWS_APART = 4


@dataclass(frozen=True)
class Shard:
    """The windows of one file.

    Attributes:
        split: `train` or `val`.
        name: `00000`, the end of the file's name.
        cuts: One a scene, in the order of the windows.
        measured: `(window,)` bool: those whose pixels count for the mean of the bands.
    """

    split: str
    name: str
    cuts: tuple[Cut, ...]
    measured: np.ndarray

    def __len__(self) -> int:
        return sum(map(len, self.cuts))


@dataclass(frozen=True)
class Written:
    """What a shard became.

    Attributes:
        kept: `(window,)` bool: those that turned out to have data.
        totals: `(3, band)` over the pixels with data of the measured windows: their number, the
            sum and the sum of squares of each band.
        box_windows: `(n,)` number of the window in the shard, of each box.
        box_numbers: `(n, 4)` or `(n, 5)`, see `box_numbers`; `(0, 0)` for forms without boxes.
        box_classes: `(n,)` index of the class.
    """

    kept: np.ndarray
    totals: np.ndarray
    box_windows: np.ndarray
    box_numbers: np.ndarray
    box_classes: np.ndarray


def choose_windows(table: pd.DataFrame, *, background_share: float, seed: int) -> np.ndarray:
    """All windows with a label, and so many without that they are at most `background_share`.

    Args:
        table: Windows with `labels`, how many each has.
        background_share: 1 keeps all.
        seed: Of the choice of those without.

    Returns:
        Rising numbers of rows of `table`.
    """
    background = np.flatnonzero(table["labels"] == 0)
    labelled = np.flatnonzero(table["labels"] > 0)
    if background_share < 1:
        most = int(len(labelled) * background_share / (1 - background_share))
        background = np.random.default_rng(seed).permutation(background)[:most]
    return np.sort(np.concatenate([labelled, background]))


def make_shards(
    cuts: Sequence[Cut], chosen: np.ndarray, *, split: str, shard_windows: int, measured: int
) -> list[Shard]:
    """Deal the chosen windows of all scenes out to shards, in their order.

    Args:
        cuts: All windows, scene after scene.
        chosen: Rising numbers of those to write.
        split: `train` or `val`.
        shard_windows: Windows in one file.
        measured: Most windows whose pixels are measured, spread evenly.
    """
    step = max(1, -(-len(chosen) // measured)) if measured else len(chosen) + 1
    measure = np.arange(1, len(chosen) + 1) % step == 0
    stops = np.cumsum([len(cut) for cut in cuts])
    scene = np.searchsorted(stops, chosen, side="right")
    place = chosen - np.concatenate([[0], stops[:-1]])[scene]
    shards = []
    for number, start in enumerate(range(0, len(chosen), shard_windows)):
        here = slice(start, start + shard_windows)
        parts = [cuts[i].take(place[here][scene[here] == i]) for i in np.unique(scene[here])]
        shards.append(Shard(split, f"{number:05d}", tuple(parts), measure[here]))
    return shards


def write_shard(shard: Shard, *, target: Target, out: Path, finished: Path) -> Written:
    """Write images, and masks where there are any, unless they were written before.

    A window in which no pixel has data is left out.

    Args:
        shard: Windows to cut.
        target: Draws their labels.
        out: Folder of the dataset.
        finished: Folder that remembers what a shard that is whole became.
    """
    note = finished / f"{shard.split}-{shard.name}.npz"
    if note.is_file():
        with np.load(note) as content:
            return Written(**{field.name: content[field.name] for field in fields(Written)})
    raster = io.open_raster(shard.cuts[0].path)
    side = shard.cuts[0].size_px
    shape = (len(shard), side, side)
    layers = LAYERS.get(target.form, ())
    image = np.empty((side, side, len(raster.bands)), raster.dtype)
    totals = np.zeros((3, len(raster.bands)))
    boxes: list[tuple[int, Boxes | OrientedBoxes]] = []
    kept = np.zeros(len(shard), bool)
    with ExitStack() as files:
        images = _open(
            files,
            out / shard.split / f"images-{shard.name}.npy",
            (*shape, len(raster.bands)),
            raster.dtype,
        )
        masks = None
        if layers:
            of_layers = shape if len(layers) == 1 else (*shape, len(layers))
            masks = _open(files, out / shard.split / f"masks-{shard.name}.npy", of_layers, "uint8")
        for number, (pixels, drawn) in enumerate(_windows(shard.cuts, target)):
            if raster.nodata is not None and _is_empty(pixels, nodata=raster.nodata):
                continue
            kept[number] = True
            if isinstance(drawn, Boxes | OrientedBoxes):
                boxes.append((images.count, drawn))
            elif masks is not None:
                masks.append(drawn)
            if shard.measured[number]:
                totals += _totals(pixels[:, ::ROWS_APART], nodata=raster.nodata)
            for band, values in enumerate(pixels):
                image[..., band] = values
            images.append(image)
    written = _sum_up(kept, totals, boxes)
    with io.staged_file(note) as work:
        np.savez(work, **{field.name: getattr(written, field.name) for field in fields(Written)})
    return written


def _open(files: ExitStack, path: Path, shape: tuple[int, ...], dtype: str) -> ArrayWriter:
    return files.enter_context(ArrayWriter(path, shape, dtype))


def _windows(cuts: Sequence[Cut], target: Target) -> Iterator[tuple[np.ndarray, Labels]]:
    """Pixels `(band, height, width)` and labels of each window."""
    for cut, run, pixels in _read_runs(cuts):
        # Pixels of labels are drawn for a run at once, boxes are cut at each window.
        strip = target(cut.labels_of(run)) if target.form in LAYERS else None
        for window in run:
            first = cut.corners_px[window, 1] - cut.corners_px[run.start, 1]
            here = slice(first, first + cut.size_px)
            one = range(window, window + 1)
            labels = strip[:, here] if isinstance(strip, np.ndarray) else target(cut.labels_of(one))
            yield pixels[:, :, here], labels


def _read_runs(cuts: Sequence[Cut]) -> Iterator[tuple[Cut, range, np.ndarray]]:
    """Pixels of windows that stand side by side, read in a thread ahead of their use."""
    with ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[Cut, range, Future[np.ndarray]]] = deque()
        for cut in cuts:
            raster = io.open_raster(cut.path)
            for run in _runs(cut):
                row, column = map(int, cut.corners_px[run.start])
                place = window_at(raster.geobox, row=row, column=column, shape=cut.shape_of(run))
                waiting.append((cut, run, reader.submit(raster.read, place)))
                if len(waiting) > AHEAD:
                    ready, windows, reading = waiting.popleft()
                    yield ready, windows, reading.result()
        for ready, windows, reading in waiting:
            yield ready, windows, reading.result()


def _runs(cut: Cut) -> Iterator[range]:
    """Windows that stand side by side, so that one read gives them all."""
    rows, columns = cut.corners_px.T
    start = 0
    for stop in range(1, len(cut) + 1):
        if stop < len(cut):
            step = columns[stop] - columns[stop - 1]
            beside = rows[stop] == rows[start] and 0 < step <= cut.size_px
            if beside and columns[stop] + cut.size_px - columns[start] <= max(RUN_PX, cut.size_px):
                continue
        yield range(start, stop)
        start = stop


def _is_empty(pixels: np.ndarray, *, nodata: float) -> bool:
    """Whether no pixel has data; the first row mostly says so at once."""
    return bool((pixels[:, 0] == nodata).all() and (pixels == nodata).all())


def _totals(pixels: np.ndarray, *, nodata: float | None) -> np.ndarray:
    """Count, sum and sum of squares of each band over the pixels with data: `(3, band)`."""
    wide = pixels.astype(np.float64)
    totals = np.empty((3, len(pixels)))
    totals[0] = pixels[0].size
    totals[1] = wide.sum(axis=(1, 2))
    totals[2] = np.einsum("bhw,bhw->b", wide, wide)
    if nodata is not None:
        without = np.count_nonzero((pixels == nodata).all(axis=0))
        totals -= without * np.array([[1.0], [nodata], [nodata**2]])
    return totals


def _sum_up(
    kept: np.ndarray, totals: np.ndarray, boxes: Sequence[tuple[int, Boxes | OrientedBoxes]]
) -> Written:
    numbers = [box_numbers(drawn) for _, drawn in boxes]
    return Written(
        kept,
        totals,
        np.repeat([window for window, _ in boxes], [len(drawn) for _, drawn in boxes]),
        np.concatenate(numbers) if numbers else np.zeros((0, 0), np.float32),
        np.concatenate([drawn.classes for _, drawn in boxes]) if boxes else np.zeros(0, np.int64),
    )


def write_tables(windows: pd.DataFrame, shards: Sequence[Written], *, form: str, out: Path) -> None:
    """Write `windows.parquet`, and `boxes.parquet` for forms that are boxes."""
    io.write_table(windows.rename_axis("window").reset_index(), out / "windows.parquet")
    if form in LAYERS:
        return
    first = np.cumsum([0, *(shard.kept.sum() for shard in shards)])
    tables = [
        box_table(start + shard.box_windows, shard.box_numbers, shard.box_classes, form=form)
        for start, shard in zip(first[:-1], shards, strict=True)
    ]
    io.write_table(pd.concat(tables, ignore_index=True), out / "boxes.parquet")


def measure_bands(shards: Iterable[Written]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each band over what was measured, without nodata.

    A band that is constant has the deviation 1, so that it can be divided by it.
    """
    pixels, sums, squares = np.sum([shard.totals for shard in shards], axis=0)
    mean = sums / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 0.0))
    return mean.tolist(), np.where(deviation > 0, deviation, 1.0).tolist()
