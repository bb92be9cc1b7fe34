"""Draw what a post-processing does: one small scene before it and after it, as PNG."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from PIL import Image, ImageDraw
from scipy import ndimage
from shapely import affinity

from factory_core.kernel import config
from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.parts import Part
from factory_core.postprocess.kinds import SCORE_MAP, shapes_of

CRS = "EPSG:32633"
SIDE_M, SCALE, FINER = 64, 4, 2
TAXONOMY = {"classes": ["building/house", "building/hut", "tree"], "level": 2}
COLOURS = {"house": (0, 121, 107), "hut": (216, 67, 21), "building": (94, 53, 177)}
PAPER, FENCE = (250, 250, 250), (255, 236, 179)
# Where the defaults show little on so small a scene.
SETTINGS: dict[str, dict[str, Any]] = {
    "align_neighbours": {"max_turn_deg": 25.0},
    "back_off": {"min_score": 0.6},
    "buffer": {"distance_m": 2.0},
    "close_gaps": {"max_gap_m": 12.0},
    "closing": {"radius_m": 2.0},
    "distance_to_layer": {"max_m": 8.0},
    "elongation": {"max_ratio": 3.0},
    "gaussian": {"sigma_m": 2.0},
    "hysteresis_threshold": {"min_score": 0.3, "min_peak": 0.75},
    "max_area": {"max_area_m2": 150.0},
    "min_area": {"min_area_m2": 10.0},
    "min_length": {"min_length_m": 9.0},
    "min_score": {"min_score": 0.6},
    "opening": {"radius_m": 2.0},
    "simplify": {"tolerance_m": 1.0},
    "soft_non_maximum_suppression": {"min_score": 0.4},
    "straighten_lines": {"tolerance_m": 1.6},
    "temperature": {"temperature": 3.0},
}


def draw(part: Part) -> bytes | None:
    """PNG of the part's scene before and after it, or None where there is nothing to be seen."""
    node = {"_target_": part.target, **part.fields, **SETTINGS.get(part.name, {})}
    with tempfile.TemporaryDirectory() as folder:
        if "file" in node:
            node["file"] = str(Path(folder, "layer.geojson"))
            layer = gpd.GeoDataFrame(geometry=[_area()], crs=CRS)
            layer.to_crs("EPSG:4326").to_file(node["file"])
        if "taxonomy" in node:
            node["taxonomy"] = TAXONOMY
        built = config.build(node, where=part.name)
        takes, gives = shapes_of(built, where=part.name)
        if takes != SCORE_MAP:
            before: Any = _detections(takes)
        elif gives == SCORE_MAP:
            before = _score_map()
        else:  # outlines run around the faintest pixel, as wide as the scene looks only if cut
            before = _score_map(least=0.4)
        panels = [_panel(seen, with_area="file" in node) for seen in (before, built(before))]
    if panels[0].tobytes() == panels[1].tobytes():
        return None
    both = Image.new("RGB", (2 * panels[0].width + 16, panels[0].height), (255, 255, 255))
    both.paste(panels[0], (0, 0))
    both.paste(panels[1], (panels[0].width + 16, 0))
    out = BytesIO()
    both.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _score_map(*, least: float = 0.25) -> ScoreMap:
    """Two disks that touch, a bar with a hole and a crack, a faint road and disk, specks."""
    row, column = np.mgrid[:SIDE_M, :SIDE_M]
    score = np.zeros((2, SIDE_M, SIDE_M))
    for at in ((14, 14), (14, 27)):
        score[0][np.hypot(row - at[0], column - at[1]) < 8] = 0.9
    score[0, 30:44, 8:38] = 0.8
    score[0][np.hypot(row - 14, column - 50) < 7] = 0.35
    score[0, 50:53, 4:60] = 0.75
    score[0, 50:53, 30:50] = 0.4
    score[1, 34:58, 44:56] = 0.7
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=score.shape), (0, 1, 1))
    score = np.clip(ndimage.gaussian_filter(score, (0, 0.7, 0.7)) + 0.3 * noise, 0, 1)
    # Cut out last: a soft rim would fill a hole with next to nothing.
    score[0, 34:38, 14:18] = score[0, 28:46, 27] = 0
    score[score < least] = 0
    geobox = GeoBox((SIDE_M, SIDE_M), Affine(1, 0, 500_000, 0, -1, 5_000_000 + SIDE_M), CRS)
    return ScoreMap("a", geobox, ("house", "hut"), (score * 255).astype(np.uint8))


def _detections(takes: str) -> GeoDataFrame:
    rows = _lines() if takes == "lines" else _polygons()
    shapes, scores, labels = zip(*rows, strict=True)
    placed = [affinity.translate(shape, 500_000, 5_000_000) for shape in shapes]
    columns = {"score": scores, "label": np.array(labels, object), "scene_id": "a"}
    return GeoDataFrame(columns, geometry=placed, crs=CRS)


