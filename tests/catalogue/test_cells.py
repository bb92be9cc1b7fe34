"""Cells: they cover the scene, and the scene is their mean."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely import union_all

from factory_core.catalogue.cells import MIN_CELL_PX, cut_cells, measure_cells, outline_cells
from factory_core.kernel import geo
from tests.views import view_of

sides = st.integers(1, 120)


def grid(height, width, *, pixel_m=2.0, crs="EPSG:32633", turn_deg=0.0):
    affine = Affine.translation(5e5, 5.4e6) @ Affine.rotation(turn_deg)
    return GeoBox((height, width), affine @ Affine.scale(pixel_m, -pixel_m), crs)


@given(height=sides, width=sides, cell_m=st.floats(1, 300))
def test_cells_cover_every_pixel_once(height, width, cell_m):
    seen = np.zeros((height, width), int)
    for cell in cut_cells(grid(height, width), cell_m=cell_m):
        seen[cell.rows, cell.columns] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("turn_deg", [0, 30])
def test_cells_are_squares_of_the_asked_side_on_the_ground(turn_deg):
    scene = grid(100, 150, turn_deg=turn_deg)
    outlines = outline_cells(scene, cut_cells(scene, cell_m=50.0))
    assert len(outlines) == 4 * 6
    np.testing.assert_allclose(outlines.area, 2500)
    assert union_all(outlines.to_numpy()).equals_exact(
        geo.footprint(scene), 1e-6, normalize=True
    ) or (union_all(outlines.to_numpy()).symmetric_difference(geo.footprint(scene)).area < 1e-3)


def test_cells_of_a_scene_in_degrees_are_in_metres():
    scene = GeoBox((400, 400), Affine(1e-5, 0, 14, 0, -1e-5, 60), "EPSG:4326")
    cells = cut_cells(scene, cell_m=50.0)
    outlines = outline_cells(scene, cells)
    assert str(outlines.crs) == "EPSG:32633"
    assert outlines.area.iloc[0] == pytest.approx(2500, rel=0.02)
    assert cells[0].columns.stop > 1.8 * cells[0].rows.stop  # a degree of longitude is shorter


def test_cells_of_coarse_scenes_have_enough_pixels():
    cells = cut_cells(grid(100, 100, pixel_m=30.0), cell_m=100.0)
    assert cells[0].rows.stop == MIN_CELL_PX


def test_a_scene_is_the_mean_of_its_cells_by_their_data():
    scene = grid(32, 48, pixel_m=1.0)
    value = np.full((32, 48), 0.2, np.float32)
    value[:16, :16] = 0.8
    value[:16, :8] = np.nan  # half of the first of six cells
    value[16:, 32:] = np.nan  # all of the last

    def look(cell):
        return view_of({"red": value[cell.rows, cell.columns]})

    contexts = {
        "tone": lambda view: float(np.nanmean(view.image["red"])) if view.seen.any() else np.nan,
        "nodata_share": lambda view: float(1 - view.seen.mean()),
    }
    found = measure_cells(cut_cells(scene, cell_m=16.0), look=look, contexts=contexts)
    np.testing.assert_allclose(found.cells["tone"], [0.8, 0.2, 0.2, 0.2, 0.2, np.nan], rtol=1e-6)
    assert found.scene["tone"] == pytest.approx(np.nanmean(value))
    assert found.scene["nodata_share"] == pytest.approx(np.isnan(value).mean())
    assert found.data_px == np.isfinite(value).sum()


def test_equal_cells_keep_their_last_digit():
    scene = grid(50, 70, pixel_m=1.0)
    found = measure_cells(
        cut_cells(scene, cell_m=16.0),
        look=lambda _: view_of({"red": np.ones((4, 4))}),
        contexts={"odd": lambda _: 0.1 + 0.2},
    )
    assert found.scene["odd"] == 0.1 + 0.2
