"""What `factory export` does: labels or detections out, for the tools of others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import geopandas as gpd
import pandas as pd

from factory_core.catalogue.labels import find_labels, place_labels
from factory_core.kernel import geo, io
from factory_core.kernel.errors import LabelError, OutputError, SceneError
from factory_core.sources import deposit
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.exchange import build_format, table
from factory_core.sources.images import Image, ImageFolder

LONGITUDE_LATITUDE = "EPSG:4326"


def export_labels(
    form: str,
    *,
    raw: Path,
    out: Path,
    labels: str = "labels/*",
    scenes: str = "*",
    detections: Path | None = None,
    settings: Sequence[str] = (),
) -> Iterator[str]:
    """Write labels, or detections, on the scenes of `raw` in another format.

    Args:
        form: Name of the format.
        raw: Holds `scenes/`.
        out: File or folder to write, by the format; it must not be there yet.
        labels: Glob under `raw` of the labels to take.
        scenes: Pattern of the ids of the scenes to take; those without labels go out as
            background.
        detections: GeoParquet of detections to take in their place, with the scenes it names.
        settings: `key=value` for the options of the format.

    Returns:
        What was written and what was lost, as lines for people.

    Raises:
        FactoryError: Labels or scenes are wrong, or `out` is there.
    """
    built = build_format(form, settings)
    if out.exists():
        raise OutputError(f"{out} is there already. Choose another name, or delete it first.")
    images = ImageFolder(raw / deposit.SCENES).all()
    if detections is not None:
        frames = [_placed(io.read_vectors(detections), images, detections)]
        named = {name for frame in frames for name in frame["scene_id"]}
        images = {name: image for name, image in images.items() if name in named}
    else:
        frames = [_placed(io.read_vectors(path), images, path) for path in find_labels(raw, labels)]
        images = {name: image for name, image in images.items() if fnmatchcase(name, scenes)}
        if not images:
            raise SceneError(f"No scene under {raw} matches `--scenes` ({scenes}).")
    annotations = Annotations(images, dict(_by_scene(frames, images)))
    ledger = Ledger()
    work = out.with_name(f".{out.stem}.partial{out.suffix}")
    deposit.remove(work)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.write(annotations, work, ledger=ledger)
        os.replace(work, out)
    finally:
        deposit.remove(work)
    yield f"{len(annotations)} labels on {len(annotations.labels)} of {len(images)} images: {out}"
    yield from table("lost", dict(sorted(ledger.lost.items())))


def _placed(frame: gpd.GeoDataFrame, images: Mapping[str, Image], path: Path) -> gpd.GeoDataFrame:
    """The labels of one file, each on its scene, or on every scene that shows it."""
    if "label" not in frame:
        raise LabelError(f"{path} has no column `label` with the class of each feature.")
    if "scene_id" not in frame:
        frame = frame.assign(scene_id=None)
    outlines = gpd.GeoDataFrame(
        {
            "id": list(images),
            "gsd": [geo.resolution_m(image.grid) for image in images.values()],
        },
        geometry=[image.grid.geographic_extent.geom for image in images.values()],
        crs=LONGITUDE_LATITUDE,
    )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    frame = deposit.with_geometry(frame)
    # Only what places a label: a column of its own, `id` say, may have the name of one of a scene.
    placed = place_labels(frame[["label", "scene_id", "geometry"]], outlines, path=path)
    return frame.loc[placed.index].assign(scene_id=placed["scene_id"].to_numpy())


def _by_scene(
    frames: Sequence[gpd.GeoDataFrame], images: Mapping[str, Image]
) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    for scene_id, image in images.items():
        rows = [
            frame[frame["scene_id"] == scene_id].to_crs(str(image.grid.crs)) for frame in frames
        ]
        rows = [each.dropna(axis="columns", how="all") for each in rows if len(each)]
        if rows:
            table = pd.concat(rows, ignore_index=True)
            yield scene_id, table.drop(columns=["scene_id", "crs"], errors="ignore")
