"""A map of ground as one HTML file that needs nothing else: outlines, legend, table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import io
from factory_core.kernel.geo import METRES_A_DEGREE
from factory_core.select.units import group

# Kind -> (fill, outline, in words); in the order of drawing. The colours are told apart by
# the colour-blind (Okabe and Ito, Color universal design, 2008).
KINDS = {
    "left out": ("#d9d9d9", "#9a9a9a", "left out"),
    "train": ("#9ecae9", "#4a86b5", "train"),
    "val": ("#f6d480", "#c99a1c", "val"),
    "test": ("#7fcdb0", "#1b8a63", "test"),
    "unchanged": ("#e3e6ea", "#9aa3ad", "unchanged"),
    "removed": ("#f2b8a0", "#d55e00", "removed"),
    "changed": ("#f3e29a", "#b89600", "changed"),
    "added": ("#a6d8f0", "#0072b2", "added"),
    "moved": ("#e5c1dc", "#b0478f", "moved to another split"),
    "leak": ("#d5403a", "#7d0f0b", "in two splits"),
}
QUIET = ("train", "val", "test", "left out", "unchanged")
WIDTH_PX, HEIGHT_PX, MARGIN_PX = 560, 400, 26
TITLE_LETTERS = 36
MOST_PLACES = 24


@dataclass(frozen=True)
class Shape:
    """Something on the map.

    Attributes:
        ground: Polygons in longitude and latitude.
        kind: A key of `KINDS`.
        title: What is shown where the mouse rests on it.
    """

    ground: BaseGeometry
    kind: str
    title: str


def write_map(
    shapes: Sequence[Shape],
    out: Path,
    *,
    title: str,
    tables: Mapping[str, Sequence[Sequence[str]]] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the map: a panel a place, since scenes may lie continents apart.

    Args:
        shapes: What to draw.
        out: File to write.
        title: Heading.
        tables: Tables above it by their titles, each with its heading first.
        notes: Sentences above it.
    """
    places = _places([shape for shape in shapes if not shape.ground.is_empty])
    panels = "\n".join(_panel(place) for place in places[:MOST_PLACES])
    hidden = len(places) - MOST_PLACES
    more = [f"{hidden} more places, with fewer changes or leaks, are not drawn."] * (hidden > 0)
    used = {shape.kind for shape in shapes}
    legend = "".join(
        f'<span><i style="background:{fill};border-color:{line}"></i>{words}</span>'
        for kind, (fill, line, words) in KINDS.items()
        if kind in used
    )
    page = PAGE.format(
        title=escape(title),
        notes="".join(f"<p>{escape(note)}</p>" for note in (*notes, *more)),
        legend=legend,
        tables="".join(_table(name, rows) for name, rows in (tables or {}).items()),
        panels=panels or "<p>Nothing to draw.</p>",
    )
    with io.staged_file(out) as work:
        work.write_text(page, encoding="utf-8")


