"""What was test once is test in every later version, or left out: never train, never val."""

import json

import geopandas as gpd
import pandas as pd
import pytest
from shapely import union_all

from factory_core.kernel import io
from factory_core.kernel.errors import LeakError, SelectionError
from factory_core.kernel.parts import load_part
from factory_core.select import stage

FIRST = {
    "a": (500_000, 5_400_000, 400, 60),
    "b": (500_300, 5_400_000, 400, 60),
    "c": (510_000, 5_400_000, 300, 40),
    "d": (520_000, 5_400_000, 300, 40),
}
# One beside "a" and one over the test ground of the first version, and another far away.
SECOND = FIRST | {
    "new": (499_800, 5_400_100, 400, 40),
    "far": (530_000, 5_400_000, 400, 60),
}


@pytest.fixture
def select(config, write_catalogue, tmp_path):
    """Run the stage on scenes with some changes of the query; give the ground of each split."""

    def run(scenes, *, split="spatial_blocks", fields=None, hashes=None, **changes):
        config.select.split = load_part("split", split) | (fields or {})
        for key, value in changes.items():
            config.select[key] = value
        catalogue = write_catalogue(scenes)
        if hashes:
            table = gpd.read_parquet(catalogue / "scenes.parquet")
            table["image_hash"] = table["id"].map(hashes)
            table.to_parquet(catalogue / "scenes.parquet")
        memory = tmp_path / "test_ground.geojson"
        out = tmp_path / "selection"
        stage.run(config, catalogue=catalogue, out=out, test_ground=memory)
        frames = pd.concat(dict(io.read_by_scene(out / "selection.parquet")).values())
        return {
            name: union_all(frames.geometry[frames["split"] == name].to_numpy())
            for name in ("train", "val", "test")
        }

    return run


@pytest.mark.parametrize("split", ["spatial_blocks", "whole_scenes"])
def test_three_versions(select, split):
    fields = {"block_m": 80.0} if split == "spatial_blocks" else {}
    share = {"val_share": 0.25, "test_share": 0.25}
    first = select(FIRST, split=split, fields=fields | share)
    ever = first["test"]
    assert ever.area > 10_000
    scenes_added = select(SECOND, split=split, fields=fields | share)
    ever = _check(scenes_added, ever)
    query_changed = select(
        SECOND, split=split, fields=fields | share | {"test_share": 0.1}, where="id <> 'd'"
    )
    ever = _check(query_changed, ever)
    seed_changed = select(SECOND, split=split, fields=fields | share, where="true", seed=7)
    ever = _check(seed_changed, ever)
    assert ever.difference(seed_changed["test"]).area < 1.0


def _check(version, ever):
    """None of what was ever test is learnt from; what is test now joins it."""
    assert version["train"].intersection(ever).area < 1.0
    assert version["val"].intersection(ever).area < 1.0
    assert version["train"].area > 0
    return ever.union(version["test"])


@pytest.mark.slow
def test_other_blocks_do_not_move_it(select):
    first = select(FIRST, fields={"block_m": 80.0})
    later = select(FIRST, fields={"block_m": 55.0, "gap_m": 3.0}, seed=3)
    _check(later, first["test"])


def test_without_the_memory_it_would_move(select, tmp_path):
    first = select(FIRST, fields={"block_m": 80.0})
    (tmp_path / "test_ground.geojson").unlink()
    later = select(FIRST, fields={"block_m": 80.0}, seed=3)
    assert later["train"].intersection(first["test"]).area > 1000


@pytest.mark.slow
def test_it_does_not_grow_where_its_share_is_met(select, tmp_path):
    first = select(FIRST, fields={"block_m": 50.0})
    for seed in (1, 2):
        later = select(FIRST, fields={"block_m": 50.0}, seed=seed)
        assert later["test"].area < 1.25 * first["test"].area


def test_the_same_again_gives_the_same_bytes(select, tmp_path):
    files = [tmp_path / "selection" / "selection.parquet", tmp_path / "test_ground.geojson"]
    select(FIRST, fields={"block_m": 80.0})
    select(SECOND, fields={"block_m": 80.0}, seed=2)
    before = [file.read_bytes() for file in files]
    select(SECOND, fields={"block_m": 80.0}, seed=2)
    assert [file.read_bytes() for file in files] == before
    select(FIRST, fields={"block_m": 80.0}, seed=0)
    remembered = json.loads(files[1].read_text())["features"]
    assert len({feature["properties"]["version"] for feature in remembered}) >= 2


def test_a_copy_under_another_name_and_place_is_test(select, tmp_path):
    hashes = {"a": "00" * 8, "b": "0f" * 8, "c": "ff" * 8, "d": "aa" * 8, "copy": "ff" * 7 + "fe"}
    fields = {"test_scenes": ["c"], "test_share": 0.0, "val_share": 0.3}
    select(FIRST, split="whole_scenes", fields=fields, hashes=hashes)
    without = {name: place for name, place in FIRST.items() if name != "c"}
    later = without | {"copy": (600_000, 5_500_000, 300, 40)}
    select(later, split="whole_scenes", fields={"test_share": 0.0, "val_share": 0.3}, hashes=hashes)
    blocks = dict(io.read_by_scene(tmp_path / "selection" / "selection.parquet"))
    assert set(blocks["copy"]["split"]) == {"test"}


def test_near_duplicates_are_on_one_side(select, tmp_path):
    hashes = {"a": "00" * 8, "b": "0f" * 8, "c": "ff" * 8, "d": "ff" * 7 + "fe"}
    select(FIRST, fields={"block_m": 80.0}, hashes=hashes)
    blocks = dict(io.read_by_scene(tmp_path / "selection" / "selection.parquet"))
    assert len({*blocks["c"]["split"], *blocks["d"]["split"]} - {""}) == 1
    found = io.read_json(tmp_path / "selection" / "selection.json")
    assert found["leakage"]["near_duplicates"] == [["c", "d"]]


def test_refuses_to_name_it_for_another_split(select):
    named = {"test_scenes": ["c"], "val_scenes": ["d"], "test_share": 0.0, "val_share": 0.0}
    select(FIRST, fields=named)
    with pytest.raises(LeakError, match=r"c was test in an earlier.*names it for val"):
        select(FIRST, fields=named | {"test_scenes": ["d"], "val_scenes": ["c"]})


@pytest.mark.parametrize("text", ["", "{}", '{"features": [{"properties": {}}]}', "[1]"])
def test_refuses_a_damaged_memory(select, tmp_path, text):
    (tmp_path / "test_ground.geojson").write_text(text)
    with pytest.raises(SelectionError, match=r"test_ground\.geojson.*damaged.*git checkout"):
        select(FIRST)
