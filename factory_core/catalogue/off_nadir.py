"""How slanted the line of sight was."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.catalogue.view import View


@dataclass(frozen=True)
class OffNadir:
    """Angle between the line of sight and straight down, in degrees: high objects lean by it.

    `VIEWING_ANGLE` of DIMAP, `meanOffNadirViewAngle` of IMD, `view:off_nadir` of STAC.
    """

    def __call__(self, view: View) -> float:
        """Degrees; NaN where the metadata do not tell."""
        stated = view.acquired.off_nadir_deg
        return float("nan") if stated is None else stated
