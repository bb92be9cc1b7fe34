"""The stage select, from a catalogue to a selection."""

import pytest

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, LeakError, SelectionError
from factory_core.select import stage

SCENES = {
    "a": (500_000, 5_400_000, 400, 60),
    "b": (500_300, 5_400_000, 400, 60),
    "c": (510_000, 5_400_000, 300, 10),
}


def test_writes_areas_that_others_read(config, write_catalogue, tmp_path):
    config.select.split.block_m = 80.0
    config.select.where = "id <> 'c'"
    stage.run(config, catalogue=write_catalogue(SCENES), out=tmp_path / "selection")
    table = tmp_path / "selection" / "selection.parquet"
    areas = {split: io.read_areas(table, split) for split in ("train", "val", "test")}
    assert set(areas["train"]) == {"a", "b"}
    whole = sum(area.area.sum() for of_split in areas.values() for area in of_split.values())
    found = io.read_json(tmp_path / "selection" / "selection.json")
    sizes = found["balance"]["area_m2"]
    assert sum(sizes[split] for split in areas) == pytest.approx(whole)
    labels = found["balance"]["labels"]
    assert sum(labels[split]["car"] for split in labels) == 120
    assert labels["test"]["car"] > 10
    assert found["leakage"] == {"max_overlap_m2": 0.0, "near_duplicates": []}
    left_out = dict(io.read_by_scene(table))["c"]
    assert list(left_out["reason"]) == ["not selected: id <> 'c'"]


def test_takes_scenes_in_two_zones(config, write_catalogue, tmp_path):
    config.select.split.block_m = 80.0
    catalogue = write_catalogue(SCENES, crs={"c": "EPSG:32612"})
    stage.run(config, catalogue=catalogue, out=tmp_path / "selection")
    frames = dict(io.read_by_scene(tmp_path / "selection" / "selection.parquet"))
    assert str(frames["c"].crs) == "EPSG:32612"
    assert frames["c"].area.sum() == pytest.approx(300 * 300, rel=1e-6)


def test_takes_scenes_in_degrees(config, write_catalogue, tmp_path):
    catalogue = write_catalogue(SCENES | {"d": (15, 48, 3, 40)}, crs={"d": "EPSG:4326"})
    config.select.split.block_m = 50_000.0
    config.select.split.test_scenes = ["a"]
    config.select.split.val_scenes = ["c"]
    config.select.where = "id <> 'b'"
    stage.run(config, catalogue=catalogue, out=tmp_path / "selection")
    frames = dict(io.read_by_scene(tmp_path / "selection" / "selection.parquet"))
    assert frames["d"].crs == "EPSG:32633"
    assert frames["d"].area.sum() == pytest.approx(3 * 111_000 * 3 * 73_000, rel=0.1)


def test_gives_the_same_bytes_again(config, write_catalogue, tmp_path):
    catalogue = write_catalogue(SCENES)
    for name in ("first", "second"):
        stage.run(config, catalogue=catalogue, out=tmp_path / name)
    for file in ("selection.parquet", "selection.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        pytest.param(["where=snow > 9"], SelectionError, "keeps none", id="empty selection"),
        pytest.param(["where=snoww > 9"], ConfigError, "Did you mean 'snow'", id="unknown column"),
        pytest.param(["where=3"], ConfigError, "`select.where` must be str", id="wrong type"),
        pytest.param(
            ["split.test_share=0.0"], SelectionError, "'test' has no ground", id="empty split"
        ),
        pytest.param(["split.gap_m=1000.0"], SelectionError, "'train' has no ground", id="all gap"),
        pytest.param(
            ["split.test_scenes=[a]", "split.val_scenes=[b]"],
            LeakError,
            r"a \(test\) and b \(val\): 40000 m2",
            id="named scenes overlap",
        ),
        pytest.param(["split.test_scenes=[x*]"], SelectionError, "matches none", id="no such name"),
        pytest.param(["wehre=true"], ConfigError, "Did you mean 'where'", id="misspelt key"),
        pytest.param(
            ["split.blok_m=1"], ConfigError, "Did you mean 'block_m'", id="misspelt field"
        ),
    ],
)
def test_refuses_and_leaves_the_old_selection(
    config, write_catalogue, tmp_path, changes, error, message
):
    out, catalogue = tmp_path / "selection", write_catalogue(SCENES)
    stage.run(config, catalogue=catalogue, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    config.select.merge_with_dotlist(changes)
    with pytest.raises(error, match=message):
        stage.run(config, catalogue=catalogue, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_refuses_a_split_without_labels(config, write_catalogue, tmp_path):
    catalogue = write_catalogue({**SCENES, "c": (510_000, 5_400_000, 300, 0)})
    config.select.split.test_share = 0.0
    config.select.split.test_scenes = ["c"]
    with pytest.raises(SelectionError, match="'test' has no label"):
        stage.run(config, catalogue=catalogue, out=tmp_path / "selection")