def _polygons() -> list[tuple[Any, float, str]]:
    crooked = [(3, 40), (6.5, 40.8), (10, 39.5), (14, 40.7), (19, 40.2), (18.4, 44.5), (19.4, 49)]
    crooked += [(15, 48.4), (12, 49.6), (12.7, 53), (11.4, 56.5), (11.8, 60), (7.5, 59.2)]
    crooked += [(3.4, 59.7), (4.1, 53), (3, 47)]
    court = shapely.box(5, 43, 8, 46).exterior.coords
    row = [affinity.rotate(shapely.box(x, 4, x + 9, 10), turn) for x, turn in ((3, -8), (16, 12))]
    return [
        (shapely.Polygon(crooked, [court]), 0.9, "house"),
        (shapely.box(27, 42, 41, 54), 0.9, "house"),
        (shapely.box(29, 44, 43, 56), 0.7, "house"),
        (shapely.box(30, 41, 40, 53), 0.5, "hut"),
        (shapely.box(50, 44, 58, 52), 0.4, "hut"),
        (affinity.rotate(shapely.box(50, 44, 58, 52), 10), 0.35, "house"),
        *((house, 0.8, "house") for house in row),
        (affinity.rotate(shapely.box(29, 5, 38, 11), 4), 0.8, "house"),
        (shapely.box(3, 20, 12, 28), 0.8, "house"),
        (shapely.box(13.5, 20, 22, 28), 0.6, "house"),
        (affinity.rotate(shapely.box(30, 22, 58, 26), 25), 0.7, "hut"),
        (shapely.box(50, 6, 52, 8), 0.3, "hut"),
        (shapely.box(56, 12, 57.5, 13.5), 0.9, "house"),
    ]


def _lines() -> list[tuple[Any, float, str]]:
    lines = [
        [(2, 32), (8, 32.8), (14, 31.4), (20, 32)],
        [(20, 32), (34, 32.5)],
        [(20, 32), (24, 40)],
        [(34, 12.5), (38, 5)],
        [(42, 33), (50, 32.2), (62, 33)],
        [(20.8, 31), (22, 20), (21, 4)],
        [(34, 37), (34, 50), (40, 60)],
        [(21, 12), (34, 12.5)],
        [(34, 12.5), (44, 16), (47, 30)],
        [(52, 58), (52, 35)],
        [(4, 56), (8, 58)],
    ]
    return [(shapely.LineString(line), 0.8, "house") for line in lines]


def _area() -> Any:
    return affinity.translate(shapely.box(-5, -5, 36, 58), 500_000, 5_000_000)


def _panel(seen: Any, *, with_area: bool) -> Image.Image:
    if isinstance(seen, ScoreMap):
        colours = np.array([COLOURS["house"], COLOURS["hut"]])
        share = seen.scores[..., None] / 255
        paint = (np.array(PAPER) - colours[:, None, None]) * share
        pixels = np.clip(np.array(PAPER) - paint.sum(axis=0), 0, 255).astype(np.uint8)
        side = SIDE_M * SCALE
        return Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
    image = Image.new("RGB", (SIDE_M * SCALE * FINER,) * 2, PAPER)
    canvas = ImageDraw.Draw(image, "RGBA")
    if with_area:
        canvas.polygon(_pixels(_area().exterior), fill=FENCE)
    for shape, score, label in zip(seen.geometry, seen["score"], seen["label"], strict=True):
        _draw_shape(canvas, shape, (*COLOURS[label], round(60 + 140 * score)), COLOURS[label])
    return image.resize((SIDE_M * SCALE,) * 2, Image.Resampling.LANCZOS)


def _draw_shape(canvas: ImageDraw.ImageDraw, shape: Any, fill: Any, edge: Any) -> None:
    for piece in shapely.get_parts(shape):
        if piece.geom_type == "Polygon":
            canvas.polygon(_pixels(piece.exterior), fill=fill)
            for hole in piece.interiors:
                canvas.polygon(_pixels(hole), fill=PAPER)
            for ring in (piece.exterior, *piece.interiors):
                canvas.line(_pixels(ring), fill=edge, width=FINER)
        elif piece.geom_type == "LineString":
            points = _pixels(piece)
            canvas.line(points, fill=edge, width=2 * FINER)
            for x, y in (points[0], points[-1]):
                canvas.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(0, 0, 0))
        else:
            ((x, y),) = _pixels(piece)
            canvas.ellipse((x - 8, y - 8, x + 8, y + 8), fill=edge)


def _pixels(line: Any) -> list[tuple[float, float]]:
    points = (shapely.get_coordinates(line) - [500_000, 5_000_000]) * SCALE * FINER
    return [(x, SIDE_M * SCALE * FINER - y) for x, y in points]
