"""What stands where on an airfield: pavements, buildings, aircraft, lines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from shapely import union_all
from shapely.affinity import rotate, translate
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from factory_core.sources.airfield.aircraft import ACCENTS, KINDS, Aircraft, Kind

# Who uses the apron: the kinds that stand on it, the largest first.
USERS = {
    "airline": ("wide_body", "narrow_body", "narrow_body", "business_jet"),
    "flightline": ("airlifter", "fighter", "fighter", "attack_helicopter"),
    "club": ("business_jet", "light_propeller"),
}
CARS = ("white_skin", "bare_metal", "rubber", "navy_blue", "bright_red")
MILLIMETRE = 1e-3
ROOFS = ("roof_metal", "roof_white", "roof_bitumen", "roof_tiles", "roof_green")


@dataclass(frozen=True)
class Paint:
    """A shape and the surface it is covered with."""

    shape: BaseGeometry
    surface: str
    tone: float = 1.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Building:
    """A building: its outline and what its roof is made of."""

    outline: Polygon
    ridge: Polygon
    roof: str
    height: float


@dataclass
class Plan:
    """Everything on one airfield, in metres on the scene (x right, y down).

    Attributes:
        side: Of the scene.
        turn_deg: How far the runway is turned, clockwise from pointing right.
        pavements: Runway, taxiways, apron, road, in the order of painting.
        markings: Paint and stains on them.
        buildings: With the exact outlines.
        aircraft: Parked and rolling.
        vehicles: Small trucks and cars.
        lines: Centre lines with their class; a line has a vertex where another one ends on it.
    """

    side: float
    turn_deg: float
    pavements: list[Paint] = field(default_factory=list)
    markings: list[Paint] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    aircraft: list[Aircraft] = field(default_factory=list)
    vehicles: list[Paint] = field(default_factory=list)
    lines: list[tuple[LineString, str]] = field(default_factory=list)

    def place(self, shape: BaseGeometry) -> BaseGeometry:
        """From the frame of the runway (along it, across it, 0 in the middle) to the scene."""
        turned = rotate(shape, self.turn_deg, origin=(0, 0))
        return translate(turned, self.side / 2, self.side / 2)

    def kept_free(self) -> BaseGeometry:
        """Where no tree may grow."""
        far = self.side * 2
        strip = self.place(box(-far, -0.46 * self.side, far, 0.44 * self.side))
        shapes = [paint.shape for paint in self.pavements]
        return union_all([strip, *shapes]).buffer(4)


def draw_plan(side: float, *, users: str, turn_deg: float, rng: np.random.Generator) -> Plan:
    """Lay out an airfield on a square of `side` metres."""
    plan = Plan(side, turn_deg)
    far = side * 0.75
    runway_at, runway_wide = -0.37 * side, float(np.clip(0.14 * side, 6, 45))
    taxi_at, taxi_wide = -0.15 * side, float(np.clip(0.06 * side, 4, 18))
    apron = (-0.36 * side, -0.025 * side, 0.38 * side, 0.30 * side)
    _add_taxiways(plan, runway_at, taxi_at, taxi_wide, apron, far, rng)
    _add_runway(plan, runway_at, runway_wide, far, rng)
    _add_apron(plan, apron, rng)
    _add_buildings(plan, apron, rng)
    _park_aircraft(plan, apron, users, rng)
    _roll_aircraft(plan, taxi_at, users, rng)
    plan.lines = _joined(plan.lines)
    return plan


def _add_taxiways(
    plan: Plan,
    runway_at: float,
    taxi_at: float,
    wide: float,
    apron: tuple[float, float, float, float],
    far: float,
    rng: np.random.Generator,
) -> None:
    main = LineString([(-far, taxi_at), (far, taxi_at)])
    start = float(rng.uniform(-0.3, -0.1)) * plan.side
    lines = [main]
    for along in (start, start + 0.42 * plan.side):
        slant = 0.10 * plan.side
        lines.append(_curved([(along, taxi_at), (along + slant, runway_at)], ease=0.25))
    lines += [
        LineString([(along, taxi_at), (along, apron[1] + 0.02 * plan.side)])
        for along in (apron[0] * 0.55, apron[2] * 0.6)
    ]
    strips = union_all([line.buffer(wide / 2, cap_style="flat") for line in lines])
    rounded = strips.buffer(wide * 0.6).buffer(-wide * 0.6)
    plan.pavements.append(Paint(plan.place(rounded.buffer(2.2)), "mown_grass", tone=0.8))
    plan.pavements.append(Paint(plan.place(rounded), "worn_asphalt", tone=0.95))
    for line in lines:
        plan.markings.append(Paint(plan.place(line.buffer(0.35)), "yellow_paint", opacity=0.85))
        plan.lines.append((plan.place(line), "taxiway"))


def _curved(points: list[tuple[float, float]], *, ease: float) -> LineString:
    """A line from the first to the last point that leaves and arrives across the runway."""
    (x0, y0), (x1, y1) = points
    share = np.linspace(0, 1, 24)
    bend = share + ease * np.sin(2 * np.pi * share) / (2 * np.pi) * -1
    return LineString(list(zip(x0 + (x1 - x0) * bend, y0 + (y1 - y0) * share, strict=True)))


def _add_runway(plan: Plan, at: float, wide: float, far: float, rng: np.random.Generator) -> None:
    end = float(rng.uniform(-0.30, -0.12)) * plan.side
    strip = box(end, at - wide / 2, far, at + wide / 2)
    plan.pavements.append(Paint(plan.place(strip.buffer(3.5, join_style="mitre")), "asphalt", 1.25))
    plan.pavements.append(Paint(plan.place(strip), "asphalt"))
    plan.lines.append((plan.place(LineString([(end, at), (far, at)])), "runway"))
    white = []
    for edge in (-1, 1):
        y = at + edge * (wide / 2 - 1.0)
        white.append(box(end + 1, y - 0.45, far, y + 0.45))
    bar = wide / 20
    count = int(wide / 2 / (bar * 1.9))
    for index in range(count):
        for edge in (-1, 1):
            y = at + edge * (bar * 0.95 + index * bar * 1.9)
            if abs(y - at) < wide / 2 - 2.5:
                white.append(box(end + 4, y - bar / 2, end + 4 + wide * 0.55, y + bar / 2))
    for number in range(int((far - end) / 40)):
        start = end + wide * 0.55 + 26 + number * 40
        white.append(box(start, at - 0.5, start + 24, at + 0.5))
    for edge in (-1, 1):
        y = at + edge * wide * 0.22
        white.append(
            box(end + wide * 0.55 + 60, y - bar * 0.9, end + wide * 0.55 + 82, y + bar * 0.9)
        )
    # Wheels leave their rubber where they touch down, beside the centre line.
    for edge in (-1, 1):
        for _ in range(7):
            y = at + edge * rng.uniform(1.5, 6.0) * wide / 45
            start = end + wide * 0.55 + rng.uniform(20, 90)
            streak = box(start, y - 0.7, start + rng.uniform(50, 110), y + 0.7)
            plan.markings.append(Paint(plan.place(streak), "rubber", opacity=0.28))
    plan.markings += [Paint(plan.place(shape), "white_paint", opacity=0.9) for shape in white]


def _add_apron(
    plan: Plan, apron: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    left, top, right, bottom = apron
    plan.pavements.append(
        Paint(plan.place(box(*apron).buffer(1.5, join_style="mitre")), "gravel", 0.8)
    )
    slab = 7.5
    for x in np.arange(left, right, slab):
        for y in np.arange(top, bottom, slab):
            square = box(x, y, min(x + slab, right), min(y + slab, bottom))
            plan.pavements.append(
                Paint(plan.place(square), "concrete", tone=float(rng.normal(1.0, 0.035)))
            )
    joints = [box(x - 0.08, top, x + 0.08, bottom) for x in np.arange(left, right, slab)]
    joints += [box(left, y - 0.08, right, y + 0.08) for y in np.arange(top, bottom, slab)]
    plan.markings.append(Paint(plan.place(union_all(joints)), "asphalt", opacity=0.55))
    for _ in range(int(plan.side / 10)):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        stain = rotate(box(x - 0.6, y - 0.3, x + rng.uniform(0.6, 3), y + 0.4), rng.uniform(0, 180))
        plan.markings.append(Paint(plan.place(stain.buffer(0.4)), "rubber", opacity=0.3))


def _add_buildings(
    plan: Plan, apron: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    left, _, right, bottom = apron
    road_at = 0.47 * plan.side
    road = box(-plan.side, road_at - 3.2, plan.side, road_at + 3.2)
    plan.pavements.append(Paint(plan.place(road.buffer(1.2)), "gravel", tone=0.75))
    plan.pavements.append(Paint(plan.place(road), "worn_asphalt", tone=0.9))
    dashes = union_all(
        [box(x, road_at - 0.12, x + 3, road_at + 0.12) for x in np.arange(-plan.side, plan.side, 9)]
    )
    plan.markings.append(Paint(plan.place(dashes), "white_paint", opacity=0.7))
    middle = LineString([(-plan.side, road_at), (plan.side, road_at)])
    plan.lines.append((plan.place(middle), "road"))
    x, depth_max = left - 0.06 * plan.side, 0.11 * plan.side
    while x < right + 0.08 * plan.side:
        wide = float(np.clip(rng.uniform(0.06, 0.16) * plan.side, 5, 70))
        deep = float(np.clip(rng.uniform(0.6, 1.0) * depth_max, 4, 45))
        top = bottom + 0.02 * plan.side
        if rng.random() < 0.82:
            _add_building(plan, x, top, wide, deep, rng)
        elif wide > 12:
            _add_car_park(plan, x, top, wide, deep, rng)
        x += wide + float(rng.uniform(0.02, 0.05)) * plan.side


def _add_building(
    plan: Plan, x: float, y: float, wide: float, deep: float, rng: np.random.Generator
) -> None:
    outline = box(x, y, x + wide, y + deep)
    if wide > 22 and rng.random() < 0.35:
        outline = outline.difference(box(x + wide * 0.55, y + deep * 0.55, x + wide, y + deep))
    ridge = outline.intersection(box(x, y, x + wide, y + deep / 2))
    roof = str(rng.choice(ROOFS))
    height = float(rng.uniform(5, 12) * min(1.0, wide / 20 + 0.4))
    plan.buildings.append(Building(plan.place(outline), plan.place(ridge), roof, height))


def _add_car_park(
    plan: Plan, x: float, y: float, wide: float, deep: float, rng: np.random.Generator
) -> None:
    plan.pavements.append(Paint(plan.place(box(x, y, x + wide, y + deep)), "worn_asphalt", 0.85))
    for row in np.arange(y + 1, y + deep - 5, 8.5):
        for column in np.arange(x + 1, x + wide - 2.5, 2.9):
            line = box(column, row, column + 0.15, row + 4.8)
            plan.markings.append(Paint(plan.place(line), "white_paint", opacity=0.6))
            if rng.random() < 0.55:
                car = box(column + 0.6, row + 0.4, column + 2.4, row + 4.4)
                skin = str(
                    rng.choice(["white_skin", "bare_metal", "rubber", "navy_blue", "bright_red"])
                )
                plan.vehicles.append(Paint(plan.place(car), skin, float(rng.uniform(0.6, 1))))


def _park_aircraft(
    plan: Plan, apron: tuple[float, float, float, float], users: str, rng: np.random.Generator
) -> None:
    """Fill the apron with columns of stands, the first as wide as the largest kind that fits."""
    left, top, right, bottom = apron
    gap = float(np.clip(plan.side * 0.012, 1.0, 5.0))
    top += 0.03 * plan.side
    kinds = [KINDS[name] for name in USERS[users]]
    kinds = [kind for kind in kinds if kind.length + gap <= bottom - top]
    lead = max(kinds, key=lambda kind: kind.length, default=None)
    x = left + gap
    while lead is not None and x + lead.width + gap <= right:
        y, kind = top, lead
        while True:
            middle = (x + lead.width / 2, y + kind.length / 2)
            _add_stand(plan, kind, middle)
            if rng.random() < 0.75:
                _add_aircraft(plan, kind, middle, 180 + float(rng.normal(0, 3)), rng)
                _add_trucks(plan, kind, middle, rng)
            y += kind.length + gap
            below = [k for k in kinds if k.width <= lead.width and k.length + gap <= bottom - y]
            if not below:
                break
            kind = below[int(rng.integers(len(below)))]
        x += lead.width + gap
        beside = [kind for kind in kinds if x + kind.width + gap <= right]
        lead = beside[int(rng.integers(len(beside)))] if beside else None


def _add_stand(plan: Plan, kind: Kind, middle: tuple[float, float]) -> None:
    x, y = middle
    half = kind.length / 2
    lead_in = LineString([(x, y - half), (x, y + half * 0.8)]).buffer(0.2)
    stop = box(x - 1.5, y + half * 0.8 - 0.2, x + 1.5, y + half * 0.8 + 0.2)
    plan.markings.append(Paint(plan.place(union_all([lead_in, stop])), "yellow_paint", opacity=0.8))


def _add_aircraft(
    plan: Plan,
    kind: Kind,
    middle: tuple[float, float],
    heading_deg: float,
    rng: np.random.Generator,
) -> None:
    spot = plan.place(Point(middle))
    skin = str(rng.choice(kind.skins))
    accent = str(rng.choice(ACCENTS)) if kind.is_civil else skin
    heading_deg += plan.turn_deg
    plan.aircraft.append(Aircraft(kind, spot.x, spot.y, heading_deg, skin=skin, accent=accent))


def _add_trucks(
    plan: Plan, kind: Kind, middle: tuple[float, float], rng: np.random.Generator
) -> None:
    """Trucks that serve an aircraft, where they touch none."""
    for _ in range(int(rng.integers(0, 4)) if kind.length > 15 else 0):
        x = middle[0] + float(rng.choice([-1, 1]) * (kind.body / 2 + rng.uniform(2.5, 7)))
        y = middle[1] + float(rng.uniform(-0.1, 0.42)) * kind.length
        truck = plan.place(rotate(box(x - 1.2, y - 2.6, x + 1.2, y + 2.6), rng.uniform(0, 180)))
        room = truck.buffer(0.7)
        taken = [one.outline() for one in plan.aircraft] + [one.shape for one in plan.vehicles]
        if not any(room.intersects(other) for other in taken):
            skin = str(rng.choice(["white_skin", "yellow_paint", "white_skin", "orange"]))
            plan.vehicles.append(Paint(truck, skin))


def _roll_aircraft(plan: Plan, taxi_at: float, users: str, rng: np.random.Generator) -> None:
    """One aircraft on the taxiway, of a kind that fits the scene."""
    kinds = [KINDS[name] for name in USERS[users] if KINDS[name].length < plan.side * 0.2]
    if kinds and rng.random() < 0.85:
        kind = kinds[int(rng.integers(len(kinds)))]
        heading = 90 if rng.random() < 0.5 else 270
        place = (float(rng.uniform(-0.3, 0.3)) * plan.side, taxi_at)
        _add_aircraft(plan, kind, place, heading, rng)


def _joined(lines: list[tuple[LineString, str]]) -> list[tuple[LineString, str]]:
    """The same lines, with a vertex in each where another one ends on it: a network."""
    ends = [Point(place) for line, _ in lines for place in (line.coords[0], line.coords[-1])]
    joined = []
    for line, label in lines:
        new = {end.coords[0] for end in ends if line.distance(end) < MILLIMETRE}
        along = sorted((line.project(Point(place)), place) for place in {*line.coords, *new})
        joined.append((LineString([place for _, place in along]), label))
    return joined
