"""What every merge of candidates promises, tested for each YAML in `conf/merge/`."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from factory_core.kernel import config
from factory_core.kernel.geo import oriented_corners
from factory_core.kernel.parts import list_parts, load_part
from factory_core.predict.merge import Merge

PARTS = [part.name for part in list_parts("merge")]


@pytest.fixture(params=PARTS)
def merge(request) -> Merge:
    return config.build(load_part("merge", request.param), where="predict.merge")


def candidates(seed: int, count: int = 40) -> gpd.GeoDataFrame:
    """Boxes of any direction on few places, two classes, some scores alike."""
    chance = np.random.default_rng(seed)
    centres = chance.integers(0, 5, (count, 2)) * 6.0 + chance.normal(0, 0.4, (count, 2))
    sides = chance.uniform(3, 6, (count, 2))
    angle = chance.choice([0.0, 0.4, -1.2], (count, 1))
    return gpd.GeoDataFrame(
        {
            "score": np.round(chance.uniform(0.01, 1, count), 1),
            "label": chance.choice(["tree", "house"], count),
            "scene_id": "a",
        },
        geometry=shapely.polygons(oriented_corners(np.hstack([centres, sides, angle]))),
        crs="EPSG:32633",
    )


def test_nothing_stays_nothing(merge):
    empty = candidates(0).iloc[:0]
    found = merge(empty, voters=2)
    assert len(found) == 0
    assert list(found.columns) == list(empty.columns)
    assert found.crs == empty.crs


@pytest.mark.parametrize("seed", range(4))
def test_scores_stay_scores_and_the_input_as_it_was(merge, seed):
    given_ = candidates(seed)
    before = given_.copy(deep=True)
    found = merge(given_, voters=2)
    assert_geodataframe_equal(given_, before)
    assert found.crs == given_.crs
    assert list(found.columns) == list(given_.columns)
    assert found["score"].between(0, 1).all()
    assert found.geometry.is_valid.all()
    assert 0 < len(found) <= len(given_)


@pytest.mark.parametrize("seed", range(4))
def test_no_order_of_rows_matters(merge, seed):
    """To the last digits of a sum; predict itself sorts first, and is equal to the byte."""
    rows = candidates(seed)
    found = [
        merge(rows.iloc[order], voters=2)
        for order in (np.arange(len(rows)), np.random.default_rng(seed).permutation(len(rows)))
    ]
    told = [
        np.sort(np.column_stack([frame.bounds.to_numpy(), frame["score"]]).round(6), axis=0)
        for frame in found
    ]
    np.testing.assert_allclose(*told, atol=1e-5)
