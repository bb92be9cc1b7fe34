"""What every split promises."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import union_all
from shapely.geometry import Point, box

from factory_core.kernel.config import build
from factory_core.kernel.parts import list_parts, load_part
from factory_core.select.leakage import find_overlaps

CRS = "EPSG:32633"


@pytest.fixture(params=[part.name for part in list_parts("split")])
def split(request):
    return build(load_part("split", request.param))


@pytest.fixture(scope="module")
def scenes():
    boxes = {
        "one": box(500_000, 5_400_000, 501_000, 5_401_000),
        "two": box(500_700, 5_400_500, 501_900, 5_401_300),
        "far": box(540_000, 5_400_000, 540_800, 5_400_900),
    }
    outlines = {name: gpd.GeoSeries([shape], crs=CRS) for name, shape in boxes.items()}
    rng = np.random.default_rng(0)
    labels = {}
    for name, shape in boxes.items():
        left, low, right, high = shape.bounds
        points = zip(rng.uniform(left, right, 80), rng.uniform(low, high, 80), strict=True)
        geometry = [Point(point).buffer(2) for point in points]
        columns = {"label": rng.choice(["a", "b"], 80), "scene_id": name}
        labels[name] = gpd.GeoDataFrame(columns, geometry=geometry, crs=CRS)
    return outlines, labels


def test_has_a_split_or_a_reason_for_every_block(split, scenes):
    for name, blocks in split(*scenes).items():
        assert set(blocks["split"]) <= {"train", "val", "test", ""}
        assert ((blocks["split"] == "") == (blocks["reason"] != "")).all()
        assert set(blocks["scene_id"]) == {name}


def test_covers_every_scene_without_overlap(split, scenes):
    outlines, _ = scenes
    for name, blocks in split(*scenes).items():
        outline = outlines[name].iloc[0]
        assert blocks.area.sum() == pytest.approx(outline.area)
        assert union_all(blocks.geometry).symmetric_difference(outline).area < 1e-3


def test_uses_every_split(split, scenes):
    used = {name for blocks in split(*scenes).values() for name in blocks["split"]}
    assert {"train", "val", "test"} <= used


def test_leaks_nothing(split, scenes):
    assert find_overlaps(split(*scenes).values()) == []


def test_gives_the_same_again(split, scenes):
    first, second = split(*scenes), split(*scenes)
    assert all(first[name].equals(second[name]) for name in first)
