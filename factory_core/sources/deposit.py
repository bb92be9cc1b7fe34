"""Put imported scenes and labels among the raw data, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
from odc.geo.geobox import GeoBox

from factory_core.kernel import geo, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import LabelError, OutputError, SceneError
from factory_core.sources.annotations import Annotations
from factory_core.sources.images import Image

SCENES, LABELS, RECEIPTS = "scenes", "labels", "imports"
STAGING = ".import.partial"
# What a scene says of itself that was converted, or put at a made-up place.
SOURCE_TAG, PLACE_TAG = "IMPORTED_FROM_SHA256", "PLACE"
MADE_UP = "made up: the source does not tell where it is"
BLOCK_PX = 2048
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What lies beside a TIFF and belongs to it: after its whole name, and after its stem.
SIDECARS = (".aux.xml", ".ovr", ".msk")
STEM_SIDECARS = (".tfw", ".prj", ".imd", ".IMD", ".rpb", ".RPB", "_rpc.txt", "_RPC.TXT")
KINDS = {"Polygon": "polygons", "LineString": "lines", "LinearRing": "lines", "Point": "points"}


@contextmanager
def staging(raw: Path) -> Iterator[Path]:
    """A folder beside the data, on the same disk, that is gone afterwards."""
    work = raw / STAGING
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not any(raw.iterdir()):
            raw.rmdir()


def stage_scenes(images: Mapping[str, Image], raw: Path, work: Path) -> int:
    """Write the scenes that `raw` does not have yet into `work`.

    Georeferenced TIFFs are copied as they are, with what lies beside them; all others are
    converted without loss. Images of which only the size is known are left to those who
    have them.

    Returns:
        How many there were already.

    Raises:
        SceneError: `raw` has another scene of the same name.
    """
    there = {path.stem: path for path in sorted((raw / SCENES).rglob("*.tif"))}
    known = 0
    for scene_id, image in progress(images.items(), label="import scenes", total=len(images)):
        if image.path is None or (scene_id in there and _is_same(image, there[scene_id])):
            known += 1
        elif scene_id in there:
            raise SceneError(
                f"There is another scene {scene_id!r} already: {there[scene_id]} differs from "
                f"{image.path}. A scene is known by its file name: rename one."
            )
        else:
            _stage_scene(image, work / SCENES)
    return known


def _is_same(image: Image, scene: Path) -> bool:
    assert image.path is not None  # noqa: S101 - the caller has made sure
    if image.path.resolve() == scene.resolve():
        return True
    if _is_copied(image):
        same_size = image.path.stat().st_size == scene.stat().st_size
        return same_size and digest(image.path) == digest(scene)
    shape, crs, affine = io.read_grid(scene)
    converted = io.read_tags(scene).get(SOURCE_TAG) == digest(image.path)
    grid = image.grid
    return converted and GeoBox(shape, affine, crs) == grid


def _is_copied(image: Image) -> bool:
    assert image.path is not None  # noqa: S101 - the caller has made sure
    with image.path.open("rb") as file:
        return image.has_place and file.read(4) in TIFF_STARTS


def _stage_scene(image: Image, folder: Path) -> None:
    assert image.path is not None  # noqa: S101 - the caller has made sure
    folder.mkdir(parents=True, exist_ok=True)
    source, target = image.path, folder / f"{image.scene_id}.tif"
    if _is_copied(image):
        shutil.copyfile(source, target)
        beside = [(f"{source.name}{end}", f"{target.name}{end}") for end in SIDECARS]
        beside += [(f"{source.stem}{end}", f"{target.stem}{end}") for end in STEM_SIDECARS]
        for name, new_name in beside:
            if source.with_name(name).is_file():
                shutil.copyfile(source.with_name(name), folder / new_name)
        return
    raster = io.open_raster(source, at=None if image.has_place else image.grid)
    tags = {} if image.has_place else {PLACE_TAG: MADE_UP}
    io.write_cog(
        target,
        geobox=raster.geobox,
        bands=raster.bands,
        dtype=raster.dtype,
        nodata=raster.nodata,
        blocks=(
            (window, raster.read(window))
            for window in geo.cut_windows(raster.geobox, size_px=BLOCK_PX)
        ),
        tags={**io.read_tags(source), **tags, SOURCE_TAG: digest(source)},
    )


def stage_labels(annotations: Annotations, name: str, work: Path) -> list[str]:
    """Write one file a kind of geometry into `work`, as the catalogue asks; give their names."""
    (work / LABELS).mkdir(exist_ok=True)
    frames = [
        frame.assign(scene_id=scene_id) for scene_id, frame in sorted(annotations.labels.items())
    ]
    frames += [frame.assign(scene_id=None) for frame in annotations.loose if len(frame)]
    by_kind: dict[str, list[gpd.GeoDataFrame]] = {}
    for frame in frames:
        for kind, rows in frame.groupby(frame.geom_type.map(_kind), sort=True):
            by_kind.setdefault(str(kind), []).append(rows)
    written = []
    for kind, rows in sorted(by_kind.items()):
        file = f"{name}.parquet" if len(by_kind) == 1 else f"{name}_{kind}.parquet"
        io.write_by_scene(_alike(rows), work / LABELS / file)
        written.append(file)
    return written


def _kind(geometry_type: str) -> str:
    kind = geometry_type.removeprefix("Multi")
    if kind not in KINDS:
        raise LabelError(
            f"A {geometry_type} is no polygon, line or point. Split it into its parts first."
        )
    return KINDS[kind]


def _alike(frames: list[gpd.GeoDataFrame]) -> list[gpd.GeoDataFrame]:
    """The frames with columns of one type each, which Parquet asks for: mixed ones as text."""
    named = [with_geometry(frame) for frame in frames]
    columns = pd.concat([pd.DataFrame(frame.drop(columns="geometry")) for frame in named])
    mixed = [str(name) for name in columns if len(set(columns[name].dropna().map(type))) > 1]
    for frame in named if mixed else ():
        for name in set(mixed) & set(frame):
            frame[name] = frame[name].map(str, na_action="ignore")
    return named


def with_geometry(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame with its geometry in the column of that name."""
    if frame.geometry.name == "geometry":
        return frame
    renamed: gpd.GeoDataFrame = frame.rename_geometry("geometry")
    return renamed


