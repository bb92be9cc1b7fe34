"""STAC items: scenes and vector labels, from assets that lie here or are fetched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

import geopandas as gpd
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from pystac import Asset, Item, MediaType, STACError, STACTypeError

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError, SceneError, nearest
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.features import Classes, read_labels
from factory_core.sources.fetch import Fetcher, check_file
from factory_core.sources.images import ENDINGS, Image, ImageFolder

# A name that is a plain file name on every system.
SAFE = re.compile(r"[A-Za-z0-9][\w.\-+=@ ]*")
RASTER_TYPES = {MediaType.TIFF, MediaType.GEOTIFF, MediaType.COG, MediaType.PNG, MediaType.JPEG}
RASTER_TYPES |= {MediaType.JPEG2000}
ENDING_OF_TYPE = {"image/png": ".png", "image/jpeg": ".jpg", "image/jp2": ".jp2"}
# Names that catalogues give to the one asset that is the scene itself, the best first.
USUAL_NAMES = ("image", "data", "visual", "analytic")
NOT_THE_SCENE = {"thumbnail", "overview", "metadata", "labels"}


@dataclass(frozen=True)
class Access:
    """Which assets are taken, and from where.

    Attributes:
        root: Folder or address that links may not leave; None: they may lie anywhere.
        assets: Keys of the assets of a scene, the scene first, then its companions.
        class_property: Property of a label that holds its class.
        http: Whether links may lead to `http(s)://`, outside of `root`.
        outside: Whether links may lead to files outside of `root`.
        checksums: Whether `file:size` and `file:checksum` are held to.
    """

    root: str | None
    assets: tuple[str, ...]
    class_property: str
    http: bool
    outside: bool
    checksums: bool
    fetcher: Fetcher = field(default_factory=Fetcher)

    def check(self, href: str) -> None:
        """Check that a link may be followed.

        Raises:
            LabelError: It may not; says which option allows it.
        """
        parsed = urlparse(href)
        remote = parsed.scheme in ("http", "https")
        if not remote and parsed.scheme not in ("", "file"):
            raise LabelError(
                f"the link {href!r} is neither a file nor http(s). Fetch it yourself, and point "
                "the link to the file."
            )
        if self.root is not None and _is_under(href, self.root):
            return
        if remote and not self.http:
            raise LabelError(
                f"the link {href!r} leads to the network. Allow it (`allow_http=true`) if you "
                "trust the catalogue."
            )
        if not remote and not self.outside:
            raise LabelError(
                f"the link {href!r} leads to a file outside of {self.root or 'the catalogue'}. "
                "Allow it (`allow_outside=true`) if you trust the catalogue."
            )


def _is_under(href: str, root: str) -> bool:
    if urlparse(root).scheme in ("http", "https"):
        return href.startswith(root) and ".." not in unquote(urlparse(href).path).split("/")
    if urlparse(href).scheme in ("http", "https"):
        return False
    return local_path(href).resolve().is_relative_to(Path(root).resolve())


def local_path(href: str) -> Path:
    """The file that a link without a network means."""
    return Path(unquote(urlparse(href).path)) if href.startswith("file:") else Path(href)


def annotations_of(
    items: Iterable[Item], *, access: Access, images: ImageFolder, ledger: Ledger
) -> Annotations:
    """Scenes of the items, and the labels of those that are label items.

    Args:
        items: Scenes and labels in any order.
        access: What may be taken.
        images: Where fetched files go.
        ledger: Notes items that cannot be taken.

    Raises:
        LabelError, SceneError: An item is bad; names it.
    """
    scenes: dict[str, Image] = {}
    frames: dict[str, list[gpd.GeoDataFrame]] = {}
    loose: list[gpd.GeoDataFrame] = []
    for item in items:
        with ledger.record(_place(item), f"item {item.id!r}"), stac_errors():
            if "label:type" not in item.properties:
                _take_scene(item, scenes, access, images)
                continue
            shown = [
                _take_scene(source, scenes, access, images) for source in _sources(item, access)
            ]
            image = shown[0] if len(shown) == 1 else None
            labels = _labels(item, image, access=access, images=images, ledger=ledger)
            if len(labels) and image is not None:
                frames.setdefault(image.scene_id, []).append(labels)
            elif len(labels):
                loose.append(labels)
    joined = {
        scene_id: gpd.GeoDataFrame(pd.concat(parts, ignore_index=True))
        for scene_id, parts in frames.items()
    }
    return Annotations(scenes, joined, tuple(loose))


def _place(item: Item) -> Path:
    href = item.get_self_href()
    return Path(href) if href and "://" not in href else Path(item.collection_id or "STAC")


@contextmanager
def stac_errors() -> Iterator[None]:
    """What pystac raises for a damaged object, as one of ours.

    Raises:
        LabelError: It was raised.
    """
    try:
        yield
    except (STACError, STACTypeError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = str(error) or type(error).__name__
        reason = f"the key {reason} is missing" if isinstance(error, KeyError) else reason
        raise LabelError(
            f"this is no STAC that can be read: {reason}. Validate it (`stac-valid`, say)."
        ) from error


def _sources(item: Item, access: Access) -> Iterator[Item]:
    """The scenes that a label item speaks of."""
    for link in item.get_links(rel="source"):
        href = link.get_absolute_href()
        if href is None:
            raise LabelError("a link `source` has no address.")
        access.check(href)
        target = link.resolve_stac_object(root=item.get_root()).target
        if not isinstance(target, Item):
            raise LabelError(f"the link `source` leads to {href!r}, which is no item.")
        yield target


def _take_scene(item: Item, scenes: dict[str, Image], access: Access, images: ImageFolder) -> Image:
    if not SAFE.fullmatch(item.id):
        raise LabelError(
            f"the id {item.id!r} cannot be a file name: a scene is known by it. Give it an id of "
            "letters, digits, `_`, `-` and `.`."
        )
    if item.id in scenes:
        return scenes[item.id]
    chosen = _scene_assets(item, access.assets)
    for number, (key, asset) in enumerate(chosen.items()):
        scene_id = item.id if number == 0 else f"{item.id}_{key}"
        path = _file_of(asset, stem=scene_id, access=access, images=images)
        scenes[scene_id] = _measure(scene_id, path, item, images)
    return scenes[item.id]


def _scene_assets(item: Item, keys: tuple[str, ...]) -> dict[str, Asset]:
    """The asset that is the scene, then its companions."""
    missing = [key for key in keys if key not in item.assets]
    if missing:
        raise LabelError(
            f"there is no asset {missing[0]!r}.{nearest(missing[0], item.assets)} Assets: "
            f"{', '.join(item.assets) or 'none'}."
        )
    if keys:
        return {key: item.assets[key] for key in keys}
    rasters = [key for key, asset in item.assets.items() if _may_be_scene(asset)]
    usual = [key for key in USUAL_NAMES if key in rasters]
    if not usual and len(rasters) != 1:
        raise LabelError(
            f"which asset is the scene? Rasters: {', '.join(rasters) or 'none'}, of "
            f"{', '.join(item.assets) or 'none'}. Name it (`assets=[...]`), its companions behind."
        )
    key = usual[0] if usual else rasters[0]
    return {key: item.assets[key]}


def _may_be_scene(asset: Asset) -> bool:
    if NOT_THE_SCENE & {*(asset.roles or ())}:
        return False
    ending = PurePosixPath(urlparse(asset.href).path).suffix.lower()
    kind = (asset.media_type or "").split(";")[0]
    return kind in RASTER_TYPES or (not kind and ending in ENDINGS)


def _file_of(asset: Asset, *, stem: str, access: Access, images: ImageFolder) -> Path:
    """The file of an asset: where it lies, or where it was fetched to."""
    href = asset.get_absolute_href() or asset.href
    access.check(href)
    expected = {
        "size": asset.extra_fields.get("file:size"),
        "checksum": asset.extra_fields.get("file:checksum"),
    }
    expected = expected if access.checksums else dict.fromkeys(expected)
    if urlparse(href).scheme not in ("http", "https"):
        path = local_path(href)
        check_file(path, href, **expected)
        return path
    if images.fetched is None:
        raise SceneError(f"{href} must be fetched, and there is no folder to fetch it into.")
    ending = PurePosixPath(unquote(urlparse(href).path)).suffix.lower()
    if not re.fullmatch(r"\.[a-z0-9]{1,8}", ending):
        ending = ENDING_OF_TYPE.get((asset.media_type or "").split(";")[0], ".tif")
    # Another address is another file, even where the item has the same id.
    folder = hashlib.sha256(href.encode()).hexdigest()[:16]
    path = images.fetched / folder / f"{stem}{ending}"
    access.fetcher(href, path, **expected)
    return path


def _measure(scene_id: str, path: Path, item: Item, images: ImageFolder) -> Image:
    """An image where its file says, or else where its item says."""
    shape, crs, affine = io.read_grid(path)
    if crs is not None and affine != Affine.identity():
        return Image(scene_id, path, GeoBox(shape, affine, crs), has_place=True)
    stated = item.properties
    if "proj:code" in stated and "proj:transform" in stated:
        grid = GeoBox(shape, Affine(*stated["proj:transform"][:6]), stated["proj:code"])
        return Image(scene_id, path, grid, has_place=False)
    return replace(images.measure(path), scene_id=scene_id)


def _labels(
    item: Item, image: Image | None, *, access: Access, images: ImageFolder, ledger: Ledger
) -> gpd.GeoDataFrame:
    if item.properties["label:type"] != "vector":
        raise LabelError(
            f"its labels are of the type {item.properties['label:type']!r}, and only `vector` can "
            "be read. Make polygons of them first (`gdal_polygonize`, say)."
        )
    keys = [key for key, asset in item.assets.items() if _may_be_labels(key, asset)]
    if len(keys) != 1:
        raise LabelError(
            f"which asset holds the labels? Expected one with the role `labels`. Assets: "
            f"{', '.join(item.assets) or 'none'}."
        )
    if not SAFE.fullmatch(item.id):
        raise LabelError(f"the id {item.id!r} cannot be a file name.")
    path = _file_of(item.assets[keys[0]], stem=item.id, access=access, images=images)
    classes = Classes(_class_property(item, access.class_property))
    labels = read_labels(path, classes=classes, ledger=ledger, image=image)
    _check_classes(item, classes.column, labels)
    return labels


def _may_be_labels(key: str, asset: Asset) -> bool:
    return key == "labels" or "labels" in (asset.roles or ()) or "geo+json" in str(asset.media_type)


def _class_property(item: Item, stated: str) -> str:
    if stated:
        return stated
    properties = item.properties.get("label:properties") or []
    listed = [each.get("name") for each in item.properties.get("label:classes") or []]
    with_classes = [name for name in properties if name in listed] or list(properties)
    if len(with_classes) != 1:
        raise LabelError(
            f"which property holds the class? `label:properties`: "
            f"{', '.join(properties) or 'none'}. Name it (`class_property=...`)."
        )
    return str(with_classes[0])


def _check_classes(item: Item, name: str, labels: gpd.GeoDataFrame) -> None:
    for each in item.properties.get("label:classes") or []:
        allowed = {str(value) for value in each["classes"]}
        unknown = set(labels["label"]) - allowed
        if each.get("name") == name and unknown:
            raise LabelError(
                f"the class {min(unknown)!r} is not among `label:classes` "
                f"({', '.join(sorted(allowed))}).{nearest(min(unknown), allowed)}"
            )
