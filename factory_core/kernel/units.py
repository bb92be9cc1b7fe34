"""Units that names carry: a context without one is a share or an index from 0 to 1."""

from __future__ import annotations

UNITS = {"_m": "m", "_km": "km", "_px": "px", "_m2": "m²", "_km2": "km²", "_deg": "°"}


def unit_of(name: str) -> str:
    """The unit that the end of a name states, as it is written; empty where there is none.

    Example:
        >>> unit_of("relief_m"), unit_of("off_nadir_deg"), unit_of("snow")
        ('m', '°', '')
    """
    return next((sign for suffix, sign in UNITS.items() if name.endswith(suffix)), "")
