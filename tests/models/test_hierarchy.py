"""Classes know their ancestors at every level."""

import numpy as np
import pytest

from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.losses.hierarchy import ancestors, level_weights, with_background

PATHS = ("air/civil/jet", "air/civil/propeller", "air/military", "ship")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        pytest.param(1, [np.eye(2)], id="roots alone"),
        pytest.param(2, [[[1, 0], [1, 0], [0, 1]], np.eye(3)], id="a leaf stands for itself"),
        pytest.param(
            3,
            [
                [[1, 0], [1, 0], [1, 0], [0, 1]],
                [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
                np.eye(4),
            ],
            id="three levels",
        ),
        pytest.param(
            4,
            [
                [[1, 0], [1, 0], [1, 0], [0, 1]],
                [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
                np.eye(4),
            ],
            id="no deeper than the tree",
        ),
    ],
)
def test_ancestors(level, expected):
    found = ancestors(Taxonomy(PATHS, level=level))
    assert len(found) == len(expected)
    for matrix, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(matrix, wanted)


def test_one_branch_is_one_level():
    assert len(ancestors(Taxonomy(("a/b/c",), level=3))) == 1


@pytest.mark.parametrize(
    ("coarse_weight", "expected"),
    [
        pytest.param(0, [0, 0, 1], id="finest alone"),
        pytest.param(1, [1 / 3] * 3, id="all alike"),
        pytest.param(2, [4 / 7, 2 / 7, 1 / 7], id="roots count most"),
    ],
)
def test_weights_of_levels(coarse_weight, expected):
    np.testing.assert_allclose(level_weights(3, coarse_weight=coarse_weight), expected, rtol=1e-6)


def test_background_is_its_own_ancestor():
    assert with_background(np.array([[1], [1]])).tolist() == [[1, 0], [0, 1], [0, 1]]
