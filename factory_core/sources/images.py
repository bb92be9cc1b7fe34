"""Images that annotations speak of: found by name, measured, and placed on the ground."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError, SceneError, nearest

ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".bmp", ".vrt")
# Where images that do not tell their place are put: open sea off West Africa, in metres.
NOWHERE_CRS = "EPSG:32631"
NOWHERE_XY_M = (200_000.0, 0.0)
NOWHERE_CELLS_XY = (600, 9000)
CELL_M = 1000.0


@dataclass(frozen=True)
class Image:
    """An image that labels lie on.

    Attributes:
        scene_id: Its file name without the ending.
        path: The file, or None where only its size is known.
        grid: CRS, affine and shape `(height, width)` on the ground.
        has_place: Whether the file tells its place; if not, `grid` is made up.
    """

    scene_id: str
    path: Path | None
    grid: GeoBox
    has_place: bool

    @property
    def file_name(self) -> str:
        """Name of the file, by which formats name the image."""
        return f"{self.scene_id}.tif" if self.path is None else self.path.name


@dataclass(frozen=True)
class ImageFolder:
    """The images of one folder and those under it, by file name.

    Attributes:
        folder: None where there are no images: then labels can only be read from
            formats that place them on the ground.
        resolution_m: Side of a pixel of the images that do not tell their place.
        fetched: Where formats that fetch put scenes. The caller keeps it when they fail, so that
            what has come need not come again. None: nothing may be fetched.
    """

    folder: Path | None
    resolution_m: float | None = None
    fetched: Path | None = None

    @cached_property
    def paths(self) -> Mapping[str, Path]:
        """Every image by scene id, sorted.

        Raises:
            SceneError: Two have one name; nothing else of them is read yet.
        """
        if self.folder is None:
            return {}
        found: dict[str, Path] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.suffix.lower() in ENDINGS and path.is_file():
                if path.stem in found:
                    raise SceneError(
                        f"Two images have the name {path.stem!r}: {found[path.stem]} and {path}. "
                        "A scene is known by its file name: rename one."
                    )
                found[path.stem] = path
        return found

    def has_any(self) -> bool:
        """Whether there is any image; nothing of them is read."""
        folder = self.folder
        return folder is not None and any(
            path.suffix.lower() in ENDINGS for path in folder.rglob("*")
        )

    def find(self, name: str, *, resolution_m: float | None = None) -> Image:
        """The image that a format names, by its file name with or without folders and ending.

        Args:
            name: As the format spells it.
            resolution_m: Side of its pixels, where the format tells it and the user did not.

        Raises:
            LabelError: There is none, or the name climbs out of the folder.
        """
        scene_id = scene_id_of(name)
        if scene_id not in self.paths:
            raise LabelError(
                f"There is no image {name!r} under {self.folder}.{nearest(scene_id, self.paths)} "
                "Say where the images lie (`--images`), or drop what names it."
            )
        return self._images(scene_id, resolution_m)

    def all(self) -> dict[str, Image]:
        """Every image, by scene id."""
        return {scene_id: self._images(scene_id) for scene_id in self.paths}

    def _images(self, scene_id: str, resolution_m: float | None = None) -> Image:
        if scene_id not in self._known:
            folder = replace(self, resolution_m=self.resolution_m or resolution_m)
            self._known[scene_id] = folder.measure(self.paths[scene_id])
        return self._known[scene_id]

    @cached_property
    def _known(self) -> dict[str, Image]:
        return {}

    def measure(self, path: Path) -> Image:
        """An image anywhere, with its size and place.

        Raises:
            SceneError: It cannot be opened, or does not tell its place and `resolution_m` is None.
        """
        shape, crs, affine = io.read_grid(path)
        if crs is not None and affine != Affine.identity():
            return Image(path.stem, path, GeoBox(shape, affine, crs), has_place=True)
        if self.resolution_m is None:
            raise SceneError(
                f"{path} does not tell its place on the ground. Say how large its pixels are "
                "(`--resolution-m 0.3`): it is then put at a made-up place, or georeference it."
            )
        return Image(path.stem, path, nowhere(path.stem, shape, self.resolution_m), has_place=False)


def scene_id_of(name: str) -> str:
    """The scene that a file name of an annotation means.

    Raises:
        LabelError: The name is empty, absolute or climbs out of its folder.
    """
    # Annotations come from any system: both kinds of slashes are folders.
    parts = PurePosixPath(str(PureWindowsPath(name).as_posix())).parts
    if not parts or ".." in parts or PureWindowsPath(name).is_absolute() or parts[0] == "/":
        raise LabelError(
            f"{name!r} is no file name inside the folder of the images. Name the file alone."
        )
    path = PurePosixPath(parts[-1])
    return path.stem if path.suffix.lower() in ENDINGS else path.name


def nowhere(scene_id: str, shape: tuple[int, int], resolution_m: float) -> GeoBox:
    """A made-up place for an image, always the same for the same name, apart from most others.

    Args:
        scene_id: Its name chooses the cell of a grid over the sea.
        shape: `(height, width)` in pixels.
        resolution_m: Side of a pixel.
    """
    number = int.from_bytes(hashlib.sha256(scene_id.encode()).digest()[:8], "big")
    columns, rows = NOWHERE_CELLS_XY
    column, row = number % columns, number // columns % rows
    left, top = NOWHERE_XY_M[0] + column * CELL_M, NOWHERE_XY_M[1] + (row + 1) * CELL_M
    return GeoBox(shape, Affine(resolution_m, 0, left, 0, -resolution_m, top), NOWHERE_CRS)
