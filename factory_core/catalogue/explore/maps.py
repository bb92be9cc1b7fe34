"""Maps of the scenes as SVG: all of them, and the places where they lie together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from markupsafe import Markup, escape

from factory_core.catalogue.explore.words import counted, number
from factory_core.kernel.geo import METRES_A_DEGREE

RAMP = ("#d3e3f1", "#9cc3e3", "#5a9bcb", "#2271ae", "#0a4a84")
NONE = "#eef1f4"
MIN_PX = 5.0
MOST_PLACES = 9
Place = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Map:
    """A drawn map.

    Attributes:
        svg: It.
        title: What it shows.
    """

    svg: Markup
    title: str


def draw_maps(scenes: gpd.GeoDataFrame) -> tuple[Map, list[Map]]:
    """The map of all scenes, and one of each place where that one is too small to see them.

    In each map degrees of longitude are shortened as on the ground at its middle
    (equirectangular projection).
    """
    shades = shade(scenes)
    whole = _draw(scenes, shades, width_px=1020, most_px=620)
    bounds = scenes.geometry.bounds
    extent = bounds["maxx"].max() - bounds["minx"].min()
    side = float((bounds["maxx"] - bounds["minx"]).median())
    places: list[Map] = []
    if len(scenes) > 1 and side / max(extent, 1e-12) * 1020 < 24:
        groups = _group(scenes, reach_deg=max(6 * side, extent / 25))
        for rows in groups[:MOST_PLACES] if len(groups) > 1 else []:
            here = scenes.iloc[rows]
            places.append(Map(_draw(here, shades, width_px=320, most_px=240), _caption(here)))
    return Map(whole, "All scenes"), places


def shade(scenes: gpd.GeoDataFrame) -> pd.Series:
    """Step of the colours for each scene by its labels a square kilometre; -1 without a label."""
    density = scenes["labels_per_km2"].where(scenes["labels_count"] > 0)
    ranks = density.rank(pct=True, method="max")
    steps = np.ceil(ranks * len(RAMP)).fillna(0).astype(int) - 1
    return pd.Series(steps, index=scenes.index)


def _group(scenes: gpd.GeoDataFrame, *, reach_deg: float) -> list[np.ndarray]:
    """Rows of the scenes that lie together, the largest group first."""
    outlines = shapely.box(*scenes.geometry.bounds.to_numpy().T)
    ground = shapely.union_all(shapely.buffer(outlines, reach_deg / 2, quad_segs=1))
    pieces = np.array(getattr(ground, "geoms", [ground]))
    _, piece = shapely.STRtree(pieces).query(shapely.centroid(outlines), predicate="intersects")
    groups = [np.flatnonzero(piece == index) for index in range(len(pieces))]
    return sorted(groups, key=len, reverse=True)


def _caption(scenes: gpd.GeoDataFrame) -> str:
    west, south, east, north = scenes.total_bounds
    place = f"{_degrees((south + north) / 2, 'NS', 2)} {_degrees((west + east) / 2, 'EW', 2)}"
    labels = counted(int(scenes["labels_count"].sum()), "label")
    return f"{place}: {counted(len(scenes), 'scene')}, {labels}"


def _degrees(value: float, signs: str, digits: int) -> str:
    return f"{abs(value):.{digits}f}°\N{THIN SPACE}{signs[int(value < 0)]}"


def _draw(scenes: gpd.GeoDataFrame, shades: pd.Series, *, width_px: int, most_px: int) -> Markup:
    west, south, east, north = scenes.total_bounds
    squeeze = max(float(np.cos(np.radians((south + north) / 2))), 0.05)
    width, height = max((east - west) * squeeze, 1e-6), max(north - south, 1e-6)
    margin = 36 if width_px > 500 else 14
    scale = min((width_px - 2 * margin) / width, (most_px - 2 * margin) / height)
    height_px = max(round(height * scale) + 2 * margin, 120)
    left, top = (width_px - width * scale) / 2, (height_px - height * scale) / 2

    def place(points: np.ndarray) -> np.ndarray:
        x = left + (points[:, 0] - west) * squeeze * scale
        return np.stack([x, top + (north - points[:, 1]) * scale], axis=1)

    parts = [_scale_bar(scale, height_px, width_px)]
    if width_px > 500:
        beside, above = left / (squeeze * scale), top / scale
        edges = (west - beside, south - above, east + beside, north + above)
        parts = [_graticule(edges, place, width_px, height_px), *parts]
    # Small ones last, or large ones would hide them.
    order = np.argsort(-shapely.area(scenes.geometry.to_numpy()), kind="stable")
    parts += [_scene(scenes.iloc[row], shades, place) for row in order]
    return Markup(  # noqa: S704 - every name in it is escaped
        f'<svg viewBox="0 0 {width_px} {height_px}" width="{width_px}" role="img">'
        f"{''.join(parts)}</svg>"
    )


def _scene(row: pd.Series, shades: pd.Series, place: Place) -> str:
    step = int(shades[str(row.name)])
    fill = RAMP[step] if step >= 0 else NONE
    when = "" if pd.isna(row["taken"]) else f", {row['taken']:%Y-%m-%d}"
    said = f"{row.name}: {counted(int(row['labels_count']), 'label')}{when}"
    points = place(shapely.get_coordinates(row["geometry"]))
    low, high = points.min(axis=0), points.max(axis=0)
    name = f"<title>{escape(said)}</title>"
    if max(high - low) < MIN_PX:
        x, y = (low + high) / 2
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}">{name}</circle>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{path}" fill="{fill}">{name}</polygon>'


def _scale_bar(scale: float, height_px: int, width_px: int) -> str:
    """A bar of a round length, about a fifth of the map."""
    metres_a_px = METRES_A_DEGREE / scale
    wanted = width_px / 6 * metres_a_px
    power = 10 ** np.floor(np.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    end, y = 12 + length / metres_a_px, height_px - 10
    return (
        f'<path class="bar" d="M12 {y - 5}V{y}H{end:.1f}V{y - 5}"/>'
        f'<text x="{end + 6:.1f}" y="{y}">{text}</text>'
    )


def _graticule(bounds: Sequence[float], place: Place, width_px: int, height_px: int) -> str:
    """Three to six lines each way, at round degrees."""
    west, south, east, north = bounds
    parts = []
    step = _round_step(max(east - west, north - south) / 4)
    digits = max(0, -int(np.floor(np.log10(step))))
    for value in np.arange(np.ceil(west / step), np.floor(east / step) + 1) * step:
        ((x, _),) = place(np.array([[value, south]]))
        parts.append(f'<path class="grid" d="M{x:.1f} 0V{height_px}"/>')
        parts.append(f'<text x="{x + 4:.1f}" y="12">{_degrees(value, "EW", digits)}</text>')
    for value in np.arange(np.ceil(south / step), np.floor(north / step) + 1) * step:
        ((_, y),) = place(np.array([[west, value]]))
        parts.append(f'<path class="grid" d="M0 {y:.1f}H{width_px}"/>')
        parts.append(f'<text x="4" y="{y - 4:.1f}">{_degrees(value, "NS", digits)}</text>')
    return "".join(parts)


def _round_step(wanted: float) -> float:
    power = 10 ** np.floor(np.log10(max(wanted, 1e-7)))
    return float(max(step * power for step in (1, 2, 5) if step * power <= max(wanted, 1e-7)))


def legend(scenes: gpd.GeoDataFrame) -> list[tuple[str, str]]:
    """Colour and meaning of each step that some scene has."""
    steps = shade(scenes)
    found = [(NONE, "no label")] if (steps < 0).any() else []
    for step, colour in enumerate(RAMP):
        density = scenes.loc[steps == step, "labels_per_km2"]
        if len(density):
            low, high = number(density.min()), number(density.max())
            found.append((colour, low if low == high else f"{low} to {high}"))
    return found
