"""The split by blocks of ground: shares, names, gaps, and that it never leaks."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import union_all
from shapely.geometry import Point, box

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SelectionError
from factory_core.select.leakage import find_overlaps
from factory_core.select.spatial_blocks import SpatialBlocks

CRS = "EPSG:32633"
TARGET = "factory_core.select.spatial_blocks.SpatialBlocks"


def outline(left, low, width, height, crs=CRS):
    return gpd.GeoSeries([box(left, low, left + width, low + height)], crs=crs)


def scatter(shape, count, *, seed=0, names=("car",)):
    rng = np.random.default_rng(seed)
    left, low, right, high = shape.total_bounds
    points = zip(rng.uniform(left, right, count), rng.uniform(low, high, count), strict=True)
    geometry = [Point(x, y) for x, y in points]
    return gpd.GeoDataFrame({"label": rng.choice(names, count)}, geometry=geometry, crs=shape.crs)


def areas(blocks):
    """Ground of each split, in the CRS of the scenes, which share one."""
    frames = list(blocks.values())
    return {
        split: union_all([g for f in frames for g in f.geometry[f["split"] == split]])
        for split in ("train", "val", "test")
    }


lengths = st.floats(20, 400)
places = st.floats(-500, 500)
scenes = st.lists(st.tuples(places, places, lengths, lengths), min_size=1, max_size=4)


@settings(max_examples=15)
@given(
    scenes=scenes,
    block_m=st.floats(30, 300),
    gap_m=st.sampled_from([0.0, 5.0, 40.0]),
    named=st.sampled_from([(), ("0",)]),
    seed=st.integers(0, 3),
)
def test_never_leaks_and_leaves_nothing_unsaid(scenes, block_m, gap_m, named, seed, divide):
    outlines = {
        str(n): outline(500_000 + x, 5_400_000 + y, w, h) for n, (x, y, w, h) in enumerate(scenes)
    }
    labels = {name: scatter(shape, 20, seed=seed) for name, shape in outlines.items()}
    part = SpatialBlocks(block_m, 0.25, 0.25, gap_m, test_scenes=named)
    blocks = divide(part, outlines, labels, seed=seed)
    assert find_overlaps(blocks.values()) == []
    for name, frame in blocks.items():
        assert ((frame["split"] == "") != (frame["reason"] == "")).all()
        covered = union_all(frame.geometry)
        assert covered.symmetric_difference(outlines[name].iloc[0]).area < 1e-3
        assert frame.area.sum() == pytest.approx(outlines[name].iloc[0].area, rel=1e-6)
    ground = areas(blocks)
    for one, two in (("train", "val"), ("train", "test"), ("val", "test")):
        if not ground[one].is_empty and not ground[two].is_empty:
            assert ground[one].distance(ground[two]) >= gap_m - 1e-6


@settings(max_examples=6)
@given(
    seed=st.integers(0, 50), val=st.sampled_from([0.1, 0.2, 0.3]), test=st.sampled_from([0.1, 0.3])
)
def test_comes_near_the_shares(seed, val, test, divide):
    shape = outline(500_000, 5_400_000, 2000, 2000)
    labels = scatter(shape, 400, seed=seed)
    part = SpatialBlocks(100, val, test, 0.0)
    ground = areas(divide(part, {"a": shape}, {"a": labels}, seed=seed))
    for split, share in (("val", val), ("test", test)):
        assert labels.within(ground[split]).mean() == pytest.approx(share, abs=0.03)


def test_balances_each_class(divide):
    shape = outline(500_000, 5_400_000, 2000, 2000)
    common, rare = scatter(shape, 400), scatter(shape, 60, seed=1, names=("bus",))
    labels = gpd.GeoDataFrame(gpd.pd.concat([common, rare], ignore_index=True), crs=CRS)
    ground = areas(divide(SpatialBlocks(100, 0.2, 0.2, 0.0), {"a": shape}, {"a": labels}))
    for name in ("car", "bus"):
        of_class = labels[labels["label"] == name]
        assert of_class.within(ground["test"]).mean() == pytest.approx(0.2, abs=0.05)


def test_shares_the_ground_out_where_there_is_no_label(divide):
    shape = outline(500_000, 5_400_000, 1000, 1000)
    ground = areas(divide(SpatialBlocks(100, 0.2, 0.3, 0.0), {"a": shape}, {}))
    assert ground["test"].area / shape.area.iloc[0] == pytest.approx(0.3, abs=0.02)


def test_overlapping_scenes_share_their_blocks(divide):
    outlines = {
        "a": outline(500_000, 5_400_000, 600, 600),
        "b": outline(500_250, 5_400_130, 600, 600),
    }
    labels = {name: scatter(shape, 50) for name, shape in outlines.items()}
    blocks = divide(SpatialBlocks(100, 0.3, 0.3, 0.0), outlines, labels)
    met = blocks["a"].merge(blocks["b"], on="block")
    assert len(met) > 10  # the same number is the same ground
    assert (met["split_x"] == met["split_y"]).all()


def test_overlapping_scenes_in_two_zones_do_not_leak(divide):
    west = outline(793_500, 5_400_000, 900, 900, "EPSG:32632")
    there = west.to_crs(CRS).iloc[0].centroid
    east = gpd.GeoSeries([there.buffer(450).envelope], crs=CRS)
    outlines = {"west": west, "east": east}
    labels = {name: scatter(shape, 60) for name, shape in outlines.items()}
    blocks = divide(SpatialBlocks(150, 0.25, 0.25, 5.0), outlines, labels)
    assert {"train", "val", "test"} <= set(blocks["east"]["split"])
    assert str(blocks["east"].crs) == "EPSG:32633"
    assert find_overlaps(blocks.values()) == []


def test_takes_named_scenes_whole(divide):
    outlines = {n: outline(500_000 + i * 300, 5_400_000, 200, 200) for i, n in enumerate("abcd")}
    part = SpatialBlocks(50, 0.0, 0.0, 5.0, val_scenes=("b",), test_scenes=("[cd]",))
    blocks = divide(part, outlines, {})
    assert {name: set(frame["split"]) for name, frame in blocks.items()} == {
        "a": {"train"},
        "b": {"val"},
        "c": {"test"},
        "d": {"test"},
    }
    assert all(len(blocks[name]) == 1 for name in "bcd")


def test_other_scenes_give_way_to_a_named_one(divide):
    outlines = {
        "test": outline(500_000, 5_400_000, 200, 200),
        "other": outline(500_150, 5_400_000, 200, 200),
    }
    blocks = divide(SpatialBlocks(50, 0.0, 0.0, 10.0, test_scenes=("test",)), outlines, {})
    other = blocks["other"]
    assert other[other["split"] == "train"].total_bounds[0] == pytest.approx(500_210)
    assert other[other["split"] == ""].area.sum() == pytest.approx(60 * 200)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"test_scenes": ("c*",)}, "'c\\*', which matches none", id="no match"),
        pytest.param(
            {"test_scenes": ("a",), "val_scenes": ("*",)}, "'a' is both in", id="in two splits"
        ),
    ],
)
def test_refuses_names(fields, message, divide):
    outlines = {name: outline(500_000, 5_400_000, 100, 100) for name in ("a", "b")}
    with pytest.raises(SelectionError, match=message):
        divide(SpatialBlocks(**fields), outlines, {})


@pytest.mark.parametrize(
    "fields",
    [
        {"block_m": 0.0},
        {"gap_m": -1.0},
        {"val_share": 0.5, "test_share": 0.5},
        {"val_share": -0.1},
        {"block_m": "wide"},
        {"blockm": 3.0},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    with pytest.raises(ConfigError, match=r"select\.split"):
        build({"_target_": TARGET, **fields}, where="select.split")


def test_twins_go_together_and_their_neighbours_stay_free(divide):
    outlines = {
        "a": outline(500_000, 5_400_000, 200, 200),
        "beside": outline(500_200, 5_400_000, 400, 200),
        "b": outline(540_000, 5_400_000, 200, 200),
    }
    labels = {name: scatter(shape, 60) for name, shape in outlines.items()}
    part = SpatialBlocks(100, 0.25, 0.25, 0.0)
    blocks = divide(part, outlines, labels, twins=[("a", "b")])
    assert set(blocks["a"]["split"]) == set(blocks["b"]["split"])
    assert len(set(blocks["a"]["split"])) == 1
    assert {"train", "val", "test"} == {s for own in blocks.values() for s in own["split"]}
    assert len(set(divide(part, outlines, labels)["a"]["split"])) > 1
