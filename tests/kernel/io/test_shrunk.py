"""Windows at a lower resolution, and other rasters on a given grid."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError

HERE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
GRID = GeoBox((20, 30), HERE, "EPSG:32633")


@pytest.fixture
def write(tmp_path):
    """Write one band and give its path."""

    def write(values, *, crs="EPSG:32633", nodata=None, transform=HERE):
        path = tmp_path / "raster.tif"
        profile = {"count": 1, "crs": crs, "nodata": nodata, "dtype": values.dtype}
        profile |= {"height": values.shape[0], "width": values.shape[1], "transform": transform}
        with rasterio.open(path, "w", **profile) as sink:
            sink.write(values[None])
        return path

    return write


@pytest.mark.parametrize(
    ("rows", "columns", "max_px", "shape"),
    [
        pytest.param(slice(0, 20), slice(0, 30), 100, (20, 30), id="never larger"),
        pytest.param(slice(0, 20), slice(0, 30), 15, (10, 15), id="half"),
        pytest.param(slice(4, 8), slice(10, 12), 100, (4, 2), id="a window"),
        pytest.param(slice(19, 20), slice(0, 30), 3, (1, 3), id="a row"),
    ],
)
def test_a_window_is_the_mean_of_its_pixels(write, rows, columns, max_px, shape):
    values = np.random.default_rng(0).uniform(0, 1, (20, 30)).astype("float32")
    (shrunk,) = io.open_shrunk(write(values))(rows, columns, max_px)
    assert shrunk.shape == shape
    assert shrunk.mean() == pytest.approx(values[rows, columns].mean(), rel=1e-4)


def test_pixels_without_data_are_masked(write):
    values = np.ones((20, 30), "uint8")
    values[:, :10] = 0
    (read,) = io.open_shrunk(write(values, nodata=0))(slice(0, 20), slice(0, 30), 100)
    np.testing.assert_array_equal(read.mask, values == 0)


def test_a_damaged_file_is_named(write):
    path = write(np.random.default_rng(0).integers(0, 255, (400, 400)).astype("uint8"))
    path.write_bytes(path.read_bytes()[:90_000])
    with pytest.raises(SceneError, match=r"raster\.tif cannot be read"):
        io.open_shrunk(path)(slice(0, 400), slice(0, 400), 100)


@pytest.mark.parametrize("nearest", [True, False], ids=["nearest", "bilinear"])
def test_the_own_grid_gives_the_own_pixels(write, nearest):
    values = np.arange(600, dtype="int16").reshape(20, 30)
    read = io.read_onto(write(values), grid=GRID, nearest=nearest)
    np.testing.assert_array_equal(read, values)
    assert not read.mask.any()


@pytest.mark.parametrize("nodata", [None, -1])
def test_beyond_the_raster_is_masked(write, nodata):
    path = write(np.full((20, 30), 7, "int16"), nodata=nodata)
    grid = GeoBox((20, 30), Affine(1, 0, 500_015, 0, -1, 5_400_000), "EPSG:32633")
    read = io.read_onto(path, grid=grid, nearest=True)
    np.testing.assert_array_equal(read.mask, np.tile(np.arange(30) >= 15, (20, 1)))
    assert set(read.compressed()) == {7}


def test_another_crs_is_warped(write):
    path = write(
        np.full((40, 40), 3, "int16"),
        crs="EPSG:4326",
        transform=Affine(0.001, 0, 14.98, 0, -0.001, 48.77),
    )
    assert set(io.read_onto(path, grid=GRID).compressed()) == {3}


def test_a_raster_without_a_crs_is_refused(write):
    with pytest.raises(SceneError, match=r"raster\.tif has no CRS"):
        io.read_onto(write(np.zeros((4, 4), "uint8"), crs=None), grid=GRID)
