"""How much of a scene is empty."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.catalogue.view import View


@dataclass(frozen=True)
class NodataShare:
    """Share of pixels without data: nodata, transparent or not a number in any band."""

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` without data, in [0, 1]."""
        return float(1 - view.seen.mean())
