"""Where two versions differ most, drawn side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from odc.geo.geobox import GeoBox

from factory_core.evaluate.compare.objects import Change
from factory_core.evaluate.comparison import Comparison
from factory_core.evaluate.pictures import crowded, draw_scene
from factory_core.evaluate.report import Picture, photo
from factory_core.kernel.compute import Compute


@dataclass(frozen=True)
class Place:
    """A part of a scene where two versions differ.

    Attributes:
        change: The scene under both.
        window: The part.
        objects: Number of objects in it that came out otherwise.
    """

    change: Change
    window: GeoBox
    objects: int


def places_that_differ(changes: Sequence[Change], *, size_px: int, count: int) -> list[Place]:
    """Up to `count` windows with the most changed objects, from a grid on each scene."""
    places = [
        Place(change, window, len(held))
        for change in changes
        for window, held in crowded(
            change.second.scene.geobox, change.objects.geometry.to_numpy(), size_px=size_px
        )
    ]
    return sorted(places, key=lambda place: -place.objects)[:count]


def draw_side_by_side(
    places: Sequence[Place], *, names: tuple[str, str], max_px: int, compute: Compute
) -> list[tuple[str, Picture, Picture]]:
    """A title and two pictures of each place, the first version and the second."""
    with tempfile.TemporaryDirectory() as folder:
        sides = [
            (comparison, place.window, f"{name}: {comparison.scene.scene_id}", Path(folder, file))
            for number, place in enumerate(places)
            for comparison, name, file in (
                (place.change.first, names[0], f"{number}_first.png"),
                (place.change.second, names[1], f"{number}_second.png"),
            )
        ]
        compute.map(partial(_draw, max_px=max_px), sides, label="compare: draw")
        drawn = [photo(file, title=title) for _, _, title, file in sides]
    titles = [
        f"{place.change.second.scene.scene_id}: {place.objects} "
        f"object{'s' if place.objects != 1 else ''} came out otherwise"
        for place in places
    ]
    return list(zip(titles, drawn[::2], drawn[1::2], strict=True))


def _draw(side: tuple[Comparison, GeoBox, str, Path], *, max_px: int) -> None:
    comparison, window, title, file = side
    draw_scene(comparison, window=window, max_px=max_px, out=file, title=title)
