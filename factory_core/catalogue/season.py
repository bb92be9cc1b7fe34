"""What time of the year a scene shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.catalogue.view import View


@dataclass(frozen=True)
class Season:
    """Where between midwinter and midsummer the scene was taken, on its half of the Earth.

    By the declination of the sun, `sin(360 (284 + n) / 365)` of day n (Cooper, The absorption
    of radiation in solar stills, Solar Energy 12, 1969). Spring and autumn both lie
    around 0.5; near the equator it says little. For months ask SQL: `month(datetime)`.
    """

    def __call__(self, view: View) -> float:
        """Season of `view`.

        Returns:
            0 in midwinter, 1 in midsummer; NaN where the time is not known, or a range
            longer than a month.
        """
        taken = view.acquired
        if taken.middle is None or (taken.end - taken.start).days > 31:  # type: ignore[operator]  # both known
            return float("nan")
        day = taken.middle.timetuple().tm_yday
        height = float(np.sin(np.radians(360 * (284 + day) / 365)))
        return (1 + (height if taken.latitude_deg >= 0 else -height)) / 2
