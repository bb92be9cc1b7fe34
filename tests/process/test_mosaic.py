"""Many scenes as one: where they touch, where they overlap, what is refused."""

import numpy as np
import pytest
from rio_cogeo.cogeo import cog_validate
from typer.testing import CliRunner

from factory_core.cli import app
from factory_core.kernel import geo, io
from factory_core.kernel.errors import OutputError, SceneError
from factory_core.kernel.geo import window_at
from factory_core.process.mosaic import mosaic

PIXELS = np.random.default_rng(1).integers(1, 250, (3, 60, 90)).astype("uint8")
LEFT, TOP = 500_000, 5_400_000


@pytest.fixture
def cut(make_raster):
    """A scene of some rows and columns of the whole."""

    def make(rows, columns, *, pixels=PIXELS, **given):
        corner = (LEFT + columns[0], TOP - rows[0])
        part = pixels[:, slice(*rows), slice(*columns)]
        return make_raster(part, corner=corner, **given)

    return make


def test_puts_together_what_was_cut(cut):
    parts = [cut((r, r + 30), (c, c + 30)) for c in (60, 0, 30) for r in (30, 0)]
    whole = mosaic(parts, scene_id="whole")
    assert (whole.scene_id, whole.nodata, whole.bands) == ("whole", None, ("red", "green", "blue"))
    assert whole.geobox.shape == (60, 90)
    np.testing.assert_array_equal(whole.read(whole.geobox), PIXELS)
    window = window_at(whole.geobox, row=17, column=20, shape=(31, 55))
    np.testing.assert_array_equal(whole.read(window), PIXELS[:, 17:48, 20:75])


def test_the_first_is_on_top_where_it_has_data(cut):
    above, below = np.full_like(PIXELS, 7), np.full_like(PIXELS, 9)
    above[:, 10:20, 10:20] = 0
    parts = [cut((0, 40), (0, 60), pixels=p, nodata=0) for p in (above, below)]
    whole = mosaic(parts, scene_id="whole").read(parts[0].geobox)
    expected = np.full((40, 60), 7)
    expected[10:20, 10:20] = 9
    np.testing.assert_array_equal(whole[0], expected)


def test_gaps_have_no_data(cut):
    pixels = PIXELS.copy()
    pixels[0, 0, 0] = 0
    parts = [cut((0, 30), (0, 30), pixels=pixels), cut((30, 60), (60, 90))]
    whole = mosaic(parts, scene_id="whole")
    found = whole.read(whole.geobox)
    assert whole.nodata == 0
    assert (found[:, 30:, :60] == 0).all()
    assert found[0, 0, 0] == 1  # 0 is for what has no data now
    np.testing.assert_array_equal(found[:, 30:, 60:], PIXELS[:, 30:, 60:])


def test_reads_only_scenes_of_the_window(cut):
    parts = [cut((0, 60), (c, c + 30)) for c in (0, 30, 60)]
    locked = [geo.Raster(**{**vars(part), "read": None}) for part in parts[1:]]
    whole = mosaic([parts[0], *locked], scene_id="whole")
    window = window_at(whole.geobox, row=0, column=0, shape=(60, 30))
    np.testing.assert_array_equal(whole.read(window), PIXELS[:, :, :30])


def test_is_one_scene_of_one(cut):
    one = cut((0, 60), (0, 90))
    np.testing.assert_array_equal(mosaic([one], scene_id="a").read(one.geobox), PIXELS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"crs": "EPSG:32632"}, "'b' is in EPSG:32632, and 'a' in", id="CRS"),
        pytest.param({"side": 0.9}, r"'b' has pixels of 0\.9 m", id="resolution"),
        pytest.param({"corner": (LEFT + 0.4, TOP)}, r"by up to 0\.40 pixels", id="half a pixel"),
        pytest.param({"bands": ("r", "g", "b")}, "'b' has r, g, b as uint8", id="bands"),
        pytest.param({"pixels": PIXELS.astype("uint16")}, "blue as uint16", id="type"),
    ],
)
def test_refuses_scenes_that_do_not_fit(make_raster, given, message):
    one = make_raster(PIXELS, scene_id="a")
    two = make_raster(given.pop("pixels", PIXELS), scene_id="b", **given)
    with pytest.raises(SceneError, match=message):
        mosaic([one, two], scene_id="whole")


def test_needs_a_scene():
    with pytest.raises(SceneError, match="at least one"):
        mosaic([], scene_id="whole")


def write(path, raster):
    io.write_cog(
        path,
        geobox=raster.geobox,
        bands=raster.bands,
        dtype=raster.dtype,
        nodata=raster.nodata,
        blocks=[(raster.geobox, raster.read(raster.geobox))],
    )
    return str(path)


def test_the_command_writes_a_cloud_optimised_scene(tmp_path, cut):
    paths = [
        write(tmp_path / f"{r}-{c}.tif", cut((r, r + 30), (c, c + 45)))
        for r in (0, 30)
        for c in (0, 45)
    ]
    out = tmp_path / "whole.tif"
    done = CliRunner().invoke(app, ["mosaic", *paths, "--out", str(out)])
    assert done.exit_code == 0, done.output
    raster = io.open_raster(out)
    np.testing.assert_array_equal(raster.read(raster.geobox), PIXELS)
    assert cog_validate(out, quiet=True)[0]
    before = out.read_bytes()
    again = CliRunner().invoke(app, ["mosaic", *paths[:1], "--out", str(out)])
    assert isinstance(again.exception, OutputError)
    assert out.read_bytes() == before
