"""The stage catalogue, from files to tables."""

import os
import shutil

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from factory_core.catalogue import stage
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, FactoryError, LabelError, SceneError
from factory_core.kernel.parts import load_part


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


TABLES = ["contexts.parquet", "labels.parquet", "scenes.parquet"]


def test_writes_every_table(config, raw, tmp_path):
    out = tmp_path / "catalogue"
    stage.run(config, raw=raw, out=out)
    assert sorted(path.name for path in out.iterdir()) == TABLES
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
    assert scenes["labels_per_km2"]["one"] == pytest.approx(1 / 0.002)


def test_writes_the_contexts_of_every_cell(config, raw, tmp_path):
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    scenes = io.read_table(tmp_path / "catalogue" / "scenes.parquet").set_index("id")
    cells = dict(io.read_by_scene(tmp_path / "catalogue" / "contexts.parquet"))
    assert {name: str(frame.crs) for name, frame in cells.items()} == {
        "one": "EPSG:32633",
        "two": "EPSG:32632",
    }
    for name, frame in cells.items():
        assert list(frame) == ["scene_id", *config.catalogue.contexts, "geometry"]
        assert len(frame) == 2 * 3  # 40 x 50 metres in cells of 20
        assert frame.area.sum() == pytest.approx(40 * 50, rel=1e-6)
        mean = (frame["brightness"] * frame.area).sum() / frame.area.sum()
        assert scenes["brightness"][name] == pytest.approx(mean)


def test_gives_the_same_bytes_again(config, raw, tmp_path):
    for name in ("first", "second"):
        stage.run(config, raw=raw, out=tmp_path / name)
    for file in TABLES:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_takes_scenes_without_any_label(config, raw, tmp_path):
    path = raw / "labels" / "cars.parquet"
    gpd.read_parquet(path).iloc[:0].to_parquet(path)
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert list(io.read_by_scene(tmp_path / "catalogue" / "labels.parquet")) == []


def spoil_scene(raw):
    path = raw / "scenes" / "two.tif"
    path.write_bytes(path.read_bytes()[:900])


def spoil_sidecar(raw):
    (raw / "scenes" / "two.xml").write_text("<Dimap_Document>")


def spoil_label(raw):
    path = raw / "labels" / "cars.parquet"
    gpd.read_parquet(path).assign(label="cra").to_parquet(path)


