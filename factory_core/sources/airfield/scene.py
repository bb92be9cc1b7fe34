"""One scene of the airfield sample: painted, veiled by air, turned into numbers of 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from shapely import union_all
from shapely.affinity import translate

from factory_core.sources.airfield.canvas import Canvas, texture
from factory_core.sources.airfield.plan import Building, Plan, draw_plan
from factory_core.sources.airfield.spectra import BANDS
from factory_core.sources.airfield.terrain import SEASONS, Season, paint_land, plant_trees

RESOLUTION_M = 0.5
WHITE = 10_000
# Light that the air of a clear day adds, and light of thick haze: both bluish.
CLEAR_AIR = np.array([0.022, 0.012, 0.006, 0.003], np.float32)
HAZE_LIGHT = np.array([0.50, 0.475, 0.45, 0.40], np.float32)
# Haze thins out towards longer waves as the power -1.3 of the wavelength (Angstrom).
HAZE_DEPTH = np.array([1.24, 1.00, 0.81, 0.61], np.float32)


@dataclass(frozen=True)
class Setting:
    """When and how a scene was taken, and who uses the airfield.

    Attributes:
        name: Id of the scene.
        season: Key of `SEASONS`.
        users: Key of `USERS`.
        haze: Share of green light that comes from the air, on average.
        turn_deg: Direction of the runway.
        sun_deg: Azimuth of the sun, clockwise from up.
        sun_height_deg: Above the horizon.
        time: When it was taken, ISO 8601.
    """

    name: str
    season: str
    users: str
    haze: float
    turn_deg: float
    sun_deg: float
    sun_height_deg: float
    time: str


@dataclass(frozen=True)
class Scene:
    """A finished scene.

    Attributes:
        pixels: `(4, height, width)` uint16, reflectance times 10,000.
        plan: What stands where.
        truth: Share under plants, under snow and in shade, mean veil, each in [0, 1].
    """

    pixels: np.ndarray
    plan: Plan
    truth: dict[str, float]


def make_scene(setting: Setting, *, size_px: int, rng: np.random.Generator) -> Scene:
    """Paint one scene of `size_px` by `size_px` pixels."""
    season = SEASONS[setting.season]
    plan = draw_plan(
        size_px * RESOLUTION_M, users=setting.users, turn_deg=setting.turn_deg, rng=rng
    )
    canvas = Canvas(np.zeros((len(BANDS) + 3, size_px, size_px), np.float32), RESOLUTION_M)
    sun = _sun(setting)
    paint_land(canvas, season, turn_deg=setting.turn_deg, rng=rng)
    _pave(canvas, plan, season, rng)
    for building in plan.buildings:
        _build(canvas, building, season, sun, rng)
    for vehicle in plan.vehicles:
        canvas.shade(translate(vehicle.shape, sun[0] * 1.2, sun[1] * 1.2), depth=0.5)
        canvas.paint(vehicle.shape, vehicle.surface, tone=vehicle.tone)
    for aircraft in plan.aircraft:
        aircraft.paint(canvas, sun=sun)
    plant_trees(canvas, season, free=plan.kept_free(), sun=sun, rng=rng)
    reflectance, veil = _look_through_air(canvas.pixels[: len(BANDS)], setting.haze, rng)
    noisy = reflectance + rng.normal(0, 0.004, reflectance.shape)
    plants, snow, shade = canvas.pixels[len(BANDS) :]
    return Scene(
        pixels=np.clip(np.rint(noisy * WHITE), 1, 65_535).astype(np.uint16),
        plan=plan,
        truth={
            "vegetation": float(plants.mean()),
            "snow": float(snow.mean()),
            "shadow": float(shade.mean()),
            "haze": float(veil.mean()),
        },
    )


def _sun(setting: Setting) -> tuple[float, float]:
    """Shift of a shadow, in metres along x and y (down), for each metre of height."""
    length = 1 / np.tan(np.radians(setting.sun_height_deg))
    azimuth = np.radians(setting.sun_deg)
    return -float(np.sin(azimuth) * length), float(np.cos(azimuth) * length)


def _pave(canvas: Canvas, plan: Plan, season: Season, rng: np.random.Generator) -> None:
    before = canvas.pixels.copy()
    for paint in plan.pavements:
        surface = season.grass if paint.surface == "mown_grass" else paint.surface
        canvas.paint(paint.shape, surface, tone=paint.tone, opacity=paint.opacity)
    for paint in plan.markings:
        canvas.paint(paint.shape, paint.surface, tone=paint.tone, opacity=paint.opacity)
    paved = canvas.cover(union_all([paint.shape for paint in plan.pavements]))
    shape = paved.shape
    worn = texture(rng, shape, coarsest_px=32) * 0.05 + texture(rng, shape, coarsest_px=2) * 0.025
    canvas.pixels[: len(BANDS)] *= 1 + paved * worn
    if season.snow:
        # Ploughs leave thin streaks.
        left = np.clip(texture(rng, shape, coarsest_px=32) * 0.30 - 0.28, 0, 0.55) * paved
        canvas.pixels[:] += (before - canvas.pixels) * left


def _build(
    canvas: Canvas,
    building: Building,
    season: Season,
    sun: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    steps = np.linspace(0, building.height, 12)
    swept = [translate(building.outline, sun[0] * up, sun[1] * up) for up in steps]
    canvas.shade(union_all(swept), depth=0.62)
    snowy = season.snow > 0 and rng.random() < 0.7
    roof = "snow" if snowy else building.roof
    canvas.paint(building.outline, roof, tone=0.93)
    canvas.paint(building.ridge, roof, tone=1.04)
    rim = building.outline.difference(building.outline.buffer(-0.5))
    canvas.paint(rim, building.roof, tone=0.75, opacity=0.6)
    left, top, right, bottom = building.outline.buffer(-2).bounds or (0, 0, 0, 0)
    for _ in range(int(building.outline.area / 90)):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        unit = translate(building.outline.centroid.buffer(0.9, quad_segs=1), 0, 0)
        unit = translate(unit, x - unit.centroid.x, y - unit.centroid.y)
        if building.outline.buffer(-1.5).contains(unit):
            canvas.shade(translate(unit, sun[0] * 1.2, sun[1] * 1.2), depth=0.5)
            canvas.paint(unit, "roof_metal", tone=1.1)


def _look_through_air(
    ground: np.ndarray, haze: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance as seen from above, and the share of green light that the air gives."""
    if haze == 0:
        return ground + CLEAR_AIR[:, None, None], np.zeros(ground.shape[1:])
    size = max(2, 2 ** int(np.log2(max(ground.shape[1] // 3, 2))))
    drift = texture(rng, (ground.shape[1], ground.shape[2]), coarsest_px=size, finest_px=size // 2)
    veil = np.clip(haze * (1 + 0.22 * drift), 0.05, 0.92)
    through = (1 - veil) ** HAZE_DEPTH[:, None, None]
    return ground * through + HAZE_LIGHT[:, None, None] * (1 - through), veil
