"""What a scene shows is where its pixels have data."""

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

from factory_core.bundle.ground import Watch
from factory_core.kernel.geo import Raster, cut_windows, footprint, offset_px

GRID = GeoBox((120, 160), Affine(2, 0, 500_000, 0, -2, 5_000_000), "EPSG:32633")
ROWS, COLUMNS = np.mgrid[:120, :160]


def ground_of(known, *, nodata=0, max_cells=8192, size_px=50):
    """What is seen of a scene with data where `known`, read by windows that reach over its edge."""
    dtype = "uint8" if nodata == 0 else "float32"
    pixels = np.where(known, 7, nodata).astype(dtype)

    def read(window):
        row, column = offset_px(window, of=GRID)
        found = np.full((2, *window.shape), nodata, dtype)
        inside = pixels[row : row + window.shape[0], column : column + window.shape[1]]
        found[:, : inside.shape[0], : inside.shape[1]] = inside
        return found

    watch = Watch.of(GRID, max_cells=max_cells)
    raster = watch.over(Raster("a", GRID, ("red", "green"), dtype, nodata, read))
    for window in cut_windows(GRID, size_px=size_px, overlap_px=7):
        raster.read(window)
    return watch.ground()


def assert_shows(ground, known, *, within_px):
    """The ground is where data is; straight edges may leave the staircase of pixels."""
    x, y = GRID.affine @ (COLUMNS + 0.5, ROWS + 0.5)
    shown = shapely.contains_xy(ground.shape, x, y)
    assert not (shown & ~ndimage.binary_dilation(known, iterations=within_px)).any()
    assert not (~shown & ndimage.binary_erosion(known, iterations=within_px)).any()


@pytest.mark.parametrize("nodata", [0, float("nan")])
@pytest.mark.parametrize(
    "known",
    [
        pytest.param(COLUMNS < 100, id="one side"),
        pytest.param(ROWS + COLUMNS < 200, id="a corner cut off"),
        pytest.param((3 * ROWS > COLUMNS - 60) & (ROWS < 100 + COLUMNS / 8), id="turned"),
        pytest.param((COLUMNS < 60) | (COLUMNS > 90), id="two parts"),
        pytest.param(np.hypot(ROWS - 60, COLUMNS - 80) > 30, id="a cloud cut out"),
    ],
)  # fmt: skip
def test_ground_is_where_there_is_data(known, nodata):
    ground = ground_of(known, nodata=nodata)
    assert ground.slack_m == 2
    assert_shows(ground, known, within_px=1)


@pytest.mark.parametrize("nodata", [0, None])
def test_a_scene_that_is_full_shows_its_grid(nodata):
    assert ground_of(ROWS >= 0, nodata=nodata or 0).shape.equals(footprint(GRID))


def test_without_a_value_for_it_nothing_is_missing():
    raster = Raster("a", GRID, ("red",), "uint8", None, read=None)
    watch = Watch.of(GRID)
    assert watch.over(raster) is raster
    assert watch.ground().shape.equals(footprint(GRID))


def test_specks_are_no_edge():
    known = np.random.default_rng(0).random(GRID.shape) > 0.01
    assert shapely.symmetric_difference(ground_of(known).shape, footprint(GRID)).area < 200


def test_a_large_scene_is_watched_in_squares():
    known = COLUMNS < 100
    ground = ground_of(known, max_cells=40)
    assert ground.slack_m == 8
    assert_shows(ground, known, within_px=4)
