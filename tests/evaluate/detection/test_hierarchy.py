"""Hierarchical precision and recall, worked by hand from their definition."""

from __future__ import annotations

import pytest

from factory_core.evaluate.detection.hierarchy import Hierarchy
from factory_core.kernel.taxonomy import Taxonomy
from tests.evaluate.conftest import make_results, make_scene, square
from tests.evaluate.detection.made import numbers

VEHICLES = Taxonomy(
    ("vehicle/road/bus", "vehicle/road/lorry", "vehicle/rail/tram", "ship"), level=2
)
HERE = square(0, 0)


@pytest.mark.parametrize(
    ("label", "said", "precision", "recall"),
    [
        # By the definition of Kiritchenko et al. (2005): what {vehicle, road, bus} and
        # {vehicle, road, lorry} share, over the size of either; the root of all is left out.
        pytest.param("lorry", "bus", 2 / 3, 2 / 3, id="siblings"),
        pytest.param("tram", "bus", 1 / 3, 1 / 3, id="cousins"),
        pytest.param("bus", "bus", 1, 1, id="right"),
        pytest.param("bus", "road", 1, 2 / 3, id="too coarse costs recall alone"),
        pytest.param("road", "bus", 2 / 3, 1, id="too fine costs precision alone"),
        pytest.param("ship", "bus", 0, 0, id="another tree"),
    ],
)
def test_shares_of_the_path_from_the_root(label, said, precision, recall):
    scene = make_scene([(label, HERE)], [(said, 0.9, HERE)])
    found = numbers(Hierarchy(), make_results(scene, taxonomy=VEHICLES))
    assert found["hierarchical_precision"] == pytest.approx(precision)
    assert found["hierarchical_recall"] == pytest.approx(recall)


def test_sums_over_objects_before_it_divides():
    """Micro-averaged: shared 2 + 1 + 0, claimed 3 + 1 + 1, true 3 + 1 + 2."""
    labels = [("lorry", HERE), ("ship", square(20, 0)), ("rail", square(40, 0))]
    detections = [("bus", 0.9, HERE), ("ship", 0.9, square(20, 0)), ("ship", 0.5, square(80, 80))]
    found = numbers(Hierarchy(), make_results(make_scene(labels, detections), taxonomy=VEHICLES))
    assert found["hierarchical_precision"] == pytest.approx(3 / 5)
    assert found["hierarchical_recall"] == pytest.approx(3 / 6)
    assert found["hierarchical_f1"] == pytest.approx(2 * 3 / 11)
