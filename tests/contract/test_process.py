"""What every part of the chain of processing promises."""

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from factory_core.kernel import geo, io
from factory_core.kernel.config import build
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.io.sensors import approximate_grid
from factory_core.kernel.parts import list_parts, load_part
from factory_core.kernel.sensor import GroundPoints
from factory_core.process.chain import apply_chain, fit_chain, from_nodes, to_nodes
from factory_core.process.to_8bit import To8Bit
from factory_core.sources.airfield.raw_scene import view_from_the_side

BANDS = ("red", "green", "blue", "nir")
METRES = GeoBox((90, 120), Affine(1.0, 0, 500_000, 0, -1.0, 5_400_000), "EPSG:32633")
DEGREES = GeoBox((90, 120), Affine(1e-5, 0, 13.0, 0, -1e-5, 48.5), "EPSG:4326")


def in_memory(pixels, grid, *, nodata=None, bands=BANDS, **given):
    def read(window):
        row, column = geo.offset_px(window, of=grid)
        height, width = grid.shape
        rows = np.arange(row, row + window.shape[0])
        columns = np.arange(column, column + window.shape[1])
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
        there = pixels[:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
        return np.where(inside, there, np.array(nodata or 0, pixels.dtype))

    return Raster("scene", grid, bands, str(pixels.dtype), nodata, read, **given)


def scene(*, grid=METRES, dtype="uint16", nodata=None):
    """A scene of noise, and a pan of twice its resolution."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(1, 200, (len(BANDS), *grid.shape)).astype(dtype)
    if nodata is not None:
        pixels[:, :20, :30] = nodata
    height, width = grid.shape
    finer = GeoBox((2 * height, 2 * width), grid.affine @ Affine.scale(0.5), grid.crs)
    detail = rng.integers(1, 200, (1, *finer.shape)).astype(dtype)
    pan = in_memory(detail, finer, nodata=nodata, bands=("pan",))
    return in_memory(pixels, grid, nodata=nodata, companions={"pan": pan})


def raw(*, points):
    """A scene as a satellite or an aircraft sees it."""
    pixels = np.random.default_rng(4).integers(1, 200, (len(BANDS), 60, 70)).astype("uint16")
    view = view_from_the_side(pixels, geo.window_at(METRES, row=0, column=0, shape=(60, 70)))
    shape = view.pixels.shape[1:]
    model = view.model
    if points:
        columns, rows = (places.ravel() for places in np.meshgrid([0.0, 35, 70], [0.0, 30, 60]))
        x, y = model.to_ground(columns, rows, model.height_offset_m)
        model = GroundPoints("EPSG:4326", tuple(zip(columns, rows, x, y, strict=True)))
    grid = approximate_grid(model, shape)
    return in_memory(view.pixels, grid, sensor=model)


NAMES = [part.name for part in list_parts("process")]
SCENES = {
    "metres": scene(),
    "degrees": scene(grid=DEGREES),
    "with nodata": scene(nodata=0),
    "floats with NaN": scene(dtype="float32", nodata=float("nan")),
    "one pixel": scene(grid=geo.window_at(METRES, row=0, column=0, shape=(1, 1))),
    "RPC": raw(points=False),
    "ground points": raw(points=True),
}
# What needs a scene on the map, and what takes one of the two ways to it.
REFUSED = {
    **{
        (name, raw): "first in the chain"
        for raw in ("RPC", "ground points")
        for name in ("reproject", "pansharpen", "clip_to_geofence")
    },
    **{
        (name, of): "on the map already"
        for of in ("metres", "degrees", "with nodata", "floats with NaN", "one pixel")
        for name in ("orthorectify", "rectify_by_points")
    },
    ("orthorectify", "ground points"): "rectify_by_points",
    ("rectify_by_points", "RPC"): "orthorectify",
}
CASES = [(name, of) for name in NAMES for of in SCENES if (name, of) not in REFUSED]
# What a part needs before it.
BEFORE = {"clahe": [To8Bit(by="scene")]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the files lie that parts read by default: a fence with a hole."""
    west = [
        gpd.GeoSeries([geo.footprint(grid).buffer(-20 * grid.affine.a)], crs=str(grid.crs))
        .union_all()
        .difference(box(*(grid.affine @ (40, 50)), *(grid.affine @ (60, 30))))
        for grid in (METRES, DEGREES)
    ]
    corner = box(*(METRES.affine @ (-1, 1.7)), *(METRES.affine @ (0.7, -1)))
    fences = gpd.GeoSeries([west[0], corner], crs=str(METRES.crs)).to_crs("EPSG:4326")
    fences = gpd.GeoDataFrame(geometry=[*fences, west[1]], crs="EPSG:4326")
    there = tmp_path_factory.mktemp("files")
    io.write_vectors(fences, there / "geofence.geojson")
    return there


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


@cache
def fitted(name, of):
    raster = SCENES[of]
    task = build(load_part("process", name))
    crs = geo.metric_crs(raster.geobox)
    ground = gpd.GeoSeries([geo.footprint(raster.geobox)], crs=str(raster.geobox.crs)).to_crs(crs)
    return fit_chain([*BEFORE.get(name, []), task], {"scene": raster}, {"scene": ground})


@cache
def applied(name, of):
    return apply_chain(SCENES[of], fitted(name, of))


@pytest.mark.parametrize(("name", "of"), CASES)
class TestPart:
    def test_tells_what_it_reads(self, name, of):
        result = applied(name, of)
        pixels = result.read(result.geobox)
        assert pixels.shape == (len(result.bands), *result.geobox.shape)
        assert pixels.dtype == result.dtype
        assert result.scene_id == SCENES[of].scene_id
        assert (result.sensor is None) or (result.geobox == SCENES[of].geobox)

    def test_reads_nothing_before_it_must(self, name, of):
        chain = fitted(name, of)
        unread = {k: replace(r, read=None) for k, r in SCENES[of].companions.items()}
        locked = replace(SCENES[of], read=None, companions=unread)
        assert apply_chain(locked, chain).geobox is not None

    def test_gives_the_same_in_any_window(self, name, of):
        result = applied(name, of)
        whole = result.read(result.geobox)
        height, width = result.geobox.shape
        for window in geo.cut_windows(result.geobox, size_px=37):
            row, column = geo.offset_px(window, of=result.geobox)
            part = result.read(window)[:, : height - row, : width - column]
            expected = whole[:, row : row + 37, column : column + 37]
            np.testing.assert_array_equal(part, expected)

    def test_gives_nodata_outside_the_scene(self, name, of):
        result = applied(name, of)
        outside = geo.window_at(result.geobox, row=-50, column=-60, shape=(20, 20))
        expected = np.full((len(result.bands), 20, 20), result.nodata or 0, result.dtype)
        np.testing.assert_array_equal(result.read(outside), expected)

    def test_has_data_where_the_scene_has(self, name, of):
        """A part that empties a scene would keep every other promise."""
        result = applied(name, of)
        pixels = result.read(result.geobox).astype(float)
        empty = np.isnan(pixels) | (pixels == (np.nan if result.nodata is None else result.nodata))
        assert (~empty).mean() > 0.2

    def test_survives_json(self, name, of):
        chain = fitted(name, of)
        assert from_nodes(to_nodes(chain)) == chain


@pytest.mark.parametrize(("name", "of"), REFUSED)
def test_says_what_it_needs_first(name, of):
    with pytest.raises(SceneError, match=REFUSED[name, of]):
        apply_chain(SCENES[of], [build(load_part("process", name))])
