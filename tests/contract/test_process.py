"""What every part of the chain of processing promises."""

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.kernel import geo
from factory_core.kernel.config import build
from factory_core.kernel.geo import Raster
from factory_core.kernel.parts import list_parts, load_part
from factory_core.process.chain import apply_chain, fit_chain, from_nodes, to_nodes

BANDS = ("red", "green", "blue")


def scene(*, dtype="uint16", nodata=None, bands=BANDS, crs="EPSG:32633", shape=(90, 120)):
    rng = np.random.default_rng(3)
    pixels = rng.integers(1, 200, (len(bands), *shape)).astype(dtype)
    if nodata is not None:
        pixels[:, :20, :30] = nodata
    side = 1e-5 if crs == "EPSG:4326" else 1.0
    corner = (13.0, 48.5) if crs == "EPSG:4326" else (500_000.0, 5_400_000.0)
    grid = GeoBox(shape, Affine(side, 0, corner[0], 0, -side, corner[1]), crs)

    def read(window):
        row, column = geo.offset_px(window, of=grid)
        rows = np.arange(row, row + window.shape[0])
        columns = np.arange(column, column + window.shape[1])
        inside = ((rows >= 0) & (rows < shape[0]))[:, None] & (
            (columns >= 0) & (columns < shape[1])
        )
        there = pixels[:, rows.clip(0, shape[0] - 1)][:, :, columns.clip(0, shape[1] - 1)]
        return np.where(inside, there, np.array(nodata or 0, dtype))

    return Raster("scene", grid, bands, dtype, nodata, read)


def fitted(name, raster):
    task = build(load_part("process", name))
    crs = geo.metric_crs(raster.geobox)
    ground = gpd.GeoSeries([geo.footprint(raster.geobox)], crs=str(raster.geobox.crs)).to_crs(crs)
    return fit_chain([task], {"scene": raster}, {"scene": ground})


NAMES = [part.name for part in list_parts("process")]
SCENES = {
    "metres": scene(),
    "degrees": scene(crs="EPSG:4326"),
    "with nodata": scene(nodata=0),
    "floats with NaN": scene(dtype="float32", nodata=float("nan")),
    "one pixel": scene(shape=(1, 1)),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("raster", SCENES.values(), ids=SCENES)
class TestPart:
    def test_tells_what_it_reads(self, name, raster):
        result = apply_chain(raster, fitted(name, raster))
        pixels = result.read(result.geobox)
        assert pixels.shape == (len(result.bands), *result.geobox.shape)
        assert pixels.dtype == result.dtype
        assert result.scene_id == raster.scene_id

    def test_reads_nothing_before_it_must(self, name, raster):
        chain = fitted(name, raster)
        locked = Raster(**{**vars(raster), "read": None})
        assert apply_chain(locked, chain).geobox is not None

    def test_gives_the_same_in_any_window(self, name, raster):
        result = apply_chain(raster, fitted(name, raster))
        whole = result.read(result.geobox)
        height, width = result.geobox.shape
        for window in geo.cut_windows(result.geobox, size_px=37):
            row, column = geo.offset_px(window, of=result.geobox)
            part = result.read(window)[:, : height - row, : width - column]
            expected = whole[:, row : row + 37, column : column + 37]
            np.testing.assert_array_equal(part, expected)

    def test_gives_nodata_outside_the_scene(self, name, raster):
        result = apply_chain(raster, fitted(name, raster))
        outside = geo.window_at(result.geobox, row=-50, column=-60, shape=(20, 20))
        expected = np.full((len(result.bands), 20, 20), result.nodata or 0, result.dtype)
        np.testing.assert_array_equal(result.read(outside), expected)

    def test_survives_json(self, name, raster):
        chain = fitted(name, raster)
        assert from_nodes(to_nodes(chain)) == chain
