"""Cross-validation by folds: the same test, every block val once, nothing leaks."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import union_all

from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SelectionError
from factory_core.kernel.parts import load_part
from factory_core.select import stage
from factory_core.select.leakage import find_overlaps

# Two scenes that overlap, and one apart: side in pixels of a metre, number of labels.
SCENES = {
    "a": (500_000, 5_400_000, 300, 120),
    "b": (500_250, 5_400_100, 300, 120),
    "c": (510_000, 5_400_000, 200, 40),
}
K = 3
FOLDS = {"k": K, "block_m": 80.0, "test_share": 0.2, "gap_m": 5.0}


@pytest.fixture
def select(write_catalogue, config, tmp_path):
    """Run the stage with a fold; the blocks of every scene, by name."""
    catalogue = write_catalogue(SCENES)

    def select(fold, *, memory=None, **changes):
        node = load_part("split", "folds") | FOLDS | {"fold": fold} | changes
        config.select.split = node
        out = tmp_path / f"selection-{fold}"
        stage.run(config, catalogue=catalogue, out=out, test_ground=memory)
        frames = dict(io.read_by_scene(out / "selection.parquet"))
        return {name: frame for name, frame in frames.items() if len(frame)}

    return select


def ground(blocks, split):
    """Ground of a split in each scene."""
    return {name: union_all(own.geometry[own["split"] == split]) for name, own in blocks.items()}


def same(one, two):
    return all(one[name].symmetric_difference(two[name]).area < 1e-3 for name in one)


@pytest.mark.parametrize("gap_m", [0.0, 5.0])
def test_every_block_is_val_once_and_test_stays(select, tmp_path, gap_m):
    folds = [select(fold, gap_m=gap_m) for fold in range(K)]
    assert all(find_overlaps(blocks.values()) == [] for blocks in folds)
    test = ground(folds[0], "test")
    assert sum(part.area for part in test.values()) > 0
    assert all(same(ground(blocks, "test"), test) for blocks in folds)
    vals = [ground(blocks, "val") for blocks in folds]
    for name in SCENES:
        together = union_all([val[name] for val in vals])
        # No ground is val twice, and what never is lies within the gap around test.
        assert together.area == pytest.approx(sum(val[name].area for val in vals))
        whole = union_all(folds[0][name].geometry)
        never = whole.difference(together).difference(test[name])
        near = union_all(list(test.values())).buffer(gap_m + 1e-3, join_style="mitre")
        assert never.difference(near).area < 1e-3
    for blocks in folds:
        parts = {s: union_all(list(ground(blocks, s).values())) for s in ("train", "val", "test")}
        for one, two in (("train", "val"), ("train", "test"), ("val", "test")):
            assert parts[one].distance(parts[two]) >= gap_m - 1e-6
    if gap_m == 0:
        found = [io.read_json(tmp_path / f"selection-{fold}/selection.json") for fold in range(K)]
        check_shares([each["balance"]["labels"] for each in found], found[1]["goals"])


def check_shares(labels, goals):
    """Every fold has its share of the labels, and the report says which."""
    counts = [{split: own["car"] for split, own in each.items()} for each in labels]
    assert len({count["test"] for count in counts}) == 1
    rest = sum(number for *_, number in SCENES.values()) - counts[0]["test"]
    np.testing.assert_allclose([count["val"] for count in counts], rest / K, rtol=0.1)
    rows = {row["goal"]: row for row in goals}
    assert rows["fold 1 of car"]["wanted"] == "33.3%"
    assert rows["train and val of car"]["wanted"] == "80.0%"
    assert not [goal for goal in rows if goal.startswith("train of")]


def test_what_was_test_is_the_test_of_every_fold(select, tmp_path):
    memory = tmp_path / "test_ground.geojson"
    first = ground(select(0, memory=memory), "test")
    remembered = memory.read_bytes()
    blocks = select(1, memory=memory)
    assert same(ground(blocks, "test"), first)
    assert same(ground(blocks, "val"), ground(select(1), "val"))
    assert find_overlaps(blocks.values()) == []
    # Also where the share would ask for more of it by now.
    assert same(ground(select(2, memory=memory, test_share=0.5), "test"), first)
    assert memory.read_bytes() == remembered


def test_named_scenes_are_the_test(select):
    blocks = select(1, test_scenes=["c"])
    assert set(blocks["c"]["split"]) == {"test"}
    assert "test" not in {*blocks["a"]["split"], *blocks["b"]["split"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"k": 90}, r"`select.split.k` is 90.*there are \d\d blocks", id="many folds"),
        pytest.param({"block_m": 2000.0}, r"k` is 3.*there are \d blocks", id="few blocks"),
    ],
)
def test_folds_need_blocks(select, changes, said):
    with pytest.raises(SelectionError, match=said):
        select(0, **changes)


def test_folds_need_labels(write_catalogue, config, tmp_path):
    catalogue = write_catalogue(
        {"a": (500_000, 5_400_000, 400, 2), "b": (510_000, 5_400_000, 90, 1)}
    )
    config.select.split = load_part("split", "folds") | FOLDS | {"test_scenes": ["b"]}
    with pytest.raises(SelectionError, match=r"the 3 folds of `select.split` have [\d, ]*0"):
        stage.run(config, catalogue=catalogue, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"k": 1},
        {"fold": 5},
        {"fold": -1},
        {"block_m": 0.0},
        {"gap_m": -1.0},
        {"test_share": 1.0},
        {"k": 2.5},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    with pytest.raises(ConfigError, match=r"select\.split"):
        build(load_part("split", "folds") | fields, where="select.split")


def test_scenes_that_look_alike_are_in_one_fold(divide):
    """What other splits keep together stays together here."""
    part = build(load_part("split", "folds") | {"block_m": 50.0}, where="split")
    outlines = {
        name: gpd.GeoSeries.from_wkt(
            [f"POLYGON(({x} 0, {x + 100} 0, {x + 100} 100, {x} 100, {x} 0))"], crs="EPSG:32633"
        )
        for name, x in (("a", 500_000), ("copy", 540_000))
    }
    blocks = divide(part, outlines, {}, twins=[("a", "copy")])
    assert len({n for own in blocks.values() for n in own["block"]}) == 1
