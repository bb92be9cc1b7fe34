"""Images and labels for the tests of exchange formats: tiny, made by code."""

import geopandas as gpd
import numpy as np
import pandas as pd
import PIL.Image
import rasterio
import shapely
from affine import Affine
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from factory_core.sources.annotations import Annotations, from_pixels
from factory_core.sources.images import ImageFolder

HEIGHT, WIDTH = 60, 80
# A text file keeps a few digits of a pixel; far less than anyone can draw.
TOLERANCE_PX = 1e-3

GRIDS = {
    "metres": ("EPSG:32633", Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)),
    "degrees": ("EPSG:4326", Affine(1e-5, 0, 85.5, 0, -1e-5, 27.6)),
    "turned": ("EPSG:32633", Affine.translation(500_000, 5_300_000) @ Affine.rotation(30)),
    "placeless": (None, None),
    "empty": ("EPSG:32633", Affine(0.5, 0, 510_000, 0, -0.5, 5_400_000)),
}


def write_images(folder):
    """One image a way to be placed, and one that carries no label."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, (crs, affine)) in enumerate(GRIDS.items()):
        pixels = np.full((HEIGHT, WIDTH, 3), 40 + number, "uint8")
        if crs is None:
            PIL.Image.fromarray(pixels).save(folder / f"{name}.png")
            continue
        with rasterio.open(
            folder / f"{name}.tif",
            "w",
            driver="GTiff",
            height=HEIGHT,
            width=WIDTH,
            count=3,
            dtype="uint8",
            crs=crs,
            transform=affine,
        ) as sink:
            sink.write(pixels.transpose(2, 0, 1))
    return folder


STAR = Polygon([(10, 8), (30, 14), (27, 33), (18, 21), (9, 30)])
SHAPES = {
    "boxes": box(5, 6, 25, 16),
    "four corners": affinity.rotate(box(20, 20, 50, 32), 25),
    "polygons": STAR,
    "holes": Polygon(box(10, 10, 40, 40).exterior.coords, [box(20, 20, 30, 30).exterior.coords]),
    "several parts": MultiPolygon([STAR, affinity.translate(STAR, 30, 5)]),
    "lines": LineString([(3, 4), (30, 20), (60, 22)]),
    "points": Point(33.25, 12.5),
}


def annotate(images: ImageFolder, labels, *, on=None) -> Annotations:
    """Annotations of `labels`: rows with `label` and a geometry in pixels, on each image.

    Args:
        images: All that there are.
        labels: List of mappings.
        on: Scene ids that carry the labels; the others are background.
    """
    found = images.all()
    frames = {}
    for scene_id in (on if on is not None else found) if labels else ():
        table = pd.DataFrame([dict(row) for row in labels])
        shapes = gpd.GeoSeries(list(table.pop("geometry")))
        frames[scene_id] = gpd.GeoDataFrame(
            table, geometry=from_pixels(shapes, grid=found[scene_id].grid)
        )
    return Annotations(found, frames)


sides = st.tuples(st.floats(0, WIDTH - 12), st.floats(0, HEIGHT - 12)).flatmap(
    lambda corner: st.builds(
        lambda width, height: box(*corner, corner[0] + width, corner[1] + height),
        st.floats(1, WIDTH - corner[0]),
        st.floats(1, HEIGHT - corner[1]),
    )
)


@st.composite
def stars(draw, *, reach=25.0):
    """Polygons that never cross themselves: corners around a centre."""
    count = draw(st.integers(5, 12))
    radii = draw(st.lists(st.floats(2, reach), min_size=count, max_size=count))
    angles = (np.arange(count) + draw(st.floats(0, 0.9))) * 2 * np.pi / count
    centre = draw(st.tuples(st.floats(25, WIDTH - 25), st.floats(25, HEIGHT - 25)))
    return Polygon(np.array(centre) + np.c_[np.cos(angles), np.sin(angles)] * np.c_[radii])


def _with_hole(star):
    inside = shapely.maximum_inscribed_circle(star, 0.01)
    reach = inside.length / 2
    x, y = inside.coords[0]
    return Polygon(star.exterior, [box(x - reach, y - reach, x + reach, y + reach).exterior])


# Eighths of a pixel: a line of less than a rounding is none.
points_in = st.tuples(
    st.integers(0, WIDTH * 8).map(lambda x: x / 8), st.integers(0, HEIGHT * 8).map(lambda y: y / 8)
)
STRATEGIES = {
    "boxes": sides,
    "four corners": st.builds(
        lambda long, wide, angle: affinity.rotate(box(40 - long, 30 - wide, 40, 30), angle),
        st.floats(4, 30),
        st.floats(2, 20),
        st.floats(3, 87),
    ),
    "polygons": stars(),
    "holes": stars().map(_with_hole),
    "several parts": stars(reach=12.0).map(lambda star: MultiPolygon([star, box(70, 1, 79, 9)])),
    "lines": st.lists(points_in, min_size=2, max_size=6, unique=True).map(LineString),
    "points": points_in.map(Point),
}


names = st.text(
    st.characters(whitelist_categories=("Ll", "Lu"), max_codepoint=0x17F), min_size=1, max_size=12
)
