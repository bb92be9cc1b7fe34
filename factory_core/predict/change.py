"""Models brought to the chosen precision, and refused where that costs too much."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer

from factory_core.kernel import io
from factory_core.kernel.errors import ModelError, SelectionError
from factory_core.predict.accuracy import COUNTS_FROM, FOUND_FROM, Loss, measure_loss
from factory_core.predict.engine import Engine, load_engine, read_window
from factory_core.predict.precision import Float32
from factory_core.predict.settings import Settings
from factory_core.predict.views import Views

REPORT = "precision.json"
# A folder with a dot in front is no result, see `scenes.begin`.
CHANGED = ".models"


def change_models(
    paths: Sequence[Path],
    settings: Settings,
    *,
    models: Path,
    scenes: Path,
    selection: Path,
    folder: Path,
    weights: Sequence[float] | None = None,
) -> list[Path]:
    """Bring models to `settings.precision`, and measure on windows of val what that costs.

    Args:
        paths: The models as they were exported.
        settings: The section `predict`.
        models: Folder that all of them lie in.
        scenes: Processed scenes.
        selection: What of them is train, for ranges, and val.
        folder: Where changed models and `precision.json` are kept; what is there is not made again.
        weights: How much each model counts; None: all the same.

    Returns:
        The changed models; `paths` themselves where nothing is to be changed.

    Raises:
        ModelError: It costs more than `max_score_loss`, or no window tells.
        SelectionError: There is no window of train or val.
        ConfigError: What changes models is not installed.
    """
    precision = settings.precision
    if not precision.check_windows:
        return list(paths)
    plain = replace(settings, precision=Float32(), views=Views())
    exact = load_engine(paths, plain, weights=weights)
    windows = partial(_windows, exact, scenes=scenes, selection=selection, seed=precision.seed)
    found = []
    for path in paths:
        changed = folder / path.relative_to(models)
        if not changed.exists():
            changed.parent.mkdir(parents=True, exist_ok=True)
            partly = changed.with_suffix(".partial")
            precision.convert(
                path, partly, windows=windows("train", count=precision.calibration_windows)
            )
            os.replace(partly, changed)
        found.append(changed)
    if not (folder / REPORT).exists():
        other = load_engine(found, replace(plain, precision=precision), weights=weights)
        loss = _measure(exact, other, windows("val", count=precision.check_windows))
        report = {"precision": precision.name, **asdict(loss)}
        report["max_score_loss"] = precision.max_score_loss
        io.write_json(report, folder / REPORT)
    report = io.read_json(folder / REPORT)
    check_loss(report)
    typer.echo(f"precision={precision.name}: {describe_loss(report)}.")
    return found


def describe_loss(report: Mapping[str, Any]) -> str:
    """What `precision.json` tells, as half a sentence."""
    differ = (
        f"on {report['windows']} windows of val scores differ from those of 32 bits by "
        f"{report['mean']:.4f} in the mean and {report['max']:.3f} at most"
    )
    if report["iou"] is None:
        return f"{differ}, and neither finds anything with a score of {FOUND_FROM}"
    return f"{differ}, and {report['iou']:.3f} of what either finds is common to both"


def identity_of_change(settings: Settings, *, scenes: Path, selection: Path) -> list[Any]:
    """What changed models depend on beside the models and the settings, for `io.staged`."""
    if not settings.precision.check_windows:
        return []
    table = selection / "selection.parquet"
    names = {name for split in ("train", "val") for name in io.read_areas(table, split)}
    return io.identity([table, *(scenes / f"{name}.tif" for name in sorted(names))])


def keep_report(folder: Path, out: Path) -> None:
    """Leave of changed models in `folder` only `precision.json`, in `out`."""
    if folder.exists():
        os.replace(folder / REPORT, out / REPORT)
        shutil.rmtree(folder)


def check_loss(report: dict[str, Any]) -> None:
    """Refuse what `precision.json` tells of.

    Raises:
        ModelError: The mean difference is over the bound, or nothing was compared.
    """
    name, bound = report["precision"], report["max_score_loss"]
    if not report["compared"]:
        raise ModelError(
            f"What precision={name} costs cannot be told: in none of {report['windows']} windows "
            f"of val the models give a score of {COUNTS_FROM} or more. Raise "
            "`predict.precision.check_windows`, or choose precision=float32."
        )
    if report["mean"] > bound:
        raise ModelError(
            f"precision={name} costs too much, over the bound of {bound}: {describe_loss(report)}. "
            "Choose precision=float32, raise `predict.precision.calibration_windows` where it has "
            "that, or the bound, `predict.precision.max_score_loss`, where you can bear it."
        )


def _measure(exact: Engine, other: Engine, windows: Iterator[np.ndarray]) -> Loss:
    try:
        return measure_loss(exact.ensemble, other.ensemble, windows)
    except ModelError as error:
        of_other = [path for path, _ in other.ensemble.members if str(path) in str(error)]
        if not of_other:
            raise
        name = other.settings.precision.name
        raise ModelError(
            f"The models do not bear precision={name}: {error} As exported they give scores. "
            "Choose precision=float32, or one with other numbers."
        ) from error


def _windows(
    engine: Engine, split: str, *, scenes: Path, selection: Path, count: int, seed: int
) -> Iterator[np.ndarray]:
    """Up to `count` windows `(side, side, band)` with data of `split`, of many scenes."""
    if not count:
        return
    areas = io.read_areas(selection / "selection.parquet", split)
    chance = np.random.default_rng(seed)
    names = chance.permutation(sorted(areas))[:count].tolist()
    left = count
    for number, name in enumerate(names):
        share = -(-left // (len(names) - number))
        plan = engine.plan(io.open_raster(scenes / f"{name}.tif"), area=areas[name])
        for place in chance.permutation(np.argwhere(plan.wanted)).tolist():
            window = read_window(plan, (place[0], place[1]))
            if window is not None:
                yield window
                left, share = left - 1, share - 1
            if not share:
                break
    if left == count:
        raise SelectionError(
            f"{selection / 'selection.parquet'} has no ground with data for the split {split!r}, "
            "by which predict.precision goes. Give it a share of the scenes, or choose "
            "precision=float32."
        )
