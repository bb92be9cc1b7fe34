"""Score maps or candidates -> detections."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from geopandas import GeoDataFrame, GeoSeries
from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import SelectionError
from factory_core.postprocess.chain import Chain, check_fences, compose
from factory_core.postprocess.predictions import (
    KINDS,
    find_predictions,
    finish,
    read_predictions,
)


def run(config: DictConfig, *, predictions: Path, selection: Path, split: str, out: Path) -> None:
    """Apply the configured tasks, in order, to every scene of `split`.

    What lies outside the split's part of a scene is dropped, by representative point.

    Raises:
        ConfigError: The tasks stand in an impossible order, or one looks where no scene is;
            nothing has been run then.
        SelectionError: The split has no scene.
        OutputError: Predictions are missing or have scores that are none.
    """
    areas = io.read_areas(selection / "selection.parquet", split)
    if not areas:
        raise SelectionError(
            f"{selection / 'selection.parquet'} has nothing for the split {split!r}. Widen "
            "`select.where`, or give the split a larger share."
        )
    files = find_predictions(predictions, sorted(areas))
    chain = compose(config.postprocess, takes=KINDS[files[0].suffix], where="postprocess")
    check_fences(chain, areas.values(), where="postprocess")
    compute = configuration.build(config.compute, where="compute")
    scenes = [(file, areas[file.stem]) for file in files]
    found = compute.map(partial(_detect, chain), scenes, label=f"postprocess {split}")
    io.write_by_scene(found, out)


def _detect(chain: Chain, scene: tuple[Path, GeoSeries]) -> GeoDataFrame:
    file, area = scene
    return finish(chain(read_predictions(file)), file=file, area=area)
