"""One scene through the network, block by block, in memory that does not grow with the scene."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice, takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import shapely
from geopandas import GeoSeries

from factory_core.kernel.errors import ModelError
from factory_core.kernel.geo import Raster, window_at
from factory_core.predict import candidates, score_maps
from factory_core.predict.layout import Layout, lay_out
from factory_core.predict.model import Ensemble, load_ensemble
from factory_core.predict.settings import Settings, check_overlap
from factory_core.predict.signature import BOX_NUMBERS, read_precision

Item = TypeVar("Item")
Block = tuple[int, int]
Place = tuple[int, int]
ENDINGS = {"score_map": ".tif", "boxes": ".parquet", "oriented_boxes": ".parquet"}


@dataclass(frozen=True)
class Plan:
    """A scene, its windows, and which of them are worth computing.

    Attributes:
        raster: The scene as the model takes it.
        layout: Its windows and blocks.
        wanted: `(row, column)` of windows, True where one touches the area asked for.
    """

    raster: Raster
    layout: Layout
    wanted: np.ndarray

    @property
    def windows(self) -> int:
        """How many windows are wanted; of those without data the network sees none."""
        return int(self.wanted.sum())

    @property
    def blocks(self) -> list[Block]:
        """Row and column of each block with a wanted window."""
        rows, columns = self.layout.rows.blocks, self.layout.columns.blocks
        return [
            (row, column)
            for row in range(len(rows))
            for column in range(len(columns))
            if self.wanted[np.ix_(rows[row], columns[column])].any()
        ]


@dataclass(frozen=True)
class Engine:
    """Runs models over scenes of any size.

    A block of windows is the unit of work: computed in any order and by any process,
    stored once, put together at the end.

    Attributes:
        ensemble: Models whose scores are averaged, or whose boxes are put together.
        settings: How.
    """

    ensemble: Ensemble
    settings: Settings

    @property
    def ending(self) -> str:
        """Ending of the files it writes: of a raster, or of a table."""
        return ENDINGS[self.ensemble.signature.task]

    def plan(self, raster: Raster, *, area: GeoSeries | None = None) -> Plan:
        """Check a scene against the models and cut it into windows.

        Args:
            raster: The scene.
            area: Polygons in any CRS that bound what is computed; None: the whole scene.

        Raises:
            ModelError: The scene does not fit the models.
            ConfigError: The overlap is not smaller than the window.
        """
        self.ensemble.check(raster)
        window_px = self.ensemble.signature.window_px
        overlap_px = self.settings.overlap_px
        check_overlap(overlap_px, window_px=window_px)
        layout = lay_out(raster.geobox, window_px=window_px, overlap_px=overlap_px)
        return Plan(raster, layout, _touching(raster, layout, area))

    def compute(self, jobs: Sequence[tuple[Plan, Block, Path]]) -> None:
        """Run the network over blocks of any scenes, whose windows share batches.

        Args:
            jobs: Plan of a scene, a block of it, and the folder for its result; what is there
                already is not computed again.
        """
        todo = [job for job in jobs if not _file(job[2], job[1]).exists()]
        windows = (
            (number, place, pixels)
            for number, (plan, block, _) in enumerate(todo)
            for place, pixels in _read_windows(plan, block)
        )
        left = iter(range(len(todo)))
        # What was found is put together while the network computes the next batch.
        for number, of_job in groupby(_ahead(self._run(windows)), key=itemgetter(0)):
            for empty in takewhile(number.__ne__, left):
                self._keep(todo[empty], ())
            self._keep(todo[number], ((places, result) for _, places, result in of_job))
        for empty in left:
            self._keep(todo[empty], ())

    def _run(
        self, windows: Iterator[tuple[int, Place, np.ndarray]]
    ) -> Iterator[tuple[int, tuple[Place, ...], Any]]:
        """What the network gives for `windows` of jobs, told apart by job again."""
        maps = self.ensemble.signature.task == "score_map"
        for batch in _ahead(_batches(windows, size=self.settings.batch_size)):
            numbers, places, images = zip(*batch, strict=True)
            stacked = np.stack(images)
            result: Any = (
                self.ensemble.score_maps(stacked) if maps else self.ensemble.boxes(stacked)
            )
            for number in dict.fromkeys(numbers):
                theirs = slice(numbers.index(number), len(numbers) - numbers[::-1].index(number))
                of_job = result[theirs] if maps else tuple(part[theirs] for part in result)
                yield number, places[theirs], of_job

    def _keep(self, job: tuple[Plan, Block, Path], found: Iterable[Any]) -> None:
        """Put what was found in the windows of a block together, and keep it."""
        plan, block, folder = job
        signature = self.ensemble.signature
        if signature.task == "score_map":
            result = score_maps.sum_block(
                found,
                block,
                layout=plan.layout,
                classes=len(signature.classes),
                blend=self.settings.blend,
            )
        else:
            result = candidates.collect_block(
                found,
                layout=plan.layout,
                numbers=BOX_NUMBERS[signature.task],
                cores_only=self.settings.merge.cores_only,
            )
        file = _file(folder, block)
        # A worker that was given up may still be writing the same block.
        beside = file.with_suffix(f".{uuid4().hex}.npy")
        np.save(beside, result)
        os.replace(beside, file)

    def write(self, plan: Plan, *, folder: Path, out: Path) -> None:
        """Put the blocks in `folder` together and write them to `out`."""
        files = {block: _file(folder, block) for block in plan.blocks}
        signature = self.ensemble.signature
        if signature.task == "score_map":
            score_maps.write(
                files, out, layout=plan.layout, raster=plan.raster, classes=signature.classes
            )
        else:
            candidates.write(
                list(files.values()),
                out,
                raster=plan.raster,
                signature=signature,
                merge=partial(self.settings.merge.of, voters=self.ensemble.voters),
            )


def load_engine(
    paths: Sequence[Path], settings: Settings, *, weights: Sequence[float] | None = None
) -> Engine:
    """Load models and what is chosen of a prediction.

    Args:
        paths: A file each.
        settings: The section `predict`.
        weights: How much each model counts; None: all the same.

    Raises:
        ModelError: A file is damaged or does not state what it takes, two differ, or one
            computes in other numbers than are chosen.
        ConfigError: The provider is not installed, or does not start.
    """
    ensemble = load_ensemble(
        paths, weights=weights, provider=settings.provider, views=settings.views.all()
    )
    for path, session in ensemble.members:
        stated = read_precision(session)
        if stated != settings.precision.name:
            raise ModelError(
                f"{path} computes in {stated}, and `predict.precision` is "
                f"{settings.precision.name}. A model runs as it was measured: choose "
                f"precision={stated}, or write the model again."
            )
    return Engine(ensemble, settings)


def _touching(raster: Raster, layout: Layout, area: GeoSeries | None) -> np.ndarray:
    """Which windows share a pixel with `area`, `(row, column)` bool."""
    rows, columns = np.array(layout.rows.starts), np.array(layout.columns.starts)
    if area is None:
        return np.ones((len(rows), len(columns)), bool)
    inverse = ~raster.geobox.affine
    placed = area.to_crs(str(raster.geobox.crs)).affine_transform(
        [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    )
    polygon = placed.union_all()
    shapely.prepare(polygon)
    top, left = np.meshgrid(rows, columns, indexing="ij")
    # A hundredth of a pixel less, so that windows which only share an edge do not count.
    bottom, right = top + layout.window_px - 0.01, left + layout.window_px - 0.01
    windows = shapely.box(left + 0.01, top + 0.01, right, bottom)
    return np.asarray(shapely.intersects(polygon, windows))


def _read_windows(plan: Plan, block: Block) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Place in the layout and pixels `(height, width, band)` of the windows worth computing."""
    raster, layout = plan.raster, plan.layout
    side = layout.window_px
    for row in layout.rows.blocks[block[0]]:
        columns = [c for c in layout.columns.blocks[block[1]] if plan.wanted[row, c]]
        if not columns:
            continue
        first = layout.columns.starts[columns[0]]
        width = layout.columns.starts[columns[-1]] + side - first
        start = layout.rows.starts[row]
        strip = raster.read(window_at(raster.geobox, row=start, column=first, shape=(side, width)))
        pixels = np.moveaxis(strip, 0, -1)
        for column in columns:
            left = layout.columns.starts[column] - first
            window = pixels[:, left : left + side]
            if _has_data(window, raster.nodata):
                yield (row, column), window


def read_window(plan: Plan, place: tuple[int, int]) -> np.ndarray | None:
    """Pixels `(height, width, band)` of one window of a scene; None where it has no data."""
    raster, side = plan.raster, plan.layout.window_px
    row, column = plan.layout.rows.starts[place[0]], plan.layout.columns.starts[place[1]]
    pixels = raster.read(window_at(raster.geobox, row=row, column=column, shape=(side, side)))
    window = np.moveaxis(pixels, 0, -1)
    return window if _has_data(window, raster.nodata) else None


def _has_data(pixels: np.ndarray, nodata: float | None) -> bool:
    if nodata is None:
        return True
    empty = np.isnan(pixels) if np.isnan(nodata) else pixels == nodata
    return not empty.all()


def _batches(items: Iterator[Item], *, size: int) -> Iterator[list[Item]]:
    while batch := list(islice(items, size)):
        yield batch


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Pass `items` on, each made in a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _file(folder: Path, block: Block) -> Path:
    return folder / f"{block[0]:04d}-{block[1]:04d}.npy"
