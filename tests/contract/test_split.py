"""What every split promises."""

import json
from datetime import UTC, datetime

import geopandas as gpd
import pytest
from shapely import union_all
from shapely.geometry import box

from factory_core.kernel.config import build
from factory_core.kernel.parts import list_parts, load_part
from factory_core.select.areas import lay_out, settle_twins
from factory_core.select.leakage import find_overlaps, find_parted_twins
from factory_core.select.units import Pool

CRS = "EPSG:32633"
# "one" and "two" overlap; "far" and "copy" look alike.
BOXES = {
    "one-a": box(500_000, 5_400_000, 501_000, 5_401_000),
    "two-a": box(500_700, 5_400_500, 501_900, 5_401_300),
    "far-a": box(540_000, 5_400_000, 540_800, 5_400_900),
    "copy-b": box(560_000, 5_400_000, 560_800, 5_400_900),
    "last-b": box(570_000, 5_400_000, 570_800, 5_400_900),
}


@pytest.fixture(params=[part.name for part in list_parts("split")])
def split(request):
    return build(load_part("split", request.param))


@pytest.fixture
def pool(tmp_path):
    """Scenes, two of them twins, and a file with a split of them."""
    given = {"one-a": "train", "two-a": "train", "far-a": "val", "copy-b": "val", "last-b": "test"}
    (tmp_path / "splits.csv").write_text(
        "scene_id,split\n" + "".join(f"{name},{split}\n" for name, split in given.items())
    )
    outlines = {name: gpd.GeoSeries([shape], crs=CRS) for name, shape in BOXES.items()}
    times = {name: datetime(2020 + n, 5, 1, tzinfo=UTC) for n, name in enumerate(BOXES)}
    return Pool(outlines, times, [("copy-b", "far-a")], list(BOXES), tmp_path)


def blocks_of(split, pool):
    """The blocks where every undecided unit goes to one split after the other."""
    units = settle_twins(split(pool), pool.twins)
    turns = ("train", "val", "test")
    splits = [unit.split or ("" if unit.reason else turns[n % 3]) for n, unit in enumerate(units)]
    crs = dict.fromkeys(BOXES, CRS)
    return lay_out(units, splits, crs=crs, gap_m=split.gap_m, why_left="not chosen")


def test_has_a_split_or_a_reason_for_every_block(split, pool):
    blocks = blocks_of(split, pool)
    assert set(blocks) == set(BOXES)
    for name, own in blocks.items():
        assert set(own["split"]) <= {"train", "val", "test", ""}
        assert ((own["split"] == "") == (own["reason"] != "")).all()
        assert set(own["scene_id"]) == {name}


def test_covers_every_scene_without_overlap(split, pool):
    for name, blocks in blocks_of(split, pool).items():
        assert blocks.area.sum() == pytest.approx(BOXES[name].area)
        assert union_all(blocks.geometry).symmetric_difference(BOXES[name]).area < 1e-3


def test_leaks_nothing(split, pool):
    blocks = blocks_of(split, pool)
    assert find_overlaps(blocks.values()) == []
    assert find_parted_twins(blocks, pool.twins) == []


def test_keeps_its_gap(split, pool):
    blocks = blocks_of(split, pool)
    ground = {
        name: union_all([g for own in blocks.values() for g in own.geometry[own["split"] == name]])
        for name in ("train", "val", "test")
    }
    for one, two in (("train", "val"), ("train", "test"), ("val", "test")):
        if not ground[one].is_empty and not ground[two].is_empty:
            assert ground[one].distance(ground[two]) >= split.gap_m - 1e-6


def test_train_and_val_give_way_to_test(split, pool):
    blocks = blocks_of(split, pool)
    gave = {
        reason.rpartition(" ")[2]
        for own in blocks.values()
        for reason in own["reason"]
        if reason.startswith("within")
    }
    assert gave <= {"train", "val"}
    units = settle_twins(split(pool), pool.twins)
    places = [n for n, unit in enumerate(units) if unit.split == "test" or n % 3 == 2]
    for place in places:
        if units[place].split in ("", "test") and not units[place].reason:
            whole = sum(piece.area for piece in units[place].pieces.values())
            kept = sum(
                own[(own["block"] == place) & (own["split"] == "test")].area.sum()
                for own in blocks.values()
            )
            assert kept == pytest.approx(whole)


def test_gives_the_same_again(split, pool):
    def plain(units):
        return json.dumps(
            [(u.split, u.reason, {n: p.wkt for n, p in u.pieces.items()}) for u in units]
        )

    assert plain(split(pool)) == plain(split(pool))


def test_its_shares_are_of_one_whole_or_none(split):
    assert sum(split.shares.values()) in (0, pytest.approx(1.0))