@pytest.mark.parametrize(
    ("spoil", "error", "named"),
    [
        pytest.param(spoil_scene, SceneError, "two.tif", id="truncated scene"),
        pytest.param(spoil_sidecar, SceneError, "two.xml", id="damaged sidecar"),
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

    def stop_at_two(source, **given):
        measured.append(source.scene_id)
        if measured == ["one", "two"]:
            raise KeyboardInterrupt
        return describe(source, **given)

    monkeypatch.setattr(stage, "describe_scene", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert measured == ["one", "two", "two"]


@pytest.fixture
def measured(monkeypatch):
    """The scenes that were measured, in their order."""
    names = []
    describe = stage.describe_scene

    def count(source, **given):
        names.append(source.scene_id)
        return describe(source, **given)

    monkeypatch.setattr(stage, "describe_scene", count)
    return names


def nothing(raw, config):
    pass


def new_time(raw, config):
    """What a checkout does: the same bytes, written now."""
    for file in (raw / "scenes").iterdir():
        os.utime(file, ns=(10**18, 10**18))


def lost_hashes(raw, config):
    (raw.parent / ".catalogue.hashes.json").unlink()


def new_scene(raw, config):
    shutil.copy(raw / "scenes" / "one.tif", raw / "scenes" / "three.tif")


def lost_scene(raw, config):
    (raw / "scenes" / "two.tif").unlink()


def changed_scene(raw, config):
    """Other pixels, as many bytes and the same time."""
    path = raw / "scenes" / "two.tif"
    stat = path.stat()
    with rasterio.open(path) as source:
        profile, pixels = source.profile, source.read()
    pixels[:] = np.random.default_rng(3).integers(1, 9000, pixels.shape)
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(pixels)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def new_sidecar(raw, config):
    (raw / "scenes" / "two.IMD").write_text("meanSunEl = 30.0;\n")


def other_cells(raw, config):
    config.catalogue.cell_m = 25.0


def other_context(raw, config):
    config.catalogue.contexts.snow.min_blue = 0.7


def other_code(raw, config):
    config.fingerprint.catalogue = "other"


def other_label(raw, config):
    path = raw / "labels" / "cars.parquet"
    gpd.read_parquet(path).assign(label="truck").to_parquet(path)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        pytest.param(nothing, [], id="nothing"),
        pytest.param(new_time, [], id="times of a checkout"),
        pytest.param(lost_hashes, [], id="no remembered hashes"),
        pytest.param(other_label, [], id="a label"),
        pytest.param(lost_scene, [], id="a scene less"),
        pytest.param(new_scene, ["three"], id="a scene more"),
        pytest.param(changed_scene, ["two"], id="other pixels"),
        pytest.param(new_sidecar, ["two"], id="a sidecar"),
        pytest.param(other_cells, ["one", "two"], id="cells"),
        pytest.param(other_context, ["one", "two"], id="a context"),
        pytest.param(other_code, ["one", "two"], id="the code"),
    ],
)
def test_measures_only_what_is_new(config, raw, tmp_path, measured, change, again):
    out = tmp_path / "catalogue"
    stage.run(config, raw=raw, out=out)
    assert measured == ["one", "two"]
    measured.clear()
    change(raw, config)
    stage.run(config, raw=raw, out=out)
    assert measured == again
    stage.run(config, raw=raw, out=tmp_path / "fresh")
    for file in TABLES:
        assert (out / file).read_bytes() == (tmp_path / "fresh" / file).read_bytes()


def test_measures_anew_where_the_map_of_a_context_has_changed(config, raw, tmp_path, measured):
    heights = np.zeros((1, 4, 4), "int16")
    profile = {"width": 4, "height": 4, "count": 1, "dtype": "int16", "crs": "EPSG:32633"}

    def write_dem():
        with rasterio.open(
            raw / "dem.tif", "w", transform=Affine(20, 0, 499_990, 0, -20, 5_400_010), **profile
        ) as sink:
            sink.write(heights)

    node = {"_target_": "factory_core.catalogue.relief.Relief", "dem": str(raw / "dem.tif")}
    config.catalogue.contexts.relief_m = node
    write_dem()
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    heights[:, :, 2:] = 50
    write_dem()
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert measured == ["one", "two", "one", "two"]
    scenes = io.read_table(tmp_path / "catalogue" / "scenes.parquet").set_index("id")
    assert scenes["relief_m"]["one"] > 10
    assert np.isnan(scenes["relief_m"]["two"])


@pytest.mark.parametrize("name", ["scenes.parquet", "contexts.parquet"])
def test_a_damaged_earlier_catalogue_is_measured_anew(config, raw, tmp_path, measured, name):
    out = tmp_path / "catalogue"
    stage.run(config, raw=raw, out=out)
    before = (out / name).read_bytes()
    (out / name).write_bytes(b"PAR1")
    stage.run(config, raw=raw, out=out)
    assert measured == ["one", "two"] * 2
    assert (out / name).read_bytes() == before


def test_cells_without_a_context_are_cells_too(config, raw, tmp_path, measured):
    config.catalogue.contexts = {}
    for _ in range(2):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")
    assert measured == ["one", "two"]
    cells = dict(io.read_by_scene(tmp_path / "catalogue" / "contexts.parquet"))
    assert [len(frame) for frame in cells.values()] == [6, 6]


def test_companions_are_assets_and_no_scenes(config, raw, tmp_path):
    shutil.copy(raw / "scenes" / "one.tif", raw / "scenes" / "one_PAN.tif")
    config.catalogue.companions = {"pan": "{scene_id}_PAN.tif"}
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    scenes = io.read_table(tmp_path / "catalogue" / "scenes.parquet").set_index("id")
    assert list(scenes.index) == ["one", "two"]
    assert scenes["assets"]["one"]["pan"]["href"] == "scenes/one_PAN.tif"
    assert scenes["assets"]["two"]["pan"] is None


def test_refuses_a_companion_outside_the_raw_data(config, raw, tmp_path):
    shutil.copy(raw / "scenes" / "one.tif", tmp_path / "one_PAN.tif")
    config.catalogue.companions = {"pan": "../../{scene_id}_PAN.tif"}
    with pytest.raises(SceneError, match=r"one_PAN\.tif lies outside"):
        stage.run(config, raw=raw, out=tmp_path / "catalogue")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        pytest.param("cell_m", 0.0, "`cell_m` must be greater than 0", id="no cells"),
        pytest.param("companions", {"pan": "x.tif"}, "`catalogue.companions.pan`", id="companion"),
        pytest.param(
            "contexts",
            {"urban": {**load_part("context", "land_cover"), "classes": []}},
            "`catalogue.contexts.urban` is wrong: `classes`",
            id="misconfigured part",
        ),
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
