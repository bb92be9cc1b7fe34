"""Selected scenes -> imagery that the model takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox
from omegaconf import DictConfig

from factory_core.kernel import geo, io
from factory_core.kernel.config import build, build_chain
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.process.chain import Task, apply_chain, fit_chain, from_nodes, to_nodes

BLOCK_PX = 512
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """A selected scene.

    Attributes:
        path: Its raw file.
        bands: Names of its bands.
    """

    path: Path
    bands: tuple[str, ...]

    def open(self) -> Raster:
        """The raw scene, to be read by windows."""
        return io.open_raster(self.path, bands=self.bands)


def run(config: DictConfig, *, raw: Path, catalogue: Path, selection: Path, out: Path) -> None:
    """Fit the configured chain, apply it to every scene of a split, and write COGs to `out`."""
    tasks = build_chain(config.process, where="process")
    table = selection / "selection.parquet"
    areas = {split: io.read_areas(table, split) for split in SPLITS}
    chosen = sorted({scene_id for of_split in areas.values() for scene_id in of_split})
    scenes = io.read_table(catalogue / "scenes.parquet")
    sources = {
        row["id"]: _source(raw, row) for _, row in scenes[scenes["id"].isin(chosen)].iterrows()
    }
    key = {
        "process": config.process,
        "code": config.fingerprint.process,
        "inputs": io.identity([catalogue, selection, *(s.path for s in sources.values())]),
    }
    with io.staged(out, key=key) as work:
        kept = work / "process.json"
        if not kept.is_file():
            train = {scene_id: sources[scene_id].open() for scene_id in areas["train"]}
            fitted = fit_chain(tasks, train, areas["train"])
            _check_alike([apply_chain(source.open(), fitted) for source in sources.values()])
            io.write_json({"tasks": to_nodes(fitted)}, kept)
        chain = from_nodes(io.read_json(kept)["tasks"])
        machine = build(config.compute, where="compute")
        write = partial(_write_scene, tasks=chain, folder=work)
        machine.map(write, list(sources.values()), label="process scenes")


def _source(raw: Path, row: pd.Series) -> Source:
    bands = tuple(str(band["name"]) for band in row["bands"])
    return Source(raw / row["assets"]["image"]["href"], bands)


def _check_alike(rasters: Sequence[Raster]) -> None:
    """Refuse scenes that leave the chain different, for one model takes them all."""
    first = rasters[0]
    for other in rasters:
        if (other.bands, other.dtype) != (first.bands, first.dtype):
            raise SceneError(
                f"Scenes must leave `process` alike. {first.scene_id!r} has "
                f"{', '.join(first.bands)} as {first.dtype}, {other.scene_id!r} has "
                f"{', '.join(other.bands)} as {other.dtype}. Add `compose_bands` and `to_8bit` to "
                "the chain, or leave scenes out by `select.where`."
            )


def _write_scene(source: Source, *, tasks: Sequence[Task], folder: Path) -> None:
    """Write one processed scene, unless an earlier run has finished it."""
    out = folder / f"{source.path.stem}.tif"
    if out.is_file():
        return
    raster = apply_chain(source.open(), tasks)
    io.write_cog(
        out,
        geobox=raster.geobox,
        bands=raster.bands,
        dtype=raster.dtype,
        nodata=raster.nodata,
        blocks=_blocks(raster),
    )


def _blocks(raster: Raster) -> Iterator[tuple[GeoBox, np.ndarray]]:
    height, width = raster.geobox.shape
    for row in range(0, height, BLOCK_PX):
        for column in range(0, width, BLOCK_PX):
            shape = (min(BLOCK_PX, height - row), min(BLOCK_PX, width - column))
            window = geo.window_at(raster.geobox, row=row, column=column, shape=shape)
            yield window, raster.read(window)
