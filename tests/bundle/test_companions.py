"""A bundle finds what goes with a raw scene, and cuts it along for its self-test."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.bundle.detector import Detector, companion_file
from factory_core.bundle.self_test import _cut, _write
from factory_core.kernel import geo, io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.sensor import GroundPoints
from factory_core.process.pansharpen import Pansharpen

GRID = GeoBox((60, 80), Affine(2.0, 0, 500_000, 0, -2.0, 5_400_000), "EPSG:32633")
FINE = GeoBox((240, 320), GRID.affine @ Affine.scale(0.25), GRID.crs)


def write(path, grid, bands):
    pixels = np.random.default_rng(1).integers(100, 900, (len(bands), *grid.shape))
    io.write_cog(
        path,
        geobox=grid,
        bands=bands,
        dtype="uint16",
        nodata=None,
        blocks=[(grid, pixels.astype("uint16"))],
    )
    return path


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "scenes").mkdir()
    return write(tmp_path / "scenes" / "a.tif", GRID, ("red", "green", "blue"))


def detector(pattern):
    return Detector((), {"pan": pattern}, (), engine=None, chain=None)


@pytest.mark.parametrize("place", ["{scene_id}_PAN.tif", "../pan/{scene_id}.tif"])
def test_finds_companions_where_the_pattern_says(scene, place):
    file = scene.parent / place.format(scene_id="a")
    file.parent.mkdir(exist_ok=True)
    write(file, FINE, ("pan",))
    assert detector(place).open(scene).companions["pan"].geobox == FINE


def test_says_what_is_missing(scene):
    raster = detector("{scene_id}_PAN.tif").open(scene)
    with pytest.raises(SceneError, match="'a' has no companion 'pan', which `pansharpen` needs"):
        Pansharpen()(raster)


def test_cuts_companions_with_the_scene(tmp_path, scene):
    write(scene.parent / "a_PAN.tif", FINE, ("pan",))
    finder = detector("{scene_id}_PAN.tif")
    whole = finder.open(scene)
    place = _cut(whole, geo.window_at(GRID, row=20, column=30, shape=(24, 32)))
    target = tmp_path / "cut" / "scene.tif"
    _write(place, target)
    _write(place.companions["pan"], companion_file(target, "pan"))
    again = finder.open(target)
    assert again.geobox == place.geobox
    # With weights that are stated, nothing is measured in the scene: pixels are the same.
    sharpen = Pansharpen(method="brovey", weights=(0.4, 0.3, 0.3))
    expected, found = sharpen(whole), sharpen(again)
    row, column = geo.offset_px(found.geobox, of=FINE)
    window = geo.window_at(FINE, row=row + 20, column=column + 20, shape=(70, 100))
    inner = geo.window_at(found.geobox, row=20, column=20, shape=(70, 100))
    np.testing.assert_array_equal(found.read(inner), expected.read(window))


def test_keeps_the_model_of_the_sensor_of_a_cut(scene):
    raster = io.open_raster(scene)
    points = tuple((c, r, 15 + c / 1e4, 48 - r / 1e4) for c in (0.0, 80.0) for r in (0.0, 60.0))
    raw = replace(raster, sensor=GroundPoints("EPSG:4326", points))
    place = _cut(raw, geo.window_at(GRID, row=20, column=30, shape=(24, 32)))
    _write(place, scene.with_name("raw.tif"))
    again = io.open_raster(scene.with_name("raw.tif"))
    assert again.sensor == raw.sensor.shifted(column_px=30, row_px=20)
