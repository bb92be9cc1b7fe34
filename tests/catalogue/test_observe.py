"""Labels measured: sizes, aspect, neighbours."""

import geopandas as gpd
import numpy as np
import pytest
from shapely.affinity import rotate
from shapely.geometry import LineString, Point, box

from factory_core.catalogue.observe import observe_labels, observe_scene
from factory_core.kernel.taxonomy import Taxonomy

CLASSES = Taxonomy(("vehicle/car", "vehicle/truck", "house"))


def observe(shapes, labels=None):
    labels = ["car"] * len(shapes) if labels is None else labels
    frame = gpd.GeoDataFrame({"label": labels}, geometry=shapes, crs="EPSG:32633")
    return observe_labels(frame, taxonomy=CLASSES)


@pytest.mark.parametrize(
    ("shape", "length_m", "width_m", "area_m2"),
    [
        pytest.param(box(0, 0, 2, 6), 6, 2, 12, id="upright"),
        pytest.param(rotate(box(0, 0, 2, 6), 33), 6, 2, 12, id="turned"),
        pytest.param(LineString([(0, 0), (3, 4)]), 5, 0, 0, id="line"),
        pytest.param(Point(1, 1), 0, 0, 0, id="point"),
    ],
)
def test_sizes(shape, length_m, width_m, area_m2):
    row = observe([shape]).iloc[0]
    assert (row["length_m"], row["width_m"], row["area_m2"]) == pytest.approx(
        (length_m, width_m, area_m2), abs=1e-6
    )
    assert row["aspect"] == pytest.approx(3) if width_m else np.isnan(row["aspect"])


def test_neighbours_are_of_the_same_class():
    shapes = [box(0, 0, 2, 2), box(5, 0, 7, 2), box(3, 0, 4, 2), box(20, 0, 22, 2)]
    found = observe(shapes, ["car", "car", "house", "car"])
    np.testing.assert_allclose(found["neighbour_m"], [3, 3, np.nan, 13])


def test_paths_name_the_whole_branch():
    found = observe([Point(0, 0)] * 3, ["car", "vehicle", "house"])
    assert list(found["class_path"]) == ["vehicle/car", "vehicle", "house"]


def test_no_label_is_measured_too():
    found = observe([])
    assert list(found.columns[-1:]) == ["neighbour_m"]
    assert len(found) == 0


def test_a_scene_has_counts_at_every_level_and_a_density():
    found = observe_scene(
        observe([Point(0, 0)] * 3, ["car", "truck", "house"]), taxonomy=CLASSES, area_km2=0.5
    )
    assert found["labels"] == {"vehicle": 2, "car": 1, "truck": 1, "house": 1}
    assert found["labels_per_km2"] == 6
