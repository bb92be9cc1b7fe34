"""STAC in files: catalogues, collections and items; scenes, and labels of the label extension."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlparse

import geopandas as gpd
import pystac
from pystac import Asset, Catalog, CatalogType, Item, Link, MediaType, STACObject
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.stac_io import DefaultStacIO
from pystac.utils import make_absolute_href
from shapely.geometry import mapping

from factory_core.kernel import io
from factory_core.kernel.errors import FactoryError, LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss
from factory_core.sources.stac_items import Access, annotations_of, local_path, stac_errors

LONGITUDE_LATITUDE = "EPSG:4326"
LABEL = "https://stac-extensions.github.io/label/v1.0.1/schema.json"
CATALOGUES = ("catalog.json", "collection.json")
# A scene that does not tell its time is filed under every time: STAC asks for one or a range.
ANY_TIME = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Stac:
    """STAC in files: a catalogue with its scenes, labels by the label extension.

    It is read from a catalogue, a collection, an item, or a FeatureCollection of items; and
    written as a self-contained catalogue with an item a scene, and one for its labels, which
    links to the scene as `source`.

    Args:
        assets: Keys of the assets of a scene, the scene first, then its companions; empty
            finds the one that is the scene.
        class_property: Property of labels that holds the class; empty takes the one that the
            label item names.
        allow_outside: Follow links that lead out of the folder of the catalogue.
        allow_http: Follow links to the network, and fetch scenes from there.
        checksums: Hold files to `file:size` and `file:checksum`.
        copy_scenes: Write the scenes into the catalogue; else it points to where they lie.
        tasks: What the labels are for, in the words of the label extension.
    """

    assets: tuple[str, ...] = ()
    class_property: str = ""
    allow_outside: bool = False
    allow_http: bool = False
    checksums: bool = True
    copy_scenes: bool = True
    tasks: tuple[str, ...] = ("detection",)

    cannot_carry: ClassVar[Mapping[str, Loss]] = {"labels without an image": Loss.LEFT_OUT}

    def read(self, source: Path | str, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Scenes and labels of everything that the catalogue links to."""
        start = _start(source)
        access = Access(
            root=start.rpartition("/")[0] or ".",
            assets=self.assets,
            class_property=self.class_property,
            http=self.allow_http,
            outside=self.allow_outside,
            checksums=self.checksums,
        )
        items = _walk(start, _GuardedIO(access), ledger)
        return annotations_of(items, access=access, images=images, ledger=ledger)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write a folder with `catalog.json`, the scenes and their labels."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        out = out.resolve()  # pystac takes a relative path for one from the catalogue
        out.mkdir()
        catalogue = Catalog("labels", "Scenes and their labels, written by factory export.")
        catalogue.set_self_href(str(out / "catalog.json"))
        for scene_id, image in sorted(annotations.images.items()):
            scene = self._scene_item(image, out)
            catalogue.add_item(scene)
            scene.set_self_href(str(out / scene_id / f"{scene_id}.json"))
            labels = annotations.labels.get(scene_id)
            if labels is not None:
                item = self._label_item(scene, labels, out)
                catalogue.add_item(item)
                item.set_self_href(str(out / f"{scene_id}-labels" / f"{scene_id}-labels.json"))
        # The file, not the folder: pystac takes a folder with a dot in its name for a file.
        catalogue.normalize_hrefs(str(out / "catalog.json"))
        catalogue.make_all_asset_hrefs_relative()
        catalogue.save(CatalogType.SELF_CONTAINED)

    def _scene_item(self, image: Image, out: Path) -> Item:
        grid = image.grid
        outline = grid.geographic_extent.geom
        item = Item(
            image.scene_id,
            mapping(outline),
            list(outline.bounds),
            None,
            {},
            *ANY_TIME,
        )
        projection = ProjectionExtension.ext(item, add_if_missing=True)
        authority = grid.crs.authority if grid.crs is not None else ("", "")
        known = bool(authority[0])
        projection.apply(
            code=":".join(map(str, authority)) if known else None,
            wkt2=None if known else str(grid.crs),
            shape=list(grid.shape),
            transform=list(grid.affine)[:6],
        )
        if image.path is None:
            return item
        path = image.path.resolve()
        if self.copy_scenes:
            path = _copied(path, out / image.scene_id / image.path.name)
        asset = Asset(str(path), media_type=_media_type(path), roles=["data"])
        item.add_asset("image", asset)
        FileExtension.ext(asset, add_if_missing=True).apply(
            size=path.stat().st_size, checksum=f"1220{_sha256(path)}"
        )
        return item

    def _label_item(self, scene: Item, labels: gpd.GeoDataFrame, out: Path) -> Item:
        item = Item(
            f"{scene.id}-labels",
            scene.geometry,
            scene.bbox,
            None,
            {},
            *ANY_TIME,
        )
        counts = Counter(map(str, labels["label"]))
        # pystac calls its own class for the extension out of date and warns when it is used.
        item.stac_extensions.append(LABEL)
        item.properties |= {
            "label:type": "vector",
            "label:description": f"Labels of {scene.id}.",
            "label:properties": ["label"],
            "label:classes": [{"name": "label", "classes": sorted(counts)}],
            "label:tasks": list(self.tasks),
            "label:methods": ["manual"],
            "label:overviews": [
                {
                    "property_key": "label",
                    "counts": [
                        {"name": name, "count": number} for name, number in sorted(counts.items())
                    ],
                }
            ],
        }
        # The file first: its folder is the item's, where pystac writes beside it.
        path = out / item.id / "labels.geojson"
        path.parent.mkdir()
        io.write_vectors(labels, path, layer="labels")
        item.add_asset(
            "labels", Asset(str(path), media_type=MediaType.GEOJSON, roles=["labels", "data"])
        )
        item.add_link(Link("source", scene, media_type=MediaType.GEOJSON))
        return item


