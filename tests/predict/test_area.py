"""What is computed of a scene: windows with data that touch the ground asked for, in any CRS."""

import numpy as np
import pytest
from geopandas import GeoSeries
from shapely.geometry import box

from factory_core.kernel import io
from factory_core.predict.engine import load_engine
from factory_core.predict.settings import read_settings
from tests.onnx_models import write_box_model


@pytest.fixture
def plan(tmp_path, config, write_scene):
    """Cut a scene of 100 x 100 pixels, whose left half has no data, into windows of 16."""
    model = write_box_model(tmp_path / "0/model.onnx")
    pixels = np.random.default_rng(0).integers(1, 256, (1, 100, 100)).astype(np.uint8)
    pixels[:, :, :50] = 0
    write_scene(pixels, bands=("grey",))
    engine = load_engine([model], read_settings(config))
    raster = io.open_raster(tmp_path / "processed/a.tif")

    def cut(area, crs="EPSG:32633"):
        ground = GeoSeries(area, crs="EPSG:32633").to_crs(crs)
        return engine, engine.plan(raster, area=ground)

    return cut


def ground(left, top, right, bottom):
    """Pixels of the scene, as its CRS has them."""
    return box(500_000 + left, 5_000_000 - bottom, 500_000 + right, 5_000_000 - top)


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:32634"])
def test_ground_in_any_crs_wants_the_same_windows(plan, crs):
    _, cut = plan([ground(62, 38, 70, 46)], crs)
    rows, columns = np.nonzero(cut.wanted)
    starts = cut.layout.rows.starts
    assert {starts[row] for row in rows} == {24, 36}
    assert {starts[column] for column in columns} == {48, 60}


@pytest.mark.parametrize(
    ("areas", "windows"),
    [
        pytest.param([], 0, id="nowhere"),
        pytest.param([ground(200, 200, 300, 300)], 0, id="outside the scene"),
        pytest.param([ground(0, 0, 30, 30)], 0, id="no data there"),
        pytest.param([ground(80, 50, 90, 60)], 4, id="one place"),
        pytest.param([ground(80, 50, 90, 60), ground(82, 50, 90, 58)], 4, id="twice the same"),
        pytest.param([ground(64, 84, 68, 98), ground(80, 50, 90, 60)], 6, id="two places"),
    ],
)
def test_the_network_sees_no_window_without_data_or_outside(tmp_path, plan, areas, windows):
    engine, cut = plan(areas)
    seen = []
    ensemble = engine.ensemble
    boxes = type(ensemble).boxes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(ensemble), "boxes", lambda self, im: seen.append(len(im)) or boxes(self, im)
        )
        engine.compute([(cut, block, tmp_path) for block in cut.blocks])
    assert sum(seen) == windows