def _places(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Shapes that lie near each other, those with something to say and the largest first."""
    if not shapes:
        return []
    bounds = shapely.bounds([shape.ground for shape in shapes])
    grow = np.maximum(bounds[:, 2:] - bounds[:, :2], 1e-3).max(axis=1)
    boxes = shapely.box(*(bounds + grow[:, None] * [-0.5, -0.5, 0.5, 0.5]).T)
    one, two = STRtree(boxes).query(boxes, predicate="intersects")
    names = [str(number) for number in range(len(shapes))]
    links = [(names[a], names[b]) for a, b in zip(one.tolist(), two.tolist(), strict=True) if a < b]
    found = [[shapes[int(name)] for name in own] for own in group(names, links)]
    told = [sum(shape.kind not in QUIET for shape in own) for own in found]
    order = sorted(range(len(found)), key=lambda n: (-told[n], -len(found[n])))
    # Where some places have something to say, the others are left away.
    return [found[n] for n in order if told[n] or not any(told)]


def _panel(shapes: Sequence[Shape]) -> str:
    left, low, right, high = shapely.total_bounds([shape.ground for shape in shapes])
    middle = (low + high) / 2
    east_m = METRES_A_DEGREE * max(math.cos(math.radians(middle)), 1e-3)
    wide_m, tall_m = max((right - left) * east_m, 1.0), max((high - low) * METRES_A_DEGREE, 1.0)
    scale = min((WIDTH_PX - 2 * MARGIN_PX) / wide_m, (HEIGHT_PX - 3.5 * MARGIN_PX) / tall_m)
    start = ((WIDTH_PX - wide_m * scale) / 2, 1.5 * MARGIN_PX)

    def to_px(places: np.ndarray) -> np.ndarray:
        x = start[0] + (places[:, 0] - left) * east_m * scale
        y = start[1] + (high - places[:, 1]) * METRES_A_DEGREE * scale
        return np.column_stack([x, y])

    order = list(KINDS)
    drawn = sorted(shapes, key=lambda shape: order.index(shape.kind))
    paths = "\n".join(_path(shape, to_px) for shape in drawn)
    bottom = HEIGHT_PX - MARGIN_PX / 2
    length_m = _round_length(wide_m / 4)
    words = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    bar_px = length_m * scale
    return (
        f'<svg viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img">\n{paths}\n'
        f'<text x="{MARGIN_PX}" y="{MARGIN_PX - 4}" class="name">{escape(_names(shapes))}</text>'
        f'<line x1="{MARGIN_PX}" y1="{bottom}" x2="{MARGIN_PX + bar_px:.1f}" y2="{bottom}" '
        f'class="bar"/><text x="{MARGIN_PX + bar_px + 6:.1f}" y="{bottom + 4}">{words}</text>'
        f'<text x="{WIDTH_PX - MARGIN_PX}" y="{bottom + 4}" text-anchor="end">'
        f"{_degrees(middle, 'N', 'S')} {_degrees((left + right) / 2, 'E', 'W')}</text></svg>"
    )


def _names(shapes: Sequence[Shape]) -> str:
    """The scenes of a place, as far as there is room."""
    names = list(dict.fromkeys(shape.title.partition(":")[0] for shape in shapes))
    shown = names[:1]
    while len(shown) < len(names) and len(", ".join([*shown, names[len(shown)]])) <= TITLE_LETTERS:
        shown.append(names[len(shown)])
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    text = ", ".join(shown)
    return (text if len(text) <= TITLE_LETTERS else f"{text[:TITLE_LETTERS]}...") + more


def _path(shape: Shape, to_px: object) -> str:
    fill, line, _ = KINDS[shape.kind]
    data = " ".join(_rings(shape.ground, to_px))
    strong = ' stroke-width="2"' if shape.kind in ("leak", "moved", "added", "removed") else ""
    return (
        f'<path d="{data}" fill="{fill}" stroke="{line}"{strong} fill-rule="evenodd">'
        f"<title>{escape(shape.title)}</title></path>"
    )


def _rings(ground: BaseGeometry, to_px: object) -> Iterator[str]:
    for polygon in shapely.get_parts(ground):
        if polygon.geom_type == "Polygon":
            for ring in (polygon.exterior, *polygon.interiors):
                places = to_px(shapely.get_coordinates(ring))  # type: ignore[operator]
                yield "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places[:-1]) + "Z"


def _round_length(metres: float) -> float:
    """The round length of 1, 2 or 5 below."""
    power = 10 ** math.floor(math.log10(max(metres, 1e-6)))
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres * 1.0001))


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.4f}° {positive if value >= 0 else negative}"


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(line(cells, "td") for cells in rows[1:])
    body = body or f'<tr><td colspan="{len(rows[0])}">none</td></tr>'
    head = f"<caption>{escape(title)}</caption>"
    return f"<table>{head}<thead>{line(rows[0], 'th')}</thead><tbody>{body}</tbody></table>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1d2329; margin: 2rem auto;
  max-width: 1180px; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .5rem; }}
p {{ margin: .3rem 0; max-width: 75ch; }}
.legend {{ display: flex; flex-wrap: wrap; gap: 1.2rem; margin: 1rem 0; }}
.legend i {{ display: inline-block; width: 14px; height: 14px; border: 2px solid;
  margin-right: .4rem; vertical-align: -2px; }}
.map {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1rem; }}
svg {{ border: 1px solid #d5dae0; border-radius: 6px; background: #fafbfc; width: 100%; }}
svg text {{ font-size: 12px; fill: #4a545e; }}
svg path {{ stroke-linejoin: round; fill-opacity: .85; }}
svg path:hover {{ fill-opacity: 1; stroke-width: 3; }}
svg .name {{ font-size: 13px; font-weight: 600; fill: #1d2329; }}
.bar {{ stroke: #4a545e; stroke-width: 3; }}
table {{ border-collapse: collapse; margin: 1rem 0 1.5rem; }}
th, td {{ text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #e3e6ea;
  font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .3rem; }}
.tables {{ display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start; }}
th {{ font-weight: 600; border-bottom: 2px solid #b8c0c8; }}
</style></head><body>
<h1>{title}</h1>
{notes}
<div class="legend">{legend}</div>
<div class="tables">{tables}</div>
<div class="map">
{panels}
</div>
</body></html>
"""
