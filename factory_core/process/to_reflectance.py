"""Digital numbers to reflectance at the top of the atmosphere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.limits import check_above, check_within
from factory_core.process.pixels import values, white_of

# What the products call the height of the sun in degrees, lower case.
SUN_TAGS = ("sun_elevation", "sunelevation", "meansunel", "image_1.meansunel", "view:sun_elevation")
J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class ToReflectance:
    """Turn digital numbers into reflectance at the top of the atmosphere, as float32.

    With `esun`, gain and offset give radiance L, and the reflectance is
    pi L d^2 / (ESUN sin(elevation)) (Chander et al. 2009). Without, they give reflectance
    themselves, which is divided by the sine of the sun's elevation where `correct_sun` is
    set (Landsat 8 from its MTL file); products that are corrected already leave it out. The
    distance d comes from the time in the file (`ACQUISITIONDATETIME`), by the formula of the
    Astronomical Almanac, to 0.0003.

    Attributes:
        gain: Of each band; null: 1 over white (255 for 8 bits, 10,000 for other integers).
        offset: Of each band, added after the gain; null: 0.
        esun: Irradiance of the sun in each band, in the unit of the radiance times a
            steradian (W / m2 / um, mostly).
        correct_sun: Divide by the sine of the sun's elevation without `esun` too.
        sun_elevation_deg: Above the horizon; null: from the tags of the scene
            (`SUN_ELEVATION` and the like).
        distance_au: From the Earth to the sun; null: from the time of the scene.

    Raises:
        ValueError: A sun at or below the horizon or above 90 degrees, an ESUN or distance
            that is not positive.
    """

    gain: tuple[float, ...] | None = None
    offset: tuple[float, ...] | None = None
    esun: tuple[float, ...] | None = None
    correct_sun: bool = False
    sun_elevation_deg: float | None = None
    distance_au: float | None = None

    def __post_init__(self) -> None:
        check_within(0, 90, without=0, sun_elevation_deg=self.sun_elevation_deg)
        check_above(0, esun=self.esun)
        if self.distance_au is not None and not 0.98 < self.distance_au < 1.02:
            raise ValueError(
                "`distance_au` must lie between 0.98 and 1.02, as the Earth does. Received: "
                f"{self.distance_au}."
            )

    def __call__(self, raster: Raster) -> Raster:
        """`raster` as reflectance, NaN without data.

        Raises:
            ConfigError: There is not one gain, offset or ESUN for each band.
            SceneError: The sun or the time is neither stated nor in the file, or makes no sense.
        """
        count = len(raster.bands)
        for name in ("gain", "offset", "esun"):
            stated = getattr(self, name)
            if stated is not None and len(stated) != count:
                raise ConfigError(
                    f"`process.tasks.to_reflectance.{name}` has {len(stated)} values, and the "
                    f"scene {raster.scene_id!r} {count} bands: {', '.join(raster.bands)}. State "
                    "one for each."
                )
        gain = np.array(self.gain or [1 / white_of(raster, None)] * count)
        offset = np.array(self.offset or [0.0] * count)
        if self.esun is not None:
            factor = np.pi * self._distance(raster) ** 2 / np.array(self.esun)
            gain, offset = gain * factor, offset * factor
        if self.esun is not None or self.correct_sun:
            height = np.sin(np.radians(self._elevation(raster)))
            gain, offset = gain / height, offset / height

        def read(window: GeoBox) -> np.ndarray:
            found = values(raster, window) * gain[:, None, None] + offset[:, None, None]
            return np.asarray(found, np.float32)

        return replace(raster, dtype="float32", nodata=float("nan"), read=read)

    def _elevation(self, raster: Raster) -> float:
        if self.sun_elevation_deg is not None:
            return self.sun_elevation_deg
        tags = {name.lower(): value for name, value in raster.tags.items()}
        found = next((tags[name] for name in SUN_TAGS if name in tags), None)
        try:
            elevation = float(found) if found is not None else None
        except ValueError:
            elevation = float("nan")
        if elevation is None or not 0 < elevation <= 90:
            raise SceneError(
                f"The sun's elevation of the scene {raster.scene_id!r} is "
                f"{'not in its tags' if found is None else f'{found!r}'}: a number above 0 and up "
                "to 90 is needed. State `process.tasks.to_reflectance.sun_elevation_deg`, or set "
                "it in the file (`gdal_edit.py -mo SUN_ELEVATION=...`)."
            )
        return elevation

    def _distance(self, raster: Raster) -> float:
        if self.distance_au is not None:
            return self.distance_au
        return sun_distance_au(_time(raster.tags, scene_id=raster.scene_id))


def _time(tags: Mapping[str, str], *, scene_id: str) -> datetime:
    stated = tags.get("ACQUISITIONDATETIME", "").strip()
    try:
        time = datetime.fromisoformat(stated)
    except ValueError as error:
        raise SceneError(
            f"The tag ACQUISITIONDATETIME of the scene {scene_id!r} is {stated!r}, no time, and "
            "the distance of the sun depends on it. State "
            "`process.tasks.to_reflectance.distance_au`, or set the tag "
            "(`gdal_edit.py -mo ACQUISITIONDATETIME=2024-05-01T10:00:00Z`)."
        ) from error
    return time.replace(tzinfo=time.tzinfo or UTC)


def sun_distance_au(time: datetime) -> float:
    """Distance of the sun in astronomical units.

    Source: The Astronomical Almanac, low precision formulas for the sun; to 0.0003.

    >>> round(sun_distance_au(datetime(2024, 7, 5, tzinfo=UTC)), 3)
    1.017
    """
    days = (time - J2000).total_seconds() / 86_400
    anomaly = np.radians(357.529 + 0.98560028 * days)
    return float(1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly))
