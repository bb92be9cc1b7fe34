"""What every exchange format reads and writes: images, labels, what was bad and lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import geopandas as gpd
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import LabelError, SceneError
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss


@dataclass(frozen=True)
class Annotations:
    """Labels, and the images that they lie on.

    Attributes:
        images: By scene id; an image without labels is all background.
        labels: By scene id, for images that have any: `label`, geometry in the CRS of the
            image, and a column for each further attribute that the source carries.
        loose: Labels that name no image, each frame in a CRS of its own, with `label`.
    """

    images: Mapping[str, Image]
    labels: Mapping[str, gpd.GeoDataFrame]
    loose: tuple[gpd.GeoDataFrame, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, (*self.labels.values(), *self.loose)))


class Format(Protocol):
    """One exchange format; its options are its fields.

    Attributes:
        cannot_carry: The `FEATURES` that it cannot hold, and what becomes of them; the
            reference page shows it, and the contract test holds the ledger to it.
    """

    cannot_carry: ClassVar[Mapping[str, Loss]]

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of `source`, on the images found in `images`.

        Formats that can fetch (STAC) take an address, `https://...`, as text for `source`, and put
        the scenes that they fetch into `images.fetched`.

        Raises:
            LabelError: `source` is not what the format says, or a record of it is bad and
                `ledger` does not keep going; names the file and the line or id.
        """

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write `annotations` to `out`, a file or a new folder, and count what it cannot hold.

        `out` is not there yet; the caller puts it in place whole.
        """


@dataclass(frozen=True)
class Problem:
    """A record that was not taken.

    Attributes:
        file: Where it stands.
        record: Line, id or name in it.
        message: What came, what was expected, what to do.
    """

    file: str
    record: str
    message: str


@dataclass
class Ledger:
    """What a format could not take or could not hold; nothing is lost silently.

    Attributes:
        keep_going: Note bad records and go on with the good rest, not stop at the first.
        repair: Mend polygons that cross themselves, not refuse them.
        problems: Records that were not taken.
        lost: How many values of each kind the format cannot hold.
        repaired: How many geometries were mended.
    """

    keep_going: bool = False
    repair: bool = False
    problems: list[Problem] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    repaired: int = 0

    @contextmanager
    def record(self, file: Path, name: str) -> Iterator[None]:
        """The reading of one record: what is wrong in it is told with its place, or noted.

        Args:
            file: Where it stands.
            name: `line 3`, `annotation 17`, `<object> 2`.

        Raises:
            LabelError, SceneError: What was raised, with file and record in front.
        """
        try:
            yield
        except (LabelError, SceneError) as error:
            told = str(error)
            has_place = told.startswith(str(file))
            if not self.keep_going:
                raise type(error)(told if has_place else f"{file}, {name}: {told}") from error
            told = told.removeprefix(str(file)).lstrip(",: ") if has_place else told
            self.problems.append(Problem(str(file), name, told))

    def lose(self, what: str, count: int = 1) -> None:
        """Count `count` values of a kind that the format cannot hold: `score`, `holes`, say."""
        if count:
            self.lost[what] += count


def to_pixels(labels: gpd.GeoDataFrame, *, grid: GeoBox) -> gpd.GeoSeries:
    """Geometries in pixels of an image: x to the right, y down, (0, 0) its upper left corner."""
    geometry: gpd.GeoSeries = labels.geometry.set_crs(None, allow_override=True)
    return geometry.affine_transform((~grid.affine).to_shapely())


def from_pixels(geometry: gpd.GeoSeries, *, grid: GeoBox) -> gpd.GeoSeries:
    """Geometries in the CRS of an image, from pixels of it."""
    placed: gpd.GeoSeries = geometry.affine_transform(grid.affine.to_shapely())
    return placed.set_crs(str(grid.crs))
