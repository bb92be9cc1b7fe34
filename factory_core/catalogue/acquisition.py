"""When and from where a scene was taken: STAC items, DIMAP, IMD, tags."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError
from defusedxml.ElementTree import parse as parse_xml

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError


@dataclass(frozen=True)
class Acquisition:
    """How a scene was taken; None where nobody says.

    Attributes:
        start: First moment, UTC.
        end: Last moment, UTC; that of `start` for a scene of one moment.
        sun_elevation_deg: Of the sun above the horizon.
        sun_azimuth_deg: Of the sun, clockwise from north.
        off_nadir_deg: Between the line of sight and straight down, at the sensor.
        longitude_deg: Of the middle of the scene.
        latitude_deg: Of the middle of the scene.
    """

    start: datetime | None = None
    end: datetime | None = None
    sun_elevation_deg: float | None = None
    sun_azimuth_deg: float | None = None
    off_nadir_deg: float | None = None
    longitude_deg: float = 0.0
    latitude_deg: float = 0.0

    @property
    def middle(self) -> datetime | None:
        """The moment halfway from start to end."""
        if self.start is None or self.end is None:
            return None
        return self.start + (self.end - self.start) / 2


def read_acquisition(
    path: Path, sidecars: Iterable[Path], *, longitude_deg: float, latitude_deg: float
) -> Acquisition:
    """What the sidecars of a scene, then its own tags, say of how it was taken.

    Args:
        path: The scene.
        sidecars: Files beside it, the most trusted first: STAC items (`.json`), DIMAP and
            Maxar's `isd` (`.xml`), `.IMD`. Others are passed over.
        longitude_deg: Of the middle of the scene.
        latitude_deg: Of the middle of the scene.

    Raises:
        SceneError: A sidecar is damaged, dangerous (XML with entities) or says what cannot
            be; names the file.
    """
    stated: dict[str, Any] = {}
    for sidecar in sidecars:
        read = READERS.get(sidecar.suffix.lower())
        if read is not None:
            stated = {**_checked(read(sidecar), sidecar), **stated}
    stated = {**_checked(_from_names(_upper(io.read_tags(path))), path), **stated}
    return Acquisition(**stated, longitude_deg=longitude_deg, latitude_deg=latitude_deg)


def _from_stac(path: Path) -> dict[str, Any]:
    """A STAC item beside the scene; another JSON file says nothing."""
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SceneError(
            f"{path} is not JSON ({error}). A JSON file with the name of a scene is read as its "
            "STAC item: mend it, or take it away."
        ) from error
    if not (isinstance(item, dict) and "stac_version" in item):
        return {}
    given = item.get("properties")
    if not isinstance(given, dict):
        raise SceneError(f"{path} is a STAC item without `properties`. Export it again.")
    moment = given.get("datetime")
    times = [moment or given.get("start_datetime"), moment or given.get("end_datetime")]
    found = {
        "sun_elevation_deg": given.get("view:sun_elevation"),
        "sun_azimuth_deg": given.get("view:sun_azimuth"),
        "off_nadir_deg": given.get("view:off_nadir"),
    }
    found |= {
        name: _time(str(text), path, strict=True)
        for name, text in zip(("start", "end"), times, strict=True)
        if text is not None
    }
    return found


def _from_xml(path: Path) -> dict[str, Any]:
    """DIMAP (Airbus, SPOT) or `isd` (Maxar); other XML says nothing."""
    try:
        root: Any = parse_xml(path).getroot()
    except DefusedXmlException as error:
        raise SceneError(
            f"{path} declares entities ({error!r}), which no metadata of a scene needs and which "
            "can fill the memory. It was not read: fetch it again, or take it away."
        ) from error
    except (ParseError, ValueError) as error:
        raise SceneError(
            f"{path} is not readable XML ({error}). Fetch it again, or take it away."
        ) from error
    if root.tag == "Dimap_Document":
        return _from_names({**_leaves(root), **_leaves(_centre(root))})
    return _from_names(_leaves(root)) if root.tag == "isd" else {}


def _centre(root: Element) -> Element:
    """The geometric values of DIMAP 2 at the centre of the scene, where it has such."""
    places = list(root.iter("Located_Geometric_Values"))
    central = [place for place in places if place.findtext("LOCATION_TYPE") == "Center"]
    return next(iter([*central, *places]), Element("none"))


def _leaves(root: Element) -> dict[str, str]:
    """Text of each element without children; of equal names the first."""
    found: dict[str, str] = {}
    for element in root.iter():
        if len(element) == 0 and element.text and element.text.strip():
            found.setdefault(element.tag.upper(), element.text.strip())
    return found


def _from_imd(path: Path) -> dict[str, Any]:
    """Maxar's `.IMD`: lines of `key = value;`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    pairs = re.findall(r'^\s*(\w+)\s*=\s*"?([^"\n;]*)"?\s*;', text, flags=re.MULTILINE)
    if not pairs:
        raise SceneError(
            f"{path} holds no line like `meanSunEl = 42.1;`: it is no IMD file, or cut off. Fetch "
            "it again, or take it away."
        )
    return _from_names(_upper(dict(reversed(pairs))))


