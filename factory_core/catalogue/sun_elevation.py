"""How high the sun stood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from factory_core.catalogue.view import View


@dataclass(frozen=True)
class SunElevation:
    """Height of the sun above the horizon, in degrees: low sun, long shadows.

    As the metadata state it; else computed from time and place to about half a degree
    (Spencer, Fourier series representation of the position of the sun, Search 2, 1971).
    """

    def __call__(self, view: View) -> float:
        """Elevation in degrees.

        Returns:
            NaN where neither angle nor moment is known, or where the sun had not risen at the
            stated moment, which then is a mere date.
        """
        taken = view.acquired
        if taken.sun_elevation_deg is not None:
            return taken.sun_elevation_deg
        if taken.start is None or taken.start != taken.end:
            return float("nan")
        found = _elevation_deg(taken.start, taken.longitude_deg, taken.latitude_deg)
        return found if found > 0 else float("nan")


def _elevation_deg(moment: datetime, longitude_deg: float, latitude_deg: float) -> float:
    hours = moment.hour + moment.minute / 60 + moment.second / 3600
    day = 2 * np.pi * (moment.timetuple().tm_yday - 1 + (hours - 12) / 24) / 365
    declination = (
        0.006918
        - 0.399912 * np.cos(day)
        + 0.070257 * np.sin(day)
        - 0.006758 * np.cos(2 * day)
        + 0.000907 * np.sin(2 * day)
        - 0.002697 * np.cos(3 * day)
        + 0.00148 * np.sin(3 * day)
    )
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * np.cos(day)
        - 0.032077 * np.sin(day)
        - 0.014615 * np.cos(2 * day)
        - 0.040849 * np.sin(2 * day)
    )
    solar_hours = hours + longitude_deg / 15 + equation_min / 60
    hour_angle = np.radians(15 * (solar_hours - 12))
    latitude = np.radians(latitude_deg)
    sine = np.sin(latitude) * np.sin(declination)
    sine += np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return float(np.degrees(np.arcsin(np.clip(sine, -1, 1))))
