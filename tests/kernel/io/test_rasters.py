"""Rasters in and out: what is read is what was written, at any window."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rio_cogeo.cogeo import cog_validate

from factory_core.kernel import geo, io
from factory_core.kernel.errors import SceneError

HEIGHT, WIDTH = 30, 47
GRID = GeoBox((HEIGHT, WIDTH), Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000), "EPSG:32633")
PIXELS = np.random.default_rng(0).integers(1, 9000, (3, HEIGHT, WIDTH)).astype("uint16")
NAMES = ("red", "green", "blue")


def write(path, *, pixels=PIXELS, grid=GRID, bands=NAMES, nodata=None, **given):
    blocks = given.pop("blocks", [(grid, pixels)])
    io.write_cog(
        path,
        geobox=grid,
        bands=bands,
        dtype=str(pixels.dtype),
        nodata=nodata,
        blocks=blocks,
        **given,
    )
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write(tmp_path_factory.mktemp("scenes") / "scene.tif")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("nodata", [None, 0], ids=str)
def test_gives_back_what_was_written(tmp_path, dtype, nodata):
    pixels = PIXELS.astype(dtype)
    raster = io.open_raster(write(tmp_path / "a.tif", pixels=pixels, nodata=nodata))
    assert (raster.scene_id, raster.bands) == ("a", NAMES)
    assert (raster.dtype, raster.nodata) == (dtype, nodata)
    assert raster.geobox == GRID
    np.testing.assert_array_equal(raster.read(GRID), pixels)


@given(
    row=st.integers(-60, 60),
    column=st.integers(-60, 60),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
)
def test_reads_any_window_and_0_outside(scene, row, column, height, width):
    raster = io.open_raster(scene)
    found = raster.read(geo.window_at(GRID, row=row, column=column, shape=(height, width)))
    wide = np.pad(PIXELS, ((0, 0), (140, 140), (140, 140)))
    expected = wide[:, row + 140 : row + 140 + height, column + 140 : column + 140 + width]
    np.testing.assert_array_equal(found, expected)


def test_gives_nodata_outside_where_there_is_one(tmp_path):
    raster = io.open_raster(write(tmp_path / "a.tif", nodata=7))
    window = geo.window_at(GRID, row=-1, column=-1, shape=(2, 2))
    expected = [[[7, 7], [7, band[0, 0]]] for band in PIXELS]
    np.testing.assert_array_equal(raster.read(window), expected)


def test_writes_blocks_that_reach_over_the_edge(tmp_path):
    windows = list(geo.cut_windows(GRID, size_px=40))
    raster = io.open_raster(write(tmp_path / "whole.tif"))
    blocks = ((window, raster.read(window)) for window in windows)
    again = io.open_raster(write(tmp_path / "again.tif", blocks=blocks))
    np.testing.assert_array_equal(again.read(GRID), PIXELS)


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 700), (600, 600), (1100, 512), (2000, 1024), (1200, 384)], ids=str
)
def test_writes_valid_cloud_optimised_files(tmp_path, shape):
    pixels = np.ones((2, *shape), "uint8")
    grid = GeoBox(shape, GRID.affine, GRID.crs)
    path = write(tmp_path / "a.tif", pixels=pixels, grid=grid, bands=("a", "b"))
    valid, errors, warnings = cog_validate(path, quiet=True)
    assert valid, errors + warnings


def test_writes_the_same_bytes_again(tmp_path):
    tags = {"ACQUISITIONDATETIME": "2024-01-01T00:00:00Z"}
    one, two = (write(tmp_path / f"{n}.tif", tags=tags) for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert io.read_tags(one)["ACQUISITIONDATETIME"] == "2024-01-01T00:00:00Z"


def test_names_bands_by_description_colour_or_number(tmp_path):
    profile = {"width": 4, "height": 4, "count": 4, "dtype": "uint8", "photometric": "rgb"}
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", crs="EPSG:32633", transform=GRID.affine, **profile) as sink:
        sink.write(np.ones((4, 4, 4), "uint8"))
        sink.set_band_description(1, "Coastal")
        sink.colorinterp = [*sink.colorinterp[:3], rasterio.enums.ColorInterp.undefined]
    assert io.open_raster(path).bands == ("coastal", "green", "blue", "band_4")
    assert io.open_raster(path, bands=("a", "b", "c", "d")).bands == ("a", "b", "c", "d")


def test_shrinks_by_the_mean_and_masks_nodata(tmp_path):
    pixels = np.full((1, 40, 60), 9, "uint8")
    pixels[0, :20] = 0
    grid = GeoBox((40, 60), GRID.affine, GRID.crs)
    path = write(tmp_path / "a.tif", pixels=pixels, grid=grid, bands=("a",), nodata=0)
    small = io.read_overview(path, max_px=6)
    assert small.shape == (1, 4, 6)
    assert small.mask[0, :2].all()
    assert (small[0, 2:] == 9).all()


def raw(path, *, transform=GRID.affine, crs="EPSG:32633", bands=1):
    profile = {"width": 4, "height": 4, "count": bands, "dtype": "uint8"}
    given = {"crs": crs, "transform": transform}
    with rasterio.open(path, "w", **profile, **{k: v for k, v in given.items() if v}) as sink:
        sink.write(np.ones((bands, 4, 4), "uint8"))
    return path


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # that is the case here
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"crs": None}, r"a\.tif has no CRS", id="no CRS"),
        pytest.param({"transform": None}, r"a\.tif has no geotransform", id="no geotransform"),
    ],
)
def test_refuses_what_cannot_be_placed(tmp_path, fields, message):
    with pytest.raises(SceneError, match=message):
        io.open_raster(raw(tmp_path / "a.tif", **fields))


@pytest.mark.parametrize(
    "content", [None, b"", b"II*\x00 and no more"], ids=["none", "empty", "cut"]
)
def test_refuses_what_is_no_raster(tmp_path, content):
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SceneError, match=r"a\.tif cannot be read"):
        io.open_raster(path)


def test_names_the_scene_where_its_end_is_missing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 9999, (3, 700, 700)).astype("uint16")
    grid = GeoBox((700, 700), GRID.affine, GRID.crs)
    path = write(tmp_path / "a.tif", pixels=pixels, grid=grid)
    path.write_bytes(path.read_bytes()[:-50_000])
    raster = io.open_raster(path)
    with pytest.raises(SceneError, match=r"a\.tif cannot be read"):
        raster.read(grid)


def test_leaves_no_file_when_its_blocks_fail(tmp_path):
    def blocks():
        yield GRID, PIXELS
        raise SceneError("the source is damaged")

    old = write(tmp_path / "a.tif", nodata=3).read_bytes()
    with pytest.raises(SceneError, match="damaged"):
        write(tmp_path / "a.tif", blocks=blocks())
    assert (tmp_path / "a.tif").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


FULL = """
    import resource
    from pathlib import Path

    import geopandas as gpd
    import numpy as np
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from factory_core.kernel import io
    from factory_core.kernel.errors import OutputError

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    pixels = np.random.default_rng(0).integers(0, 9999, (1, 500, 500)).astype("uint16")
    grid = GeoBox((500, 500), Affine(1, 0, 0, 0, -1, 0), "EPSG:32633")
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(range(9999), range(9999)), crs=4326)
    cog = {"geobox": grid, "bands": ("a",), "dtype": "uint16", "nodata": 0}
    for write in (
        lambda: io.write_cog(Path("a.tif"), **cog, blocks=[(grid, pixels)]),
        lambda: io.write_vectors(points, Path("a.gpkg")),
    ):
        try:
            write()
        except OutputError as error:
            print(error)
"""


def test_says_that_gdal_could_not_write(tmp_path):
    """A limit on the size of files stops GDAL like a full disk, and needs no rights."""
    for name in ("a.tif", "a.gpkg"):
        (tmp_path / name).write_text("old")
    command = [sys.executable, "-c", textwrap.dedent(FULL)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert [line.split()[0] for line in told] == ["a.tif", "a.gpkg"]
    assert all("could not be written" in line and "MB free" in line for line in told)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.tif": "old",
        "a.gpkg": "old",
    }
