"""Sensor models in files: what is read is what was written, by every way in."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.io.sensors import read_dimap_rpc
from factory_core.sources.airfield.raw_scene import sensor_model

GROUND = GeoBox((40, 50), Affine(0.5, 0, 452_000, 0, -0.5, 5_411_000), "EPSG:32633")
MODEL, SHAPE = sensor_model(GROUND, off_nadir_deg=20.0, azimuth_deg=70.0, turn_deg=5.0)
NUMBERS = {
    "LINE_OFF": MODEL.line_offset_px + 1,
    "SAMP_OFF": MODEL.sample_offset_px + 1,
    "LAT_OFF": MODEL.latitude_offset_deg,
    "LONG_OFF": MODEL.longitude_offset_deg,
    "HEIGHT_OFF": MODEL.height_offset_m,
    "LINE_SCALE": MODEL.line_scale_px,
    "SAMP_SCALE": MODEL.sample_scale_px,
    "LAT_SCALE": MODEL.latitude_scale_deg,
    "LONG_SCALE": MODEL.longitude_scale_deg,
    "HEIGHT_SCALE": MODEL.height_scale_m,
}
POLYNOMIALS = {
    "LINE_NUM": MODEL.line_numerator,
    "LINE_DEN": MODEL.line_denominator,
    "SAMP_NUM": MODEL.sample_numerator,
    "SAMP_DEN": MODEL.sample_denominator,
}


def dimap(*, without=""):
    """A DIMAP file; its direct model, from the image to the ground, is another one."""
    rows = {f"{name}_COEFF_{k + 1}": c for name, p in POLYNOMIALS.items() for k, c in enumerate(p)}
    inverse = "".join(f"<{n}>{float(c)!r}</{n}>" for n, c in rows.items() if n != without)
    direct = "".join(f"<{n}>0.5</{n}>" for n in rows)
    plain = "".join(f"<{n}>{float(v)!r}</{n}>" for n, v in NUMBERS.items() if n != without)
    return (
        "<Dimap_Document><Rational_Function_Model><Global_RFM>"
        f"<Direct_Model>{direct}</Direct_Model><Inverse_Model>{inverse}</Inverse_Model>"
        f"<RFM_Validity>{plain}</RFM_Validity>"
        "</Global_RFM></Rational_Function_Model></Dimap_Document>"
    )


def write(path, **place):
    profile = {"width": SHAPE[1], "height": SHAPE[0], "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, **place) as sink:
        sink.write(np.ones((1, *SHAPE), "uint8"))
    return path


def test_keeps_rpcs_through_a_cog(tmp_path):
    grid = GeoBox(SHAPE, Affine.identity(), "EPSG:4326")
    blocks = [(grid, np.ones((1, *SHAPE), "uint8"))]
    given = {"bands": ("a",), "dtype": "uint8", "nodata": None, "sensor": MODEL}
    io.write_cog(tmp_path / "a.tif", geobox=grid, blocks=blocks, **given)
    raster = io.open_raster(tmp_path / "a.tif")
    place = (np.array(15.001), np.array(48.8), 400.0)
    np.testing.assert_allclose(raster.sensor.to_image(*place), MODEL.to_image(*place), atol=1e-5)
    assert str(raster.geobox.crs) == "EPSG:4326"


def test_its_grid_is_where_the_model_sees_it(tmp_path):
    grid = GeoBox(SHAPE, Affine.identity(), "EPSG:4326")
    blocks = [(grid, np.ones((1, *SHAPE), "uint8"))]
    given = {"bands": ("a",), "dtype": "uint8", "nodata": None, "sensor": MODEL}
    io.write_cog(tmp_path / "a.tif", geobox=grid, blocks=blocks, **given)
    raster = io.open_raster(tmp_path / "a.tif")
    column, row = np.array([0.0, SHAPE[1]]), np.array([0.0, SHAPE[0]])
    longitude, latitude = MODEL.to_ground(column, row, MODEL.height_offset_m)
    found = ~raster.geobox.affine @ (longitude, latitude)
    np.testing.assert_allclose(found, (column, row), atol=0.3)
    assert io.read_overview(tmp_path / "a.tif", max_px=9, window=raster.geobox).max() == 1


@pytest.mark.parametrize("height_m", [MODEL.height_offset_m, 0.0, 900.0])
def test_ground_and_image_are_inverse(height_m):
    column, row = np.meshgrid(np.linspace(0, SHAPE[1], 9), np.linspace(0, SHAPE[0], 7))
    again = MODEL.to_image(*MODEL.to_ground(column, row, height_m), height_m)
    np.testing.assert_allclose(again, (column, row), atol=1e-6)


def test_takes_longitudes_from_0_to_360():
    longitude, latitude = MODEL.to_ground(np.array(3.0), np.array(4.0), 380.0)
    one, two = (MODEL.to_image(longitude + turn, latitude, 380.0) for turn in (0, 360))
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # that is the case here
@pytest.mark.parametrize("name", ["RPC_a.XML", "a_RPC.XML", "a.RPC.XML"])
def test_reads_a_dimap_file_beside_the_scene(tmp_path, name):
    (tmp_path / name).write_text(dimap())
    found = io.open_raster(write(tmp_path / "a.tif")).sensor
    assert found.line_numerator == pytest.approx(MODEL.line_numerator)
    assert found.line_offset_px == pytest.approx(MODEL.line_offset_px)


def test_shifts_the_model_of_a_crop(tmp_path):
    (tmp_path / "RPC_a.XML").write_text(dimap())
    crop = write(tmp_path / "a.tif", transform=Affine.translation(5000, 4000))
    found = io.open_raster(crop).sensor
    assert found.sample_offset_px == pytest.approx(MODEL.sample_offset_px - 5000)
    assert found.line_offset_px == pytest.approx(MODEL.line_offset_px - 4000)


BOMB = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(dimap()[:300], "is no XML that can be read", id="truncated"),
        pytest.param("", "is no XML that can be read", id="empty"),
        pytest.param(BOMB, "is no XML that can be read", id="entities"),
        pytest.param(dimap(without="LAT_SCALE"), "lacks the number LAT_SCALE", id="scale"),
        pytest.param(dimap(without="SAMP_NUM_COEFF_7"), "lacks .* SAMP_NUM_COEFF_7", id="term"),
    ],
)
def test_refuses_a_dimap_file(tmp_path, content, message):
    path = tmp_path / "RPC_a.XML"
    path.write_text(content)
    with pytest.raises(SceneError, match=rf"RPC_a\.XML {message}"):
        read_dimap_rpc(path)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # that is the case here
@pytest.mark.parametrize("broken", ["nan", "0"])
def test_refuses_a_model_that_is_no_number(tmp_path, broken):
    text = dimap().replace(
        f"<LAT_SCALE>{float(MODEL.latitude_scale_deg)!r}", f"<LAT_SCALE>{broken}"
    )
    assert f"<LAT_SCALE>{broken}<" in text
    (tmp_path / "RPC_a.XML").write_text(text)
    with pytest.raises(SceneError, match=r"sensor model of .*a\.tif is damaged"):
        io.open_raster(write(tmp_path / "a.tif"))


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # that is the case here
def test_names_what_a_scene_without_place_lacks(tmp_path):
    with pytest.raises(SceneError, match=r"a\.tif has no CRS, no RPC and no ground points"):
        io.open_raster(write(tmp_path / "a.tif"))
