"""Raw scenes with RPCs on the map: against the truth, against gdalwarp, and what is refused."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.ndimage import maximum_filter, minimum_filter

from factory_core.kernel import geo, io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.orthorectify import Orthorectify
from factory_core.process.reproject import Reproject
from factory_core.sources.airfield.raw_scene import relief_m, view_from_the_side
from factory_core.sources.airfield.sample import SETTINGS
from factory_core.sources.airfield.scene import make_scene

SIZE_PX = 120
GRID = GeoBox((SIZE_PX, SIZE_PX), Affine(0.5, 0, 452_000, 0, -0.5, 5_411_000), "EPSG:32633")
# Ground around the scene that the image shows too.
AROUND_PX = 200
WIDE = GeoBox(
    (SIZE_PX + 2 * AROUND_PX, SIZE_PX + 2 * AROUND_PX),
    GRID.affine @ Affine.translation(-AROUND_PX, -AROUND_PX),
    GRID.crs,
)


def write_raw(path, view, *, bands, nodata=0):
    grid = GeoBox(view.pixels.shape[1:], Affine.identity(), "EPSG:4326")
    io.write_cog(
        path,
        geobox=grid,
        bands=bands,
        dtype=str(view.pixels.dtype),
        nodata=nodata,
        blocks=[(grid, view.pixels)],
        sensor=view.model,
    )
    return path


def write_heights(path, heights, grid=WIDE, *, nodata=None):
    io.write_cog(
        path,
        geobox=grid,
        bands=("height",),
        dtype="float32",
        nodata=nodata,
        blocks=[(grid, heights[None].astype("float32"))],
    )
    return path


def heights():
    rows, columns = np.mgrid[: WIDE.shape[0], : WIDE.shape[1]] + 0.5
    a = WIDE.affine
    return relief_m(GRID, a.c + a.a * columns, a.f + a.e * rows)


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    return write_heights(tmp_path_factory.mktemp("dem") / "dem.tif", heights())


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """An airfield as it is seen from the side."""
    scene = make_scene(SETTINGS[6], size_px=SIZE_PX, rng=np.random.default_rng(0))
    view = view_from_the_side(scene.pixels, GRID)
    bands = ("blue", "green", "red", "nir")
    return write_raw(tmp_path_factory.mktemp("raw") / "raw.tif", view, bands=bands)


def ortho(raster, **fields):
    """All pixels of the scene on the map."""
    result = Orthorectify(**fields)(raster)
    return result.read(result.geobox)


def on_truth(result):
    """Pixels of a result, and the columns and rows of the true grid at their middles."""
    row, column = geo.offset_px(result.geobox, of=GRID)
    height, width = result.geobox.shape
    rows, columns = np.mgrid[row : row + height, column : column + width] + 0.5
    return result.read(result.geobox), columns, rows


@pytest.mark.parametrize("off_nadir_deg", [0.0, 25.0, 40.0])
@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
def test_puts_the_ground_where_it_is(tmp_path, dem, off_nadir_deg, resampling):
    """Pixels that hold their own place on the map come back to it, to 0.1 of a pixel."""
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5
    view = view_from_the_side(np.stack([columns, rows]), GRID, off_nadir_deg=off_nadir_deg)
    path = write_raw(tmp_path / "places.tif", view, bands=("column", "row"))
    part = Orthorectify(dem=dem, resolution_m=0.5, resampling=resampling)
    (column, row), true_column, true_row = on_truth(part(io.open_raster(path)))
    inner = (abs(true_column - SIZE_PX / 2) < SIZE_PX / 2 - 4) & (
        abs(true_row - SIZE_PX / 2) < SIZE_PX / 2 - 4
    )
    assert inner.sum() == (SIZE_PX - 8) ** 2
    assert abs(column - true_column)[inner].max() < 0.1
    assert abs(row - true_row)[inner].max() < 0.1


def test_shows_relief_displaced_without_a_dem(tmp_path, dem):
    """The test above is no truism: by one height for all, the hill stands beside itself."""
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5
    view = view_from_the_side(np.stack([columns, rows]), GRID)
    path = write_raw(tmp_path / "places.tif", view, bands=("column", "row"))
    (column, _), true_column, _ = on_truth(Orthorectify(resolution_m=0.5)(io.open_raster(path)))
    inner = (abs(true_column - SIZE_PX / 2) < 30) & (column > 0)
    assert abs(column - true_column)[inner].max() > 2


def test_looks_like_the_airfield(raw, dem):
    scene = make_scene(SETTINGS[6], size_px=SIZE_PX, rng=np.random.default_rng(0))
    result = Orthorectify(dem=dem, resolution_m=0.5)(io.open_raster(raw))
    row, column = geo.offset_px(GRID, of=result.geobox)
    window = geo.window_at(result.geobox, row=row + 5, column=column + 5, shape=(110, 110))
    true = scene.pixels[:, 5:-5, 5:-5].astype(float)
    found = result.read(window).astype(float)
    assert (result.dtype, result.bands, result.sensor) == (
        "uint16",
        io.open_raster(raw).bands,
        None,
    )
    for one, other in zip(found, true, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


def test_adds_the_geoid_to_the_dem(tmp_path, raw, dem):
    low = write_heights(tmp_path / "low.tif", heights() - 47.25)
    there = GeoBox((12, 12), Affine(0.25, 0, 13, 0, -0.25, 50), "EPSG:4326")
    geoid = write_heights(tmp_path / "geoid.tif", np.full((12, 12), 47.25), there)
    one = Orthorectify(dem=dem)(io.open_raster(raw))
    two = Orthorectify(dem=low, geoid=geoid)(io.open_raster(raw))
    assert one.geobox == two.geobox
    apart = one.read(one.geobox).astype(int) - two.read(two.geobox)
    assert abs(apart).max() <= 1


def test_takes_a_crop_where_it_was(tmp_path, raw, dem):
    """By its geotransform, or by the fields: the same pixels as from the whole image."""
    whole = io.open_raster(raw)
    row, column, shape = 60, 70, (90, 80)
    part = geo.window_at(whole.geobox, row=row, column=column, shape=shape)
    rpcs = rasterio.open(raw).rpcs
    profile = {"width": shape[1], "height": shape[0], "count": 4, "dtype": "uint16", "nodata": 0}
    for name, transform in {"told": Affine.translation(column, row), "untold": None}.items():
        given = {} if transform is None else {"transform": transform}
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile, **given, rpcs=rpcs) as sink:
            sink.write(whole.read(part))
    expected = Orthorectify(dem=dem, resolution_m=0.5)(whole)
    told = Orthorectify(dem=dem, resolution_m=0.5)(io.open_raster(tmp_path / "told.tif"))
    offsets = {"line_offset_px": float(row), "sample_offset_px": float(column)}
    untold = Orthorectify(dem=dem, resolution_m=0.5, **offsets)
    untold = untold(io.open_raster(tmp_path / "untold.tif"))
    for result in (told, untold):
        found = result.read(result.geobox)
        wanted = expected.read(result.geobox)
        inside = (found > 0) & (wanted > 0)
        assert inside.mean() > 0.5
        # Only at the edge of the crop does interpolation lack its neighbours.
        assert (abs(found.astype(int) - wanted)[inside] <= 1).mean() > 0.9


def test_brings_companions_to_the_map_at_their_own_resolution(tmp_path, raw, dem):
    ground = np.random.default_rng(0).integers(1, 999, (1, 2 * SIZE_PX, 2 * SIZE_PX))
    finer = GeoBox(ground.shape[1:], GRID.affine @ Affine.scale(0.5), GRID.crs)
    view = view_from_the_side(ground.astype("uint16"), finer)
    pan = io.open_raster(write_raw(tmp_path / "pan.tif", view, bands=("pan",)))
    raster = geo.Raster(**{**vars(io.open_raster(raw)), "companions": {"pan": pan}})
    result = Orthorectify(dem=dem, resolution_m=0.6)(raster)
    assert geo.resolution_m(result.geobox) == pytest.approx(0.6)
    assert geo.resolution_m(result.companions["pan"].geobox) == pytest.approx(0.3, abs=0.01)
    assert result.companions["pan"].sensor is None


def test_follows_the_model_between_its_nodes(raw, dem):
    """A model far more bent than those of satellites: it still cannot be seen."""
    from factory_core.process.ground import Ground
    from factory_core.process.orthorectify import _places
    from factory_core.process.reproject import transformer

    raster = io.open_raster(raw)
    grid = Orthorectify(dem=dem)(raster).geobox
    ground = Ground(dem, None, 0.0, None)
    across, down = np.arange(60.0, 200) + 0.5, np.arange(60.0, 190) + 0.5
    column, row = _places(grid, raster.sensor, ground)(across, down)
    x, y = grid.affine @ tuple(np.meshgrid(across, down))
    longitude, latitude = transformer(str(grid.crs), "EPSG:4326").transform(x, y)
    exact = raster.sensor.to_image(longitude, latitude, ground.heights(longitude, latitude))
    assert abs(column - exact[0]).max() < 3e-3
    assert abs(row - exact[1]).max() < 3e-3


@pytest.mark.slow
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_agrees_with_gdalwarp(raw, dem, gdalwarp, resampling):
    raster = io.open_raster(raw)
    # Finer than the image: gdalwarp widens its kernels where pixels get coarser.
    result = Orthorectify(dem=dem, resampling=resampling, resolution_m=0.3)(raster)
    options = ["-rpc", "-to", f"RPC_DEM={dem}", "-r", resampling]
    expected = gdalwarp(raw, grid=result.geobox, options=options)
    found = result.read(result.geobox).astype(float)
    inside = (found > 0) & (expected > 0)
    assert ((found > 0) == (expected > 0)).mean() > 0.999
    # At the edge, the two share the weight of missing neighbours in other ways.
    inner = minimum_filter(inside.all(axis=0), size=9)
    assert inner.mean() > 0.2
    steepest = maximum_filter(expected, size=(1, 3, 3)) - minimum_filter(expected, size=(1, 3, 3))
    hundredth_px = 1 + 0.01 * steepest
    share = (abs(found - expected) <= hundredth_px)[:, inner].mean()
    assert share == 1 if resampling != "nearest" else share > 0.99


def test_takes_one_pixel(tmp_path, dem):
    pixels = np.full((1, SIZE_PX, SIZE_PX), 9, "uint16")
    view = view_from_the_side(pixels, GRID)
    middle = view.model.shifted(column_px=80, row_px=75)
    one = type(view)(view.pixels[:, 75:76, 80:81], middle)
    result = Orthorectify(dem=dem, resolution_m=0.5)(
        io.open_raster(write_raw(tmp_path / "one.tif", one, bands=("a",)))
    )
    assert set(np.unique(result.read(result.geobox))) == {0, 9}


@pytest.fixture
def spoil(tmp_path, dem):
    """Ways in which heights are wrong, by name."""
    far = GeoBox(WIDE.shape, WIDE.affine @ Affine.translation(9000, 0), WIDE.crs)
    hole = heights()
    hole[250:270, 250:270] = -9999
    bare = tmp_path / "bare.tif"
    with rasterio.open(bare, "w", width=4, height=4, count=1, dtype="float32") as sink:
        sink.write(np.ones((1, 4, 4), "float32"))
    cut = tmp_path / "cut.tif"
    cut.write_bytes(dem.read_bytes()[:-20_000])
    return {
        "elsewhere": write_heights(tmp_path / "far.tif", heights(), far),
        "hole": write_heights(tmp_path / "hole.tif", hole, nodata=-9999),
        "bare": bare,
        "cut": cut,
        "missing": tmp_path / "missing.tif",
    }


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # that is the case here
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elsewhere", r"far\.tif does not reach at longitude 14"),
        ("hole", r"hole\.tif has a hole at longitude 14.*fill_height_m"),
        ("bare", r"bare\.tif has no CRS"),
        ("cut", r"cut\.tif cannot be read"),
        ("missing", r"missing\.tif cannot be read"),
    ],
)
def test_refuses_heights(raw, spoil, name, message):
    raster = io.open_raster(raw)
    with pytest.raises(SceneError, match=message):
        ortho(raster, dem=spoil[name])


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # of another case
def test_fills_the_holes_of_the_dem_where_it_may(raw, spoil):
    result = Orthorectify(dem=spoil["hole"], fill_height_m=380.0)(io.open_raster(raw))
    assert (result.read(result.geobox) > 0).any()


def test_names_the_scene_whose_end_is_missing(tmp_path, raw, dem):
    path = tmp_path / "cut.tif"
    path.write_bytes(raw.read_bytes()[:-60_000])
    result = Orthorectify(dem=dem)(io.open_raster(path))
    with pytest.raises(SceneError, match=r"cut\.tif cannot be read"):
        result.read(result.geobox)


def test_lets_scenes_on_the_map_through_only_where_asked(make_raster):
    raster = make_raster(np.ones((1, 5, 5)), scene_id="mapped")
    with pytest.raises(SceneError, match=r"'mapped' has no RPC.*keep_mapped=true"):
        Orthorectify()(raster)
    assert Orthorectify(keep_mapped=True)(raster) is raster


def test_other_parts_say_that_it_must_come_first(raw):
    with pytest.raises(SceneError, match="Put `orthorectify` first"):
        Reproject()(io.open_raster(raw))


@pytest.mark.parametrize(
    "fields",
    [
        {"crs": "EPSG:4326"},
        {"resolution_m": -1.0},
        {"geoid": "egm96_15.gtx"},
        {"dem": "dem.tif", "height_m": 3.0},
        {"resampling": "lanczos"},
        {"line_offset": 3.0},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    target = "factory_core.process.orthorectify.Orthorectify"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, **fields}, where="task")
