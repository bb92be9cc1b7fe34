"""Selected scenes -> imagery that the model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from factory_core.kernel import io
from factory_core.kernel.config import build, build_chain, files_of
from factory_core.kernel.geo import Raster
from factory_core.process.chain import Task, apply_chain, fit_chain, from_nodes, to_nodes
from factory_core.process.pixels import blocks, check_alike, check_on_map

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """A selected scene.

    Attributes:
        path: Its raw file.
        bands: Names of its bands.
        companions: Files that go with it, by name.
    """

    path: Path
    bands: tuple[str, ...]
    companions: dict[str, Path]

    def open(self) -> Raster:
        """The raw scene with its companions, to be read by windows."""
        others = {name: io.open_raster(path) for name, path in self.companions.items()}
        return replace(io.open_raster(self.path, bands=self.bands), companions=others)

    def files(self) -> list[Path]:
        """All that is read of it."""
        return [self.path, *self.companions.values()]


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
        "inputs": io.identity(
            [
                catalogue,
                selection,
                *(file for source in sources.values() for file in source.files()),
                *(file for task in tasks for file in files_of(task).values()),
            ]
        ),
    }
    with io.staged(out, key=key) as work:
        kept = work / "process.json"
        if not kept.is_file():
            train = {scene_id: sources[scene_id].open() for scene_id in areas["train"]}
            fitted = fit_chain(tasks, train, areas["train"])
            _check_processed([apply_chain(source.open(), fitted) for source in sources.values()])
            io.write_json({"tasks": to_nodes(fitted)}, kept)
        chain = from_nodes(io.read_json(kept)["tasks"])
        machine = build(config.compute, where="compute")
        write = partial(_write_scene, tasks=chain, folder=work)
        machine.map(write, list(sources.values()), label="process scenes")


def _source(raw: Path, row: pd.Series) -> Source:
    bands = tuple(str(band["name"]) for band in row["bands"])
    paths = {
        name: raw / asset["href"] for name, asset in row["assets"].items() if asset is not None
    }
    return Source(paths.pop("image"), bands, paths)


def _check_processed(rasters: Sequence[Raster]) -> None:
    """Refuse what the stages after this cannot take: one model sees all scenes, on the map."""
    check_alike(
        rasters,
        purpose="leave `process` alike",
        advice="Add `compose_bands` and `to_8bit` to the chain, or leave scenes out by "
        "`select.where`.",
    )
    for raster in rasters:
        check_on_map(raster, part="what comes after process")


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
        blocks=((window, raster.read(window)) for window in blocks(raster.geobox)),
    )
