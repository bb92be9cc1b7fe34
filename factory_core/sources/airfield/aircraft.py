"""Aircraft seen from above: their kinds, their measures, and the shapes these give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from shapely import union_all
from shapely.affinity import rotate, scale, translate
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from factory_core.sources.airfield.canvas import Canvas


@dataclass(frozen=True)
class Kind:
    """Measures of one kind of aircraft, all in metres unless they say otherwise.

    Attributes:
        path: Its place in the taxonomy.
        length: Nose to tail.
        span: Wing tip to wing tip.
        body: Width of the fuselage.
        root: Length of the wing where it meets the body.
        tip: Length of the wing at its tip.
        sweep_deg: How far the front edge of the wing leans back.
        wing_at: Where the front edge meets the body, as a share of the length.
        tail_span: Tip to tip.
        engines: Share of the half span of each engine on a wing; none hang at the body.
        propellers: Whether the engines turn propellers.
        tail_engines: Whether two engines hang at the rear of the body.
        rotor: Diameter of the rotor of a helicopter, or 0.
        height: Of the body above the ground, for the shadow.
        skins: Surfaces it may be painted in.
    """

    path: str
    length: float
    span: float
    body: float
    root: float
    tip: float
    sweep_deg: float
    wing_at: float
    tail_span: float
    engines: tuple[float, ...] = ()
    propellers: bool = False
    tail_engines: bool = False
    rotor: float = 0.0
    height: float = 4.0
    skins: tuple[str, ...] = ("white_skin",)

    @property
    def name(self) -> str:
        """Its class, the leaf of the taxonomy."""
        return self.path.rpartition("/")[2]

    @property
    def width(self) -> float:
        """What it needs from side to side."""
        return max(self.span, self.rotor)

    @property
    def is_civil(self) -> bool:
        """Whether it flies in the colours of somebody."""
        return self.path.startswith("aircraft/civil")


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "aircraft/civil/transport/wide_body",
            63.0,
            60.0,
            5.8,
            12.0,
            3.0,
            33,
            0.34,
            20.0,
            engines=(0.34,),
            height=7.0,
        ),
        Kind(
            "aircraft/civil/transport/narrow_body",
            37.5,
            34.5,
            3.9,
            7.2,
            1.8,
            27,
            0.36,
            12.5,
            engines=(0.34,),
            height=5.0,
        ),
        Kind(
            "aircraft/civil/general/business_jet",
            19.0,
            18.5,
            2.3,
            4.2,
            1.3,
            28,
            0.47,
            7.4,
            tail_engines=True,
            height=3.0,
        ),
        Kind(
            "aircraft/civil/general/light_propeller",
            8.6,
            11.2,
            1.25,
            1.7,
            1.25,
            1,
            0.26,
            3.5,
            propellers=True,
            height=1.8,
            skins=("white_skin", "white_skin", "orange", "bare_metal"),
        ),
        Kind(
            "aircraft/military/combat/fighter",
            15.6,
            10.2,
            1.9,
            6.4,
            1.2,
            42,
            0.38,
            5.8,
            height=2.5,
            skins=("air_force_grey",),
        ),
        Kind(
            "aircraft/military/combat/attack_helicopter",
            14.6,
            5.0,
            1.9,
            1.2,
            1.0,
            4,
            0.36,
            3.2,
            rotor=14.2,
            height=3.0,
            skins=("olive", "air_force_grey"),
        ),
        Kind(
            "aircraft/military/support/airlifter",
            30.0,
            40.4,
            4.4,
            5.0,
            2.4,
            3,
            0.33,
            15.5,
            engines=(0.26, 0.52),
            propellers=True,
            height=5.0,
            skins=("air_force_grey", "olive"),
        ),
    )
}
ACCENTS = ("navy_blue", "bright_red", "teal", "orange", "white_skin")


@dataclass(frozen=True)
class Aircraft:
    """One aircraft on the ground.

    Attributes:
        kind: Its measures.
        x: Of its middle, metres from the left edge of the scene.
        y: Of its middle, metres from the upper edge.
        heading_deg: Where the nose points, clockwise from up.
        skin: Surface of body and wings.
        accent: Surface of the fin and the stripe.
    """

    kind: Kind
    x: float
    y: float
    heading_deg: float
    skin: str
    accent: str

    def outline(self) -> BaseGeometry:
        """What it covers, in metres on the scene: its exact label."""
        shapes = self._shapes()
        solid = [shape for name, shape in shapes.items() if name not in {"rotor", "propellers"}]
        return self._place(union_all(solid).buffer(0.02).simplify(0.02))

    def paint(self, canvas: Canvas, *, sun: tuple[float, float]) -> None:
        """Paint it and its shadow.

        Args:
            canvas: The scene.
            sun: Shift of a shadow, in metres along x and y for each metre of height.
        """
        shapes = {name: self._place(shape) for name, shape in self._shapes().items()}
        solid = union_all([s for n, s in shapes.items() if n not in {"rotor", "propellers"}])
        low = self.kind.height * 0.55
        canvas.shade(translate(solid, sun[0] * low, sun[1] * low), depth=0.62)
        fin = translate(
            shapes["fin"], sun[0] * self.kind.height * 1.6, sun[1] * self.kind.height * 1.6
        )
        canvas.shade(union_all([shapes["fin"], fin]).convex_hull, depth=0.35)
        for name in ("tail", "wings", "pylons"):
            canvas.paint(shapes[name], self.skin, tone=0.86)
        canvas.paint(shapes["flaps"], self.skin, tone=0.62)
        canvas.paint(shapes["tips"], self.accent, opacity=0.8)
        canvas.paint(shapes["engines"], "bare_metal" if self.kind.is_civil else self.skin, tone=0.9)
        canvas.paint(shapes["intakes"], "glass", tone=1.3)
        # A round body is brightest along its back.
        for width, tone in ((1.0, 0.72), (0.8, 0.88), (0.5, 1.0), (0.2, 1.08)):
            canvas.paint(self._place(self._body(width)), self.skin, tone=tone)
        canvas.paint(shapes["stripe"], self.accent, opacity=0.55)
        canvas.paint(shapes["fin"], self.accent)
        canvas.paint(shapes["cockpit"], "glass")
        canvas.paint(shapes["propellers"], "asphalt", opacity=0.45)
        canvas.paint(shapes["rotor"], "asphalt", opacity=0.6)

    def _place(self, shape: BaseGeometry) -> BaseGeometry:
        turned = rotate(shape, self.heading_deg, origin=(0, 0))
        return translate(turned, self.x, self.y)

    def _shapes(self) -> dict[str, BaseGeometry]:
        """The pieces, nose up (towards negative y), around the middle of the body."""
        kind = self.kind
        nose, half = -kind.length / 2, kind.span / 2
        lean = float(np.tan(np.radians(kind.sweep_deg)))
        front = nose + kind.wing_at * kind.length
        end, tail_root = kind.length / 2, kind.root * 0.42
        fin = max(0.35, kind.body * 0.09)
        engines, intakes, propellers = self._engines(front, lean)
        nothing = Polygon()
        return {
            "body": self._body(1.0),
            "wings": _wing(half, front, kind.root, kind.tip, lean, knee=kind.span * 0.17),
            "flaps": _flaps(half, front, kind.root, kind.tip, lean, inner=kind.body * 0.6),
            "tips": _tips(half, front, kind.tip, lean) if kind.is_civil else nothing,
            "tail": _tail(kind.tail_span / 2, end, tail_root, max(lean, 0.15)),
            "pylons": _pylons(kind.body, end) if kind.tail_engines else nothing,
            "fin": box(-fin, end - tail_root * 1.7, fin, end - tail_root * 0.1),
            "stripe": box(-kind.body * 0.1, nose + kind.length * 0.2, kind.body * 0.1, end * 0.6)
            if "general" in kind.path
            else nothing,
            "cockpit": _cockpit(kind, nose),
            "engines": engines,
            "intakes": intakes,
            "propellers": propellers,
            "rotor": _rotor(kind, nose + kind.length * 0.36),
        }

    def _body(self, width: float) -> BaseGeometry:
        """The fuselage, `width` times as wide: a pointed nose, a straight middle, a long tail."""
        kind = self.kind
        along = np.array([0, 0.012, 0.035, 0.08, 0.14, 0.62, 0.78, 0.9, 0.97, 1.0])
        half = np.array([0.05, 0.32, 0.6, 0.86, 1.0, 1.0, 0.8, 0.45, 0.2, 0.08])
        if "fighter" in kind.path:
            along = np.array([0, 0.1, 0.22, 0.32, 0.4, 0.7, 0.86, 0.97, 1.0])
            half = np.array([0.04, 0.3, 0.5, 0.6, 1.0, 1.05, 0.95, 0.75, 0.6])
        if kind.rotor:
            along = np.array([0, 0.04, 0.12, 0.3, 0.45, 0.55, 0.75, 0.95, 1.0])
            half = np.array([0.2, 0.55, 0.8, 1.0, 0.9, 0.4, 0.22, 0.16, 0.1])
        y = (along - 0.5) * kind.length
        x = half * kind.body / 2 * width
        return Polygon([*zip(x, y, strict=True), *zip(-x[::-1], y[::-1], strict=True)])

    def _engines(
        self, front: float, lean: float
    ) -> tuple[BaseGeometry, BaseGeometry, BaseGeometry]:
        kind = self.kind
        bodies, intakes, discs = [], [], []
        for share in kind.engines:
            x = kind.span / 2 * share
            wide, long = (kind.body * 0.30, kind.body * 0.9)
            if kind.propellers:
                wide, long = kind.body * 0.16, kind.body * 0.8
            lip = front + x * lean - long * 0.75
            for side in (-x, x):
                bodies.append(box(side - wide, lip, side + wide, lip + long * 1.1))
                intakes.append(box(side - wide * 0.8, lip, side + wide * 0.8, lip + 0.5))
                discs.append(_disc(side, lip, 2.0))
        if kind.tail_engines:
            x, wide, lip = kind.body * 0.82, kind.body * 0.26, kind.length * 0.16
            for side in (-x, x):
                bodies.append(box(side - wide, lip, side + wide, lip + kind.body * 1.7))
                intakes.append(box(side - wide * 0.8, lip, side + wide * 0.8, lip + 0.4))
        if kind.propellers and not kind.engines:
            discs.append(_disc(0, -kind.length / 2 + 0.15, 0.95))
        turning = union_all(discs) if kind.propellers else Polygon()
        return union_all(bodies), union_all(intakes), turning


def _wing(
    half: float, front: float, root: float, tip: float, lean: float, *, knee: float
) -> BaseGeometry:
    back = front + half * lean
    return _both(
        [
            (0, front),
            (half, back),
            (half, back + tip),
            (knee, front + root * 1.02),
            (0, front + root),
        ]
    )


def _flaps(
    half: float, front: float, root: float, tip: float, lean: float, *, inner: float
) -> BaseGeometry:
    """The rear edge of the wing, in shade between its slots."""
    outer = half * 0.72
    rear = front + outer * lean
    return _both(
        [
            (inner, front + root * 0.90),
            (outer, rear + tip * 1.36),
            (outer, rear + tip * 1.46),
            (inner, front + root * 0.96),
        ]
    )


def _tips(half: float, front: float, tip: float, lean: float) -> BaseGeometry:
    inner, outer = front + half * 0.95 * lean, front + half * lean
    return _both(
        [(half * 0.95, inner), (half, outer), (half, outer + tip), (half * 0.95, inner + tip)]
    )


def _tail(half: float, end: float, root: float, lean: float) -> BaseGeometry:
    front = end - root * 1.5
    return _both(
        [
            (0, front),
            (half, front + half * lean),
            (half, front + root * 0.6 + half * lean),
            (0, end - root * 0.25),
        ]
    )


def _pylons(body: float, end: float) -> BaseGeometry:
    return _both([(0, end * 0.52), (body, end * 0.56), (body, end * 0.7), (0, end * 0.7)])


def _both(right: list[tuple[float, float]]) -> BaseGeometry:
    """A shape and its mirror image on the other side of the body."""
    one = Polygon(right).buffer(0)
    return union_all([one, scale(one, -1, 1, origin=(0, 0))])


def _disc(x: float, y: float, radius: float) -> BaseGeometry:
    return scale(Point(x, y).buffer(radius), 1, 0.12)


def _cockpit(kind: Kind, nose: float) -> BaseGeometry:
    if "fighter" in kind.path:
        return scale(Point(0, nose + kind.length * 0.24).buffer(1), kind.body * 0.2, 1.5)
    if kind.rotor:
        return scale(Point(0, nose + kind.length * 0.12).buffer(1), kind.body * 0.3, 1.3)
    if kind.length < 10:
        y = nose + kind.length * 0.3
        return box(-kind.body * 0.38, y, kind.body * 0.38, y + 0.8)
    y = nose + kind.length * 0.022
    return box(-kind.body * 0.26, y, kind.body * 0.26, y + max(0.5, kind.length * 0.014))


def _rotor(kind: Kind, y: float) -> BaseGeometry:
    if not kind.rotor:
        return Polygon()
    blade = box(-kind.rotor / 2, y - 0.25, kind.rotor / 2, y + 0.25)
    return union_all([rotate(blade, angle, origin=(0, y)) for angle in (28, 118)])