def _start(source: Path | str) -> str:
    """Where the reading begins: an address, or the file of a catalogue."""
    if isinstance(source, str):
        return source
    if source.is_dir():
        found = [source / name for name in CATALOGUES if (source / name).is_file()]
        if not found:
            raise LabelError(
                f"{source} holds no {' or '.join(CATALOGUES)}. Name the file of the catalogue."
            )
        source = found[0]
    return str(source.resolve())


class _GuardedIO(DefaultStacIO):
    """Reads only what may be read, and without trusting it."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access = access

    def read_json(self, source: Any, *_: Any, **__: Any) -> dict[str, Any]:
        href = str(source.get_absolute_href() if isinstance(source, Link) else source)
        self._access.check(href)
        if urlparse(href).scheme in ("http", "https"):
            content = texts.parse_json(self._access.fetcher.text(href), name=href)
        else:
            content = texts.read_json(local_path(href))
        if not isinstance(content, dict):
            raise LabelError(f"{href}: expected an object of STAC. Received: other JSON.")
        return content


@dataclass
class _Walk:
    """Where a walk over a catalogue is, and what it has seen."""

    reader: _GuardedIO
    ledger: Ledger
    seen: set[str] = field(default_factory=set)


def _walk(start: str, reader: _GuardedIO, ledger: Ledger) -> Iterator[Item]:
    """Every item below a start, each once."""
    with stac_errors(), ledger.record(Path(start), "the catalogue"):
        content = reader.read_json(start)
        if content.get("type") == "FeatureCollection":
            for number, feature in enumerate(texts.field(content, "features", list), start=1):
                with ledger.record(Path(start), f"feature {number}"), stac_errors():
                    item = pystac.Item.from_dict(feature)
                    item.set_self_href(start)
                    yield item
            return
    root = _open(start, reader, None)
    yield from _below(root, start, _Walk(reader, ledger, {start}), (start,))


def _open(href: str, reader: _GuardedIO, root: Catalog | None) -> STACObject:
    """One object of STAC, with its place for messages.

    Raises:
        LabelError: It may not be read, or is none.
    """
    try:
        with stac_errors():
            found = reader.read_stac_object(href, root=root)
            # Links inside of it are followed by the same rules.
            if isinstance(found, Catalog):
                found._stac_io = reader
            found.set_self_href(href)
            return found
    except FactoryError as error:
        told = str(error) if href in str(error) else f"{href}: {error}"
        raise LabelError(told) from error


def _below(here: STACObject, href: str, walk: _Walk, path: tuple[str, ...]) -> Iterator[Item]:
    if isinstance(here, Item):
        yield here
        return
    root = here if isinstance(here, Catalog) and len(path) == 1 else here.get_root()
    for link in here.links:
        if link.rel not in ("child", "item"):
            continue
        target = make_absolute_href(str(link.get_href(transform_href=False)), href)
        with walk.ledger.record(Path(href), f"link {link.rel} to {target}"):
            if target in path:
                raise LabelError(
                    "the link leads back to where it comes from, in a circle. Remove it."
                )
            if target in walk.seen:
                continue
            walk.seen.add(target)
            found = _open(target, walk.reader, root)
            yield from _below(found, target, walk, (*path, target))


def _copied(path: Path, to: Path) -> Path:
    """A scene in the catalogue, with the sidecar that may hold its place."""
    to.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, to)
    sidecar = path.with_name(f"{path.name}.aux.xml")
    if sidecar.is_file():
        shutil.copyfile(sidecar, to.with_name(sidecar.name))
    return to


def _media_type(path: Path) -> str:
    kinds = {".png": MediaType.PNG, ".jpg": MediaType.JPEG, ".jp2": MediaType.JPEG2000}
    return str(kinds.get(path.suffix.lower(), MediaType.GEOTIFF))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
