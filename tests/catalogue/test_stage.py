"""The stage catalogue, from files to tables."""

import geopandas as gpd
import pytest
from shapely.geometry import box

from factory_core.catalogue import stage
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, FactoryError, LabelError, SceneError


@pytest.fixture
def raw(tmp_path, write_scene):
    """Two scenes in two zones, a label on the first."""
    write_scene("one")
    write_scene("two", crs="EPSG:32632")
    labels = gpd.GeoDataFrame(
        {"label": ["car"]}, geometry=[box(500_010, 5_399_980, 500_014, 5_399_990)], crs="EPSG:32633"
    )
    (tmp_path / "raw" / "labels").mkdir()
    labels.to_parquet(tmp_path / "raw" / "labels" / "cars.parquet")
    return tmp_path / "raw"


def test_writes_both_tables(config, raw, tmp_path):
    out = tmp_path / "catalogue"
    stage.run(config, raw=raw, out=out)
    assert sorted(path.name for path in out.iterdir()) == ["labels.parquet", "scenes.parquet"]
    scenes = io.read_table(out / "scenes.parquet").set_index("id")
    assert scenes.crs == "EPSG:4326"
    assert list(scenes.index) == ["one", "two"]
    assert scenes["labels"]["one"] == {"vehicle": 1, "car": 1, "truck": 0}
    assert scenes["labels"]["two"] == {"vehicle": 0, "car": 0, "truck": 0}
    assert scenes["assets"]["one"]["image"]["href"] == "scenes/one.tif"
    assert scenes[["snow", "vegetation", "haze", "brightness"]].stack().between(0, 1).sum() >= 6
    ((name, labels),) = io.read_by_scene(out / "labels.parquet")
    assert (name, list(labels["label"])) == ("one", ["car"])
    assert labels.crs == "EPSG:32633"
    assert labels.total_bounds == pytest.approx([500_010, 5_399_980, 500_014, 5_399_990], abs=1e-4)


def test_gives_the_same_bytes_again(config, raw, tmp_path):
    for name in ("first", "second"):
        stage.run(config, raw=raw, out=tmp_path / name)
    for file in ("scenes.parquet", "labels.parquet"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_takes_scenes_without_any_label(config, raw, tmp_path):
    path = raw / "labels" / "cars.parquet"
    gpd.read_parquet(path).iloc[:0].to_parquet(path)
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert list(io.read_by_scene(tmp_path / "catalogue" / "labels.parquet")) == []


def spoil_scene(raw):
    path = raw / "scenes" / "two.tif"
    path.write_bytes(path.read_bytes()[:900])


def spoil_label(raw):
    path = raw / "labels" / "cars.parquet"
    gpd.read_parquet(path).assign(label="cra").to_parquet(path)


@pytest.mark.parametrize(
    ("spoil", "error", "named"),
    [
        pytest.param(spoil_scene, SceneError, "two.tif", id="truncated scene"),
        pytest.param(spoil_label, LabelError, "cars.parquet, row 1", id="unknown class"),
    ],
)
def test_leaves_old_tables_when_it_fails(config, raw, tmp_path, spoil, error, named):
    out = tmp_path / "catalogue"
    stage.run(config, raw=raw, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    spoil(raw)
    with pytest.raises(error, match=named):
        stage.run(config, raw=raw, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_measures_no_scene_twice_after_it_was_stopped(config, raw, tmp_path, monkeypatch):
    measured = []
    describe = stage.describe_scene

    def stop_at_two(path, **given):
        measured.append(path.stem)
        if measured == ["one", "two"]:
            raise KeyboardInterrupt
        return describe(path, **given)

    monkeypatch.setattr(stage, "describe_scene", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert measured == ["one", "two", "two"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("scene", "x", "no field 'scene'. Did you mean 'scenes'", id="misspelt key"),
        pytest.param("white", "snow", "`catalogue.white` must be", id="wrong type"),
        pytest.param(
            "contexts",
            {"snow": {"_target_": "factory_core.catalogue.snow.Snwo"}},
            "Did you mean 'factory_core.catalogue.snow.Snow'",
            id="unknown part",
        ),
        pytest.param("contexts", {"x": {"_target_": "os.getcwd"}}, "may only name", id="forbidden"),
    ],
)
def test_refuses_a_wrong_configuration(config, raw, tmp_path, key, value, message):
    config.catalogue[key] = value
    with pytest.raises(ConfigError, match=message):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")


def test_every_error_is_one_that_a_user_can_mend(config, raw, tmp_path):
    config.catalogue.scenes = "nowhere/*"
    with pytest.raises(FactoryError):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert not (tmp_path / "catalogue").exists()
