"""Find objects in raw scenes with a bundle; starts in about a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame, GeoSeries
from pyproj import CRS

from factory_core.bundle.checksums import verify_checksums
from factory_core.bundle.detector import Detector, load_detector
from factory_core.bundle.ground import Ground
from factory_core.bundle.inputs import check_out, find_raw_scenes
from factory_core.bundle.join import join_scenes
from factory_core.bundle.seams import Seen
from factory_core.bundle.under_way import under_way
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, FactoryError, SceneError
from factory_core.kernel.fences import apart, meets

ENDINGS = (".gpkg", ".geojson", ".parquet")
NAMED = 5
# A straight edge is a curve in another CRS; so many points follow it.
POINTS_AN_EDGE = 64


def predict_bundle(
    bundle: Path,
    scenes: Sequence[Path],
    *,
    out: Path,
    join: bool = True,
    tolerance_px: float = 2.0,
) -> str:
    """Detect in `scenes` and write all that is found to `out`, as its ending says.

    GeoPackage and GeoParquet have the CRS in metres of the first scene that could be used, GeoJSON
    has longitude and latitude. Rows are sorted by the names of their scenes. Killed, or with scenes
    that failed, and called again with the same `out`, it does only what is missing.

    Args:
        bundle: Folder that the stage bundle wrote.
        scenes: Raw scenes, and folders of them.
        out: File to write.
        join: Whether an object that several scenes show becomes one detection, see `join_scenes`.
        tolerance_px: For that, how far what goes on over an edge may lie apart, in pixels of
            the model.

    Returns:
        What was written, in one line.

    Raises:
        ConfigError: `tolerance_px` is not above 0.
        OutputError: `out` cannot be written, or has another ending; nothing has been run then.
        ModelError: The bundle is damaged, or a scene does not fit its models.
        SceneError: A scene cannot be read or placed, is given twice, or a folder has none, or all
            lie outside of the polygons inside which the bundle looks. Of several scenes that
            cannot be used, all others are done and written.
    """
    if not tolerance_px > 0:
        raise ConfigError(
            f"`tolerance_px` must be above 0. Received: {tolerance_px}. Start with 2; to join "
            "nothing, say `--no-join`."
        )
    check_out(out, endings=ENDINGS)
    verify_checksums(bundle)
    detector = load_detector(bundle)
    paths = find_raw_scenes(scenes, companions=detector.companions)
    detections: dict[str, GeoDataFrame] = {}
    grounds: dict[str, Ground] = {}
    failed: dict[str, FactoryError] = {}
    with under_way(out, bundle=bundle, detector=detector) as work:
        for path in paths:
            try:
                detections[path.stem], grounds[path.stem] = work.find(path)
            except FactoryError as error:
                if len(paths) == 1:
                    raise
                failed[path.stem] = error
        if detections:
            _check_fences(detector, detections, grounds)
            tolerance_m = tolerance_px * detector.engine.ensemble.signature.resolution_m
            shown = grounds if join else {}
            table = gather(detections, shown, tolerance_m=tolerance_m, detector=detector)
            io.write_vectors(table, out)
        if failed:
            _report(failed, out, scenes=len(paths))
    return f"{out}: {_counted(len(table), 'detection')} in {_counted(len(paths), 'scene')}."


def _check_fences(
    detector: Detector, detections: Mapping[str, GeoDataFrame], grounds: Mapping[str, Ground]
) -> None:
    """Refuse scenes in which nothing was found because the bundle does not look there."""
    if any(len(frame) for frame in detections.values()):
        return
    shown = [
        GeoSeries([ground.shape], crs=detections[name].crs)
        for name, ground in grounds.items()
        if not ground.shape.is_empty
    ]
    for name, polygons in detector.chain.fences():
        if shown and not meets(polygons, shown):
            named = f"What the bundle looks inside of by its task `{name}`"
            advice = "give scenes from there"
            raise SceneError(apart(polygons, shown, named=named, advice=advice))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def gather(
    detections: Mapping[str, GeoDataFrame],
    grounds: Mapping[str, Ground],
    *,
    tolerance_m: float,
    detector: Detector,
) -> GeoDataFrame:
    """One table of the detections of several scenes, in the CRS of the first.

    What a scene's edge changed, or another CRS, is measured again by the parts of the chain that
    add measures.

    Args:
        detections: By scene.
        grounds: What each scene shows, in the CRS of its detections; empty: nothing is joined.
        tolerance_m: See `Seen`.
        detector: What found them.
    """
    crs = next(iter(detections.values())).crs
    names = sorted(detections)
    frames = [detections[name] for name in names]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    table = GeoDataFrame(pd.concat([one.to_crs(crs) for one in filled], ignore_index=True))
    joined = np.zeros(len(table), bool)
    if grounds:
        scene = np.repeat(np.arange(len(names)), [len(frame) for frame in frames])
        placed = [_placed(grounds[name], detections[name].crs, to=crs) for name in names]
        seen = Seen(table, scene, placed, tolerance_m)
        table, joined = join_scenes(seen, boxes=detector.gives_boxes)
    moved = [name for name in names if detections[name].crs != crs]
    return _measured_again(table, joined | table["scene_id"].isin(moved), detector)


def _placed(ground: Ground, crs: CRS, *, to: CRS) -> Ground:
    """The ground in another CRS, its edges as bent as they are there."""
    if crs == to:
        return ground
    step = max(np.ptp(shapely.bounds(ground.shape).reshape(2, 2), axis=0)) / POINTS_AN_EDGE
    bent = shapely.segmentize(ground.shape, step)
    return replace(ground, shape=GeoSeries([bent], crs=crs).to_crs(to).iloc[0])


def _measured_again(table: GeoDataFrame, rows: pd.Series, detector: Detector) -> GeoDataFrame:
    """The table with new measures in `rows`, where the chain measures."""
    again = table[rows]
    for _, part in detector.chain.tasks:
        if getattr(part, "adds", ()) and len(again):
            again = part(again)
    left = [frame for frame in (table[~rows], again) if len(frame)] or [table[:0]]
    return GeoDataFrame(pd.concat(left).sort_index().reset_index(drop=True))


def _report(failed: Mapping[str, FactoryError], out: Path, *, scenes: int) -> None:
    """Raise for all scenes that failed, with the kind of error that they share."""
    kinds = {type(error) for error in failed.values()}
    kind = kinds.pop() if len(kinds) == 1 else SceneError
    shown = [f"{name}: {error}" for name, error in failed.items()][:NAMED]
    more = f" ({len(failed) - NAMED} more)" if len(failed) > NAMED else ""
    done = (
        f"{out} holds the detections of the others"
        if len(failed) < scenes
        else f"{out} has not been written"
    )
    raise kind(
        f"{len(failed)} of {scenes} scenes could not be used; {done}.{more} Mend them, or leave "
        "them out, and call again: only what is missing is done.\n" + "\n".join(shown)
    )
