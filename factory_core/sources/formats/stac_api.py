"""A STAC API: scenes and label items that a search finds, fetched."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pystac import Item
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning
from shapely.geometry import mapping

from factory_core.kernel import io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import LabelError, nearest
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.fetch import Fetcher, retry
from factory_core.sources.images import ImageFolder
from factory_core.sources.stac_items import Access, annotations_of

TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?|\.\.|")


@dataclass(frozen=True)
class StacApi:
    """STAC API: the scenes that a search finds, fetched, with the labels of label items.

    Scenes get the id of their item as name; the companions of a scene, `<id>_<asset>`. A
    label item brings the scenes that it links to as `source`. What came whole is not fetched
    again when the import is started again.

    Args:
        collections: Names of collections; empty searches all.
        bbox: West, south, east, north in degrees; empty: everywhere.
        geofence: Vector file of polygons; items that touch it. Empty: everywhere.
        datetime: A time or a range, `2024-05-01/2024-06-30`; empty: any.
        assets: Keys of the assets to fetch, the scene first, then its companions; empty finds
            the one that is the scene.
        max_items: Most items that are taken.
        class_property: Property of labels that holds the class; empty takes the one that the
            label item names.
        allow_outside: Whether assets may be files of this machine, not of a server.
        checksums: Whether `file:size` and `file:checksum` are held to.
        retries: How often a request is repeated when a server fails.
        timeout_s: How long a silent server is waited for.
    """

    collections: tuple[str, ...] = ()
    bbox: tuple[float, ...] = ()
    geofence: str = ""
    datetime: str = ""
    assets: tuple[str, ...] = ()
    max_items: int = 1000
    class_property: str = ""
    allow_outside: bool = False
    checksums: bool = True
    retries: int = 3
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if self.bbox and self.geofence:
            raise ValueError("give `bbox` or `geofence`, not both.")
        if self.bbox and not _is_box(self.bbox):
            raise ValueError(
                f"`bbox` must be west, south, east, north in degrees. Received: {self.bbox}."
            )

        if self.datetime and not all(map(TIME.fullmatch, self.datetime.split("/", 1))):
            raise ValueError(
                "`datetime` must be a date, a time or a range (`2024-05-01/2024-06-30`, "
                f"`2024-05-01/..`). Received: {self.datetime!r}."
            )

    def read(self, source: str, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Scenes and labels of the items that the API at the address `source` finds."""
        if urlparse(str(source)).scheme not in ("http", "https"):
            raise LabelError(
                f"{source} is no address of a STAC API (`https://...`). A catalogue of files is "
                "read by `factory import stac`."
            )
        items = self._find(str(source))
        if len(items) > self.max_items:
            ledger.lose("items beyond `max_items` (at least)")
        access = Access(
            root=None,
            assets=self.assets,
            class_property=self.class_property,
            http=True,
            outside=self.allow_outside,
            checksums=self.checksums,
            fetcher=Fetcher(retries=self.retries, timeout_s=self.timeout_s),
        )
        return annotations_of(
            progress(items[: self.max_items], label="fetch"),
            access=access,
            images=images,
            ledger=ledger,
        )

    def _find(self, url: str) -> list[Item]:
        try:
            client = self._open(url)
            self._check_collections(client, url)
            found = client.search(
                collections=list(self.collections) or None,
                bbox=self.bbox or None,
                intersects=self._outline(),
                datetime=self.datetime or None,
                max_items=self.max_items + 1,
            )
            items = list(found.items())
        except (APIError, NotImplementedError) as error:
            raise LabelError(
                f"The STAC API {url} does not answer as one: {_short(error)}. Is it up, and the "
                "address the one of its landing page?"
            ) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise LabelError(
                f"{url} answers with something else than STAC ({_short(error)}): a web page? Give "
                "the address of the landing page of a STAC API."
            ) from error
        if not items:
            raise LabelError(
                f"The search at {url} finds no items. Loosen it: collections "
                f"{', '.join(self.collections) or 'all'}, bbox {list(self.bbox) or 'any'}, "
                f"geofence {self.geofence or 'none'}, datetime {self.datetime or 'any'}."
            )
        return items

    def _open(self, url: str) -> Client:
        with warnings.catch_warnings():
            # A static catalogue is told apart below, as an error.
            warnings.simplefilter("ignore", PystacClientWarning)
            client = Client.open(
                url, stac_io=StacApiIO(timeout=self.timeout_s, max_retries=retry(self.retries))
            )
        if not client.conforms_to("ITEM_SEARCH"):
            raise LabelError(
                f"{url} is a STAC catalogue without a search. Read it by `factory import stac`."
            )
        return client

    def _check_collections(self, client: Client, url: str) -> None:
        if not self.collections:
            return
        known = [collection.id for collection in client.get_collections()]
        for name in self.collections:
            if name not in known:
                raise LabelError(
                    f"{url} has no collection {name!r}.{nearest(name, known)} Collections: "
                    f"{', '.join(sorted(known)) or 'none'}."
                )

    def _outline(self) -> dict[str, Any] | None:
        if not self.geofence:
            return None
        fence = io.read_geofence(Path(self.geofence)).to_crs("EPSG:4326")
        return dict(mapping(fence.union_all()))


def _is_box(bbox: tuple[float, ...]) -> bool:
    if len(bbox) != 4:
        return False
    west, south, east, north = bbox
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def _short(error: Exception) -> str:
    """What a server said, without the page of HTML around it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 200 else f"{text[:200]} ..."
