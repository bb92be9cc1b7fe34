"""The section `catalogue` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.catalogue.view import Context


@dataclass(frozen=True)
class Settings:
    """Where scenes and labels lie, and what is measured.

    Attributes:
        scenes: Glob under the raw data.
        labels: Glob under the raw data.
        companions: File name of what goes with a scene, by name, with `{scene_id}` in it.
        bands: Names of the bands, for files that do not tell them.
        white: Value of a white surface; None takes it from the type of the pixels.
        cell_m: Side of the squares in which contexts are measured.
        contexts: What is measured in each cell, a column each.
    """

    scenes: str
    labels: str
    companions: dict[str, str]
    bands: tuple[str, ...]
    white: float | None
    cell_m: float
    contexts: dict[str, Context]

    def __post_init__(self) -> None:
        """Refuse cells that cannot be cut and contexts that would hide a column."""
        if not self.cell_m > 0:
            raise ValueError(
                f"`cell_m` must be greater than 0. Received: {self.cell_m}. Use the side of a "
                "window on the ground: 128."
            )
