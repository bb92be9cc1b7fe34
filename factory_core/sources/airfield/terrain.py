"""The land around an airfield: fields, grass, snow, trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from shapely import contains_xy, prepare
from shapely.affinity import scale, translate
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from factory_core.sources.airfield.canvas import Canvas, texture
from factory_core.sources.airfield.spectra import BANDS, spectrum


@dataclass(frozen=True)
class Season:
    """What the land looks like at one time of the year.

    Attributes:
        fields: Surfaces of the fields around.
        grass: Surface between the pavements.
        crown: Surface of the trees.
        trees: A hectare.
        snow: Share of the land under snow.
    """

    fields: tuple[str, ...]
    grass: str
    crown: str
    trees: float
    snow: float = 0.0


SEASONS: Mapping[str, Season] = {
    "summer": Season(("crop", "meadow", "ripe_crop", "meadow", "crop"), "mown_grass", "crown", 60),
    "spring": Season(("meadow", "soil", "crop", "crop"), "mown_grass", "crown", 45),
    "dry": Season(("sand", "dry_grass", "gravel", "stubble", "sand"), "dry_grass", "crown", 6),
    "winter": Season(("stubble", "soil", "dry_grass"), "dry_grass", "bare_crown", 40, snow=0.96),
}


def paint_land(
    canvas: Canvas, season: Season, *, turn_deg: float, rng: np.random.Generator
) -> None:
    """Cover the whole canvas with fields, and with mown grass in its middle."""
    height, width = canvas.pixels.shape[1:]
    rows, columns = np.mgrid[:height, :width] * canvas.resolution_m
    turn = np.radians(turn_deg)
    x, y = columns - width * canvas.resolution_m / 2, rows - height * canvas.resolution_m / 2
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    side = max(height, width) * canvas.resolution_m
    wavy = texture(rng, (height, width), coarsest_px=32) * 0.6
    fields = _fields(along, across, side=side, rng=rng)
    surfaces = np.array([spectrum(name) for name in season.fields])
    kinds = rng.integers(len(surfaces), size=fields.max() + 1)
    tones = rng.normal(1, 0.10, size=fields.max() + 1)
    rowing = rng.uniform(0, np.pi, size=fields.max() + 1)[fields]
    furrows = np.sin((along * np.cos(rowing) + across * np.sin(rowing)) * 2 * np.pi / 3.1)
    land = surfaces[kinds[fields]].transpose(2, 0, 1).astype(np.float32)
    land[: len(BANDS)] *= tones[fields] * (1 + 0.045 * furrows)
    grass = spectrum(season.grass)[:, None, None] * np.ones_like(land)
    mown = np.where(np.floor((along + 1.5 * wavy) / 5.5) % 2 == 0, 1.04, 0.95)
    grass[: len(BANDS)] *= mown
    inside = np.clip((0.345 * side - np.abs(across + 0.08 * side + wavy)) / 1.0, 0, 1)
    canvas.pixels[:] = land + (grass - land) * inside
    coarse = texture(rng, (height, width), coarsest_px=64)
    fine = texture(rng, (height, width), coarsest_px=4)
    canvas.pixels[: len(BANDS)] *= np.clip(1 + 0.085 * coarse + 0.06 * fine, 0.4, 1.8)
    if season.snow:
        _lay_snow(canvas, season.snow, coarse=coarse, furrows=furrows, rng=rng)


def _fields(
    along: np.ndarray, across: np.ndarray, *, side: float, rng: np.random.Generator
) -> np.ndarray:
    """Number of the field of each pixel: longer than wide, along the runway."""
    count = max(6, int((side / 70) ** 2) + 6)
    middles = rng.uniform(-0.8 * side, 0.8 * side, size=(count, 2)) * [1, 2.2]
    places = np.stack([along.ravel(), across.ravel() * 2.2], axis=1)
    return np.asarray(cKDTree(middles).query(places, p=1)[1]).reshape(along.shape)


def _lay_snow(
    canvas: Canvas,
    share: float,
    *,
    coarse: np.ndarray,
    furrows: np.ndarray,
    rng: np.random.Generator,
) -> None:
    depth = coarse + 0.15 * furrows + 0.5 * texture(rng, coarse.shape, coarsest_px=8)
    bare = np.quantile(depth, 1 - share)
    cover = np.clip((depth - bare) * 4 + 0.5, 0, 1)
    snow = spectrum("snow")[:, None, None] * np.ones_like(canvas.pixels)
    snow[: len(BANDS)] *= 1 + 0.025 * coarse + 0.012 * furrows
    canvas.pixels[:] += (snow - canvas.pixels) * cover


def plant_trees(
    canvas: Canvas,
    season: Season,
    *,
    free: BaseGeometry,
    sun: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Put trees in groups, in hedges and alone, outside `free`."""
    height, width = (length * canvas.resolution_m for length in canvas.pixels.shape[1:])
    wanted = int(season.trees * height * width / 10_000)
    groups = rng.uniform(0, 1, size=(max(2, wanted // 18), 2)) * [width, height]
    spread = rng.normal(0, 1, size=(wanted, 2)) * rng.choice([3.0, 9.0, 22.0], size=(wanted, 1))
    places = groups[rng.integers(len(groups), size=wanted)] + spread
    prepare(free)
    places = places[~contains_xy(free, *places.T)]
    sizes = rng.gamma(9, 0.30, size=len(places)) + 0.6
    for (x, y), radius in zip(places, sizes, strict=True):
        tall = 2.2 * radius
        canvas.shade(
            LineString([(x, y), (x + sun[0] * tall, y + sun[1] * tall)]).buffer(radius * 0.82),
            depth=0.55 if season.snow == 0 else 0.30,
        )
    for (x, y), radius in zip(places, sizes, strict=True):
        _paint_crown(canvas, season.crown, x, y, radius, sun, rng)


def _paint_crown(
    canvas: Canvas,
    surface: str,
    x: float,
    y: float,
    radius: float,
    sun: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """A crown of leaves: darker away from the sun, lumpy towards it."""
    leafless = surface == "bare_crown"
    canvas.paint(Point(x, y).buffer(radius), surface, tone=0.75, opacity=0.55 if leafless else 0.95)
    strength = max(float(np.hypot(*sun)), 1e-6)
    for _ in range(3 if leafless else 6):
        angle, reach = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.15, 0.6)
        lump = Point(x + np.cos(angle) * reach, y + np.sin(angle) * reach).buffer(radius * 0.34)
        lit = -(np.cos(angle) * sun[0] + np.sin(angle) * sun[1]) / strength
        lump = translate(scale(lump, 1, 0.9), -sun[0] * 0.2, -sun[1] * 0.2)
        canvas.paint(lump, surface, tone=1.15 + 0.55 * lit, opacity=0.4 if leafless else 0.7)
