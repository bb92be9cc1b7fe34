"""How fine a scene is."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.catalogue.view import View


@dataclass(frozen=True)
class GroundResolution:
    """Side of a pixel of the file on the ground (ground sampling distance)."""

    def __call__(self, view: View) -> float:
        """Metres a pixel."""
        return view.gsd_m
