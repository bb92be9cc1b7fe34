"""Pictures of scenes with found, missed and false objects drawn on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from geopandas import GeoDataFrame
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from odc.geo.geobox import GeoBox
from PIL import Image
from shapely.geometry.base import BaseGeometry

from factory_core.evaluate.comparison import Comparison
from factory_core.evaluate.objects import NONE
from factory_core.kernel import io
from factory_core.kernel.geo import footprint, window_at

# From the palette of Okabe and Ito, told apart with every kind of colour vision.
FOUND, MISSED, FALSE = "#56B4E9", "#F0E442", "#D55E00"
STYLES: dict[str, tuple[str, str]] = {
    "found": (FOUND, "solid"),
    "missed": (MISSED, (0, (4, 1.2))),  # type: ignore[dict-item]  # dashes of matplotlib
    "false": (FALSE, "solid"),
}
NO_DATA = 235
DPI = 100
FOOTER_PX = 56
LEAST_PX = 640
POINT_PX = 4


@dataclass(frozen=True)
class Place:
    """A part of a scene where much went wrong.

    Attributes:
        comparison: The scene.
        window: The part.
        missed: Number of labels in it that no detection matched.
        false: Number of detections in it that matched none.
    """

    comparison: Comparison
    window: GeoBox
    missed: int
    false: int


def worst_scenes(comparisons: Sequence[Comparison], *, count: int) -> list[Comparison]:
    """Up to `count` scenes, those with the most missed and false objects first."""
    return sorted(comparisons, key=lambda c: (-sum(map(len, _wrong(c))), c.scene.scene_id))[:count]


def worst_places(comparisons: Sequence[Comparison], *, size_px: int, count: int) -> list[Place]:
    """Up to `count` windows with the most missed and false objects, from a grid on each scene."""
    places = []
    for comparison in comparisons:
        missed, false = (frame.geometry.to_numpy() for frame in _wrong(comparison))
        is_missed = np.arange(len(missed) + len(false)) < len(missed)
        crowds = crowded(comparison.scene.geobox, np.concatenate([missed, false]), size_px=size_px)
        for window, held in crowds:
            among = int(is_missed[held].sum())
            places.append(Place(comparison, window, among, len(held) - among))
    return sorted(places, key=lambda place: -(place.missed + place.false))[:count]


def crowded(
    scene: GeoBox, shapes: np.ndarray, *, size_px: int
) -> Iterator[tuple[GeoBox, np.ndarray]]:
    """The windows of a grid on a scene that hold any of `shapes`, and which each holds.

    Its cells are as even as whole pixels allow: none overlaps another, and none is a sliver at an
    edge. Their sides are three quarters to one and a half times `size_px`, and no longer than those
    of the scene.

    Args:
        scene: The scene.
        shapes: In its CRS; each is held where a point of it lies.
        size_px: Side of a window, about.
    """
    x, y = shapely.get_coordinates(shapely.point_on_surface(shapes)).reshape(-1, 2).T
    edges = [_edges(side, size_px=size_px) for side in scene.shape]
    places = (~scene.affine @ (x, y))[::-1]
    cells = np.column_stack(
        [
            np.clip(np.searchsorted(edge, place, side="right") - 1, 0, len(edge) - 2)
            for edge, place in zip(edges, places, strict=True)
        ]
    )
    filled, cell_of, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    by_cell = np.split(np.argsort(cell_of.ravel(), kind="stable"), np.cumsum(counts)[:-1])
    for cell, held in zip(filled, by_cell, strict=False):
        (top, bottom), (left, right) = (
            (int(edge[at]), int(edge[at + 1])) for edge, at in zip(edges, cell, strict=True)
        )
        window = window_at(scene, row=top, column=left, shape=(bottom - top, right - left))
        yield window, held


def _edges(side_px: int, *, size_px: int) -> np.ndarray:
    """Where the cells of a side begin, and its end."""
    count = max(1, round(side_px / size_px))
    return np.arange(count + 1) * side_px // count


def area_window(comparison: Comparison) -> GeoBox:
    """The smallest window of a scene that holds the area of the split."""
    geobox = comparison.scene.geobox
    x_min, y_min, x_max, y_max = comparison.scene.area.bounds
    columns, rows = ~geobox.affine @ (np.array([x_min, x_max]), np.array([y_max, y_min]))
    top, bottom = np.clip([np.floor(rows.min()), np.ceil(rows.max())], 0, geobox.shape[0])
    left, right = np.clip([np.floor(columns.min()), np.ceil(columns.max())], 0, geobox.shape[1])
    shape = (max(1, int(bottom - top)), max(1, int(right - left)))
    return window_at(geobox, row=int(top), column=int(left), shape=shape)


def draw_scene(
    comparison: Comparison, *, window: GeoBox, max_px: int, out: Path, title: str = ""
) -> None:
    """Draw a window of a scene with its objects as PNG, north up, whole or not at all.

    Found objects show their detection, and their label as a thin line; missed ones their
    label, false ones their detection. What lies outside the area of the split is pale.

    Args:
        comparison: The scene, matched.
        window: What of it to show.
        max_px: Longest side of the imagery in the picture; small windows are enlarged.
        out: File to write.
        title: Of the picture; empty is the id of the scene.
    """
    pixels = natural_colours(comparison.scene.path, window=window, max_px=max_px)
    height, width = _size_px(window, max_px=max_px)
    page = (height + FOOTER_PX, max(width, LEAST_PX))
    figure = Figure(figsize=(page[1] / DPI, page[0] / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    left = (page[1] - width) / 2 / page[1]
    axes = figure.add_axes((left, FOOTER_PX / page[0], width / page[1], height / page[0]))
    view = footprint(window)
    x_min, y_min, x_max, y_max = view.bounds
    axes.imshow(pixels, extent=(x_min, x_max, y_min, y_max), interpolation="nearest")
    axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="auto")
    axes.set_axis_off()
    _pale(axes, view.difference(comparison.scene.area))
    counts = _draw_objects(axes, comparison, view=view, pixel_m=(x_max - x_min) / width)
    footer = figure.add_axes((0, 0, 1, FOOTER_PX / page[0]))
    footer.set(xlim=(0, page[1]), ylim=(0, FOOTER_PX))
    footer.set_axis_off()
    _draw_footer(
        footer,
        title=title or comparison.scene.scene_id,
        counts=counts,
        pixel_m=(x_max - x_min) / width,
        width_px=page[1],
    )
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    with io.staged_file(out) as work:
        Image.fromarray(drawn[..., :3]).save(work, format="PNG")


def natural_colours(path: Path, *, window: GeoBox, max_px: int) -> np.ndarray:
    """Red, green and blue of a window, else its first bands, ready to look at.

    Returns:
        `(height, width, 3)` uint8; pixels without data are light grey. Other types than uint8
        are stretched from their 2nd to their 98th percentile.
    """
    names = io.open_raster(path).bands
    bands = io.read_overview(path, max_px=max_px, window=window)
    if {"red", "green", "blue"} <= set(names):
        chosen = [names.index(name) for name in ("red", "green", "blue")]
    else:
        chosen = [0, 1, 2] if len(names) >= 3 else [0, 0, 0]
    image = np.moveaxis(bands[chosen], 0, -1)
    empty = np.ma.getmaskarray(image).all(axis=-1)
    values = image.filled(0)
    if values.dtype != np.uint8:
        known = values[~empty] if (~empty).any() else np.zeros((1, 3))
        low, high = np.percentile(known, [2, 98], axis=0)
        values = np.clip((values - low) / np.maximum(high - low, 1e-9) * 255, 0, 255)
    values = values.astype(np.uint8)
    values[empty] = NO_DATA
    return values


def _size_px(window: GeoBox, *, max_px: int) -> tuple[int, int]:
    longest = max(window.shape)
    scale = np.clip(longest, min(LEAST_PX, max_px), max_px) / longest
    height, width = (max(1, round(side * scale)) for side in window.shape)
    return height, width


def _wrong(comparison: Comparison) -> tuple[GeoDataFrame, GeoDataFrame]:
    scene = comparison.scene
    return scene.labels[~comparison.found], scene.detections[comparison.label_of == NONE]


def _draw_objects(
    axes: Axes, comparison: Comparison, *, view: BaseGeometry, pixel_m: float
) -> dict[str, int]:
    scene = comparison.scene
    missed, false = _wrong(comparison)
    found = scene.detections[comparison.label_of != NONE]
    true = scene.labels[comparison.found]
    _draw(axes, true.geometry.to_numpy(), kind="found", width=0.8, pixel_m=pixel_m)
    for kind, frame in (("found", found), ("false", false), ("missed", missed)):
        _draw(axes, frame.geometry.to_numpy(), kind=kind, width=2.0, pixel_m=pixel_m)
    return dict(zip(STYLES, _counts((found, missed, false), view), strict=True))


def _counts(frames: Iterable[GeoDataFrame], view: BaseGeometry) -> list[int]:
    """How many objects of each frame a view shows: those with a point inside."""
    points = (shapely.point_on_surface(frame.geometry.to_numpy()) for frame in frames)
    return [int(shapely.intersects(view, inside).sum()) for inside in points]


def _draw(axes: Axes, shapes: np.ndarray, *, kind: str, width: float, pixel_m: float) -> None:
    colour, dashes = STYLES[kind]
    lines = _lines(shapes, point_m=POINT_PX * pixel_m)
    thin = width * 72 / DPI
    axes.add_collection(LineCollection(lines, colors="black", linewidths=thin + 1.1, alpha=0.45))
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=thin, linestyles=dashes))


def _lines(shapes: np.ndarray, *, point_m: float) -> list[np.ndarray]:
    """Outlines of polygons, lines as they are, a small circle for a point."""
    parts = shapely.get_parts(shapes)
    kinds = shapely.get_dimensions(parts)
    rings = shapely.get_parts(
        shapely.boundary(
            np.concatenate([parts[kinds == 2], shapely.buffer(parts[kinds == 0], point_m)])
        )
    )
    return [shapely.get_coordinates(line) for line in (*rings, *parts[kinds == 1])]


def _pale(axes: Axes, outside: BaseGeometry) -> None:
    polygons = shapely.get_parts(shapely.orient_polygons(outside))
    polygons = polygons[shapely.get_dimensions(polygons) == 2]
    if not len(polygons):
        return
    rings = shapely.get_rings(polygons)
    outline = Outline.make_compound_path(
        *(Outline(shapely.get_coordinates(ring), closed=True) for ring in rings)
    )
    axes.add_patch(PathPatch(outline, facecolor="white", alpha=0.6, linewidth=0))


def _draw_footer(
    axes: Axes, *, title: str, counts: dict[str, int], pixel_m: float, width_px: int
) -> None:
    """Title and legend on the left, scale bar and north arrow on the right; one unit a pixel."""
    axes.text(14, 38, title, fontsize=8.5, va="center", weight="bold", clip_on=True)
    x = 14.0
    for kind, (colour, dashes) in STYLES.items():
        for line_width, shade, style in ((4.5, "#333333", "solid"), (2.8, colour, dashes)):
            axes.add_line(
                Line2D(
                    [x, x + 26],
                    [17, 17],
                    lw=line_width,
                    color=shade,
                    ls=style,
                    dash_capstyle="butt",
                )
            )
        axes.text(x + 33, 16.5, f"{kind} {counts[kind]}", fontsize=8.5, va="center")
        x += 128
    bar_m = _round_length(pixel_m * width_px * 0.2)
    bar_px = bar_m / pixel_m
    end = width_px - 52
    axes.add_line(Line2D([end - bar_px, end], [17, 17], lw=2.2, color="black"))
    for tick in (end - bar_px, end):
        axes.add_line(Line2D([tick, tick], [13, 21], lw=1.4, color="black"))
    label = f"{bar_m / 1000:g} km" if bar_m >= 1000 else f"{bar_m:g} m"
    axes.text(end - bar_px / 2, 35, label, fontsize=8.5, ha="center", va="center")
    north = width_px - 24
    axes.fill([north, north - 7, north, north + 7], [40, 12, 18, 12], color="black", lw=0)
    axes.text(north, 47, "N", fontsize=8, ha="center", va="center", weight="bold")


def _round_length(length_m: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is at most `length_m`."""
    power = 10.0 ** np.floor(np.log10(length_m))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length_m * (1 + 1e-9)))