def _upper(pairs: Mapping[str, str]) -> dict[str, str]:
    return {key.upper(): value for key, value in pairs.items()}


READERS = {".json": _from_stac, ".xml": _from_xml, ".imd": _from_imd}
# What GDAL, DIMAP 1, DIMAP 2 and Maxar call the same thing.
MOMENTS = ("ACQUISITIONDATETIME", "TIME", "FIRSTLINETIME", "TLCTIME")
ANGLES = {
    "sun_elevation_deg": ("SUN_ELEVATION", "MEANSUNEL", "SUNEL"),
    "sun_azimuth_deg": ("SUN_AZIMUTH", "MEANSUNAZ", "SUNAZ"),
    "off_nadir_deg": ("VIEWING_ANGLE", "MEANOFFNADIRVIEWANGLE", "OFFNADIRVIEWANGLE"),
}


def _from_names(pairs: Mapping[str, str]) -> dict[str, Any]:
    """What the values of metadata, by their names in capitals, say of the acquisition."""
    found: dict[str, Any] = {}
    for field, names in ANGLES.items():
        text = next((pairs[name] for name in names if name in pairs), None)
        found[field] = None if text is None else _number(text)
    if found["off_nadir_deg"] is not None:
        found["off_nadir_deg"] = abs(found["off_nadir_deg"])  # the sign says which side
    moments = [pairs[name] for name in MOMENTS if name in pairs]
    if "IMAGING_DATE" in pairs and "IMAGING_TIME" in pairs:
        moments.append(f"{pairs['IMAGING_DATE']}T{pairs['IMAGING_TIME']}")
    moment = next((time for text in moments if (time := _time(text)) is not None), None)
    first, last = (_time(pairs.get(f"{name}ACQTIME", "")) for name in ("EARLIEST", "LATEST"))
    found["start"], found["end"] = moment or first, moment or last
    return found


def _number(text: str) -> float | None:
    try:
        return float(text.split()[0])
    except (ValueError, IndexError):
        return None


def _time(text: str, path: Path | None = None, *, strict: bool = False) -> datetime | None:
    """A moment in UTC; what tags write in no known form is no moment, in STAC it is an error."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        if strict:
            raise SceneError(
                f"{path} states a time that is none: {text!r}. STAC asks for "
                "`2024-06-01T10:00:00Z`."
            ) from error
        return None
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)


LIMITS = {"sun_elevation_deg": (-90, 90), "sun_azimuth_deg": (0, 360), "off_nadir_deg": (0, 90)}


def _checked(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What is stated and can be; one end of a range of time alone is not."""
    stated = {name: value for name, value in found.items() if value is not None}
    for name, (low, high) in LIMITS.items():
        value = stated.get(name, low)
        if not isinstance(value, int | float) or not (
            math.isfinite(value) and low <= value <= high
        ):
            raise SceneError(
                f"{path} states a {name.removesuffix('_deg').replace('_', ' ')} of {value!r} "
                f"degrees, expected a number from {low} to {high}. Correct it, or take it out."
            )
    if ("start" in stated) != ("end" in stated) or (
        "start" in stated and stated["start"] > stated["end"]
    ):
        raise SceneError(
            f"{path} states a range of time that does not begin before it ends: "
            f"{stated.get('start')} to {stated.get('end')}. Give both ends, or one moment."
        )
    return stated