def check_labels(names: list[str], raw: Path, work: Path, *, replace: bool) -> None:
    """Refuse to write over other labels that have the same name.

    Raises:
        OutputError: There are such, and `replace` does not allow it.
    """
    for name in names:
        there = raw / LABELS / name
        if there.is_file() and not replace and not _is_equal(work / LABELS / name, there):
            raise OutputError(
                f"{there} is there already and holds other labels. Choose another `--name`, or "
                "put these in their place: `--replace`."
            )


def move_in(work: Path, raw: Path, *, outdated: list[Path]) -> None:
    """Move all files of `work` to their places in `raw`; if one cannot be moved, none is.

    Labels and the receipt go last: after a kill in between, a second import finishes.

    Args:
        work: From `staging`.
        raw: The raw data.
        outdated: Files of an earlier import that this one replaces with others.
    """
    order = {SCENES: 0, LABELS: 1, RECEIPTS: 2}
    files = [path for path in work.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (order[path.relative_to(work).parts[0]], path))
    moves = [(path, raw / path.relative_to(work)) for path in files]
    moves = [(path, target) for path, target in moves if not _is_equal(path, target)]
    kept = work / "replaced"
    kept.mkdir()
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (path, target) in enumerate([*moves, *((None, path) for path in outdated)]):
            target.parent.mkdir(parents=True, exist_ok=True)
            old = kept / str(number) if target.exists() else None
            if old is not None:
                os.replace(target, old)
            done.append((target, old))
            if path is not None:
                os.replace(path, target)
    except BaseException as error:
        for target, old in reversed(done):
            target.unlink(missing_ok=True)
            if old is not None:
                os.replace(old, target)
        if isinstance(error, OSError):
            raise OutputError(
                f"{raw} could not be written ({error.strerror}). It is as it was before."
            ) from error
        raise


def _is_equal(path: Path, target: Path) -> bool:
    return target.is_file() and digest(path) == digest(target)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
