"""What a query asks for beyond `where`: geofence, quotas, budget, and how close it came."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import LineString, Polygon, box

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, LabelError, LeakError, SelectionError
from factory_core.kernel.parts import load_part
from factory_core.select import stage

CRS = "EPSG:32633"
SCENES = {
    "a": (500_000, 5_400_000, 400, 80),
    "b": (505_000, 5_400_000, 400, 80),
    "c": (510_000, 5_400_000, 400, 80),
}
LEFT_HALF = box(500_000, 5_399_600, 500_200, 5_400_000)


@pytest.fixture
def select(config, write_catalogue, tmp_path):
    """Run the stage with changes of the query; give its folder."""
    query = tmp_path / "query"
    query.mkdir()

    def run(*, scenes=SCENES, cells=None, split=None, given=query, **changes):
        config.select.split = split or load_part("split", "spatial_blocks") | {"block_m": 50.0}
        for key, value in changes.items():
            config.select[key] = value
        catalogue = write_catalogue(scenes)
        if cells:
            io.write_by_scene(cells, catalogue / "contexts.parquet")
        out = tmp_path / "selection"
        stage.run(config, catalogue=catalogue, out=out, query=given)
        return out

    run.query = query
    return run


def goals(out):
    return {row["goal"]: row for row in io.read_json(out / "selection.json")["goals"]}


def ground(out, *splits):
    frames = pd.concat(dict(io.read_by_scene(out / "selection.parquet")).values())
    return frames[frames["split"].isin(splits or ("train", "val", "test"))]


@pytest.mark.parametrize(
    ("crs", "ending"),
    [(CRS, "gpkg"), ("EPSG:4326", "geojson"), ("EPSG:32632", "parquet"), ("EPSG:3857", "gpkg")],
)
def test_takes_ground_inside_the_geofence_only(select, crs, ending):
    fence = gpd.GeoDataFrame(geometry=[LEFT_HALF], crs=CRS).segmentize(20).to_crs(crs)
    io.write_vectors(gpd.GeoDataFrame(geometry=fence), select.query / f"fence.{ending}")
    out = select(geofence=f"fence.{ending}")
    taken = ground(out)
    assert set(taken["scene_id"]) == {"a"}
    assert taken.area.sum() <= LEFT_HALF.area + 1
    assert taken.union_all().difference(LEFT_HALF).area < 1
    left = ground(out, "")
    outside = left[left["reason"] == f"outside the geofence fence.{ending}"]
    assert outside.area.sum() == pytest.approx(3 * 400 * 400 - LEFT_HALF.area, rel=1e-4)


BOW_TIE = Polygon([(14, 48), (16, 49), (14, 49), (16, 48)])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        pytest.param([], "has no features", id="empty"),
        pytest.param(
            [BOW_TIE],
            r"Feature 1 of .* crosses itself \(Self-intersection.*\)\. What",
            id="crosses itself",
        ),
        pytest.param([BOW_TIE] * 3, r"\); 2 more are not valid either\.", id="three of them"),
        pytest.param(
            [box(0, 0, 1, 1), LineString([(14, 48), (15, 49)])],
            r"Feature 2 of .* is a LineString\.",
            id="a line",
        ),
        pytest.param(
            [Polygon(), Polygon()],
            r"Feature 1 of .* is empty; 1 more is no polygon either\.",
            id="empty polygons",
        ),
        pytest.param(
            [box(0, 0, 1, 0.00001)],
            r"fence\.parquet, which `select\.geofence` names, has no ground of .* spans "
            r"longitude 0\.0+ to 1\.0+, latitude 0\.0+ to 0\.00001; the scenes span "
            r"longitude 15\.0+ to 15\.1\d+, latitude 48\.7\d+ to 48\.7\d+\. Its CRS is WGS 84:",
            id="far away",
        ),
    ],
)
def test_refuses_a_geofence(select, shapes, message):
    io.write_vectors(
        gpd.GeoDataFrame({"n": [0] * len(shapes)}, geometry=shapes, crs="EPSG:4326"),
        select.query / "fence.parquet",
    )
    with pytest.raises(SelectionError, match=message):
        select(geofence="fence.parquet")


def test_refuses_a_geofence_that_is_not_there_or_not_seen(select):
    (select.query / "fence.geojson").write_text("no vectors")
    with pytest.raises(SelectionError, match=r"fense\.geojson.*Did you mean 'fence.geojson'"):
        select(geofence="fense.geojson")
    with pytest.raises(LabelError, match="cannot be read as vectors"):
        select(geofence="fence.geojson")
    with pytest.raises(ConfigError, match=r"--query conf/query"):
        select(geofence="fence.geojson", given=None)


def test_holds_a_budget_and_prefers_labels(select):
    out = select(budget_windows=200, window_m=20.0, background_share=0.3)
    taken = ground(out)
    windows = taken.area.sum() / 400
    # The strip between splits is cut off after the choice: never more, and not much less.
    assert 120 < windows <= 200
    assert goals(out)["budget"]["miss"] == 0
    assert goals(out)["budget used"]["miss"] < 0.1
    labels = io.read_json(out / "selection.json")["balance"]["labels"]
    kept = sum(labels[split]["car"] for split in ("train", "val", "test"))
    density = kept / taken.area.sum()
    assert density > 1.2 * 240 / (3 * 400 * 400)
    assert "beyond the budget or a quota" in set(ground(out, "")["reason"])


def cells_of(scenes, value):
    """Cells of 100 m with the context `value(left)`."""
    for name, (left, top, side, _) in scenes.items():
        shapes = [
            box(x, y, x + 100, y + 100)
            for x in range(left, left + side, 100)
            for y in range(top - side, top, 100)
        ]
        columns = {"scene_id": name, "snow": [value(shape.bounds[0]) for shape in shapes]}
        yield gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)


def test_quotas_by_class_and_context_use_the_cells(select):
    def in_snow(left):
        return 1.0 if left < 500_100 else 0.0  # a fourth of the scene "a"

    quotas = {
        "snowy": {"label": "car", "context": "snow", "above": 0.5, "share": 0.3},
        "cars": {"label": "car", "most": 60},
    }
    out = select(cells=list(cells_of(SCENES, in_snow)), quotas=quotas)
    found = goals(out)
    assert found["quota snowy"]["miss"] < 0.1
    assert found["quota cars"]["miss"] < 0.1
    # Counted again from the files: the strip between splits took a few labels away.
    labels = pd.concat(dict(io.read_by_scene(out.parent / "catalogue" / "labels.parquet")).values())
    kept = labels[labels.representative_point().within(ground(out).union_all())]
    snowy = kept.representative_point().x < 500_100
    assert 0.2 < snowy.mean() < 0.4
    assert 35 <= len(kept) <= 60


def test_contexts_of_the_scene_serve_where_there_are_no_cells(select):
    quota = {"label": "car", "context": "snow", "above": 0.6, "share": 0.8}
    out = select(quotas={"snowy": quota})
    assert goals(out)["quota snowy"]["miss"] < 0.05
    taken = ground(out)
    in_snow = taken["scene_id"] == "c"  # 0.67 there, less in the others
    assert taken[in_snow].area.sum() > taken[~in_snow].area.sum()


def test_says_how_close_it_came_where_no_data_can_meet_a_quota(select, capsys):
    out = select(quotas={"many": {"label": "car", "least": 1000}})
    row = goals(out)["quota many"]
    assert (row["wanted"], row["reached"], row["miss"]) == ("car: at least 1000", 240.0, 0.76)
    printed = capsys.readouterr().err
    assert "quota many" in printed
    assert "76.0%" in printed


def test_shares_are_near_and_reported(select):
    out = select()
    row = goals(out)["test of car"]
    assert row["wanted"] == "20.0%"
    assert abs(float(row["reached"].rstrip("%")) - 20) < 2


def given(folder, text):
    (folder / "s.csv").write_text("scene_id,split\n" + text)
    return load_part("split", "given_file") | {"file": "s.csv"}


def test_a_given_split_stops_where_scenes_overlap(select, tmp_path):
    scenes = SCENES | {"over_a": (500_300, 5_400_000, 400, 10)}
    split = given(select.query, "a,train\nb,val\nc,test\nover_a,test\n")
    with pytest.raises(LeakError, match=r"a \(train\) and over_a \(test\): 40000 m2") as caught:
        select(scenes=scenes, split=split)
    drawn = tmp_path / "selection.leak.html"
    assert str(drawn) in str(caught.value)
    assert "in two splits" in drawn.read_text()
    select(split=given(select.query, "a,train\nb,val\nc,test\n"))
    assert not drawn.exists()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"budget_windows": -3},
            ConfigError,
            "`budget_windows` must be at least 1. Received: budget_windows=-3",
        ),
        ({"budget_windows": 100}, ConfigError, "counts squares of `window_m` metres"),
        ({"window_m": 0.0}, ConfigError, "`window_m` must be above 0"),
        ({"background_share": 1.5}, ConfigError, r"`background_share` must lie in \[0, 1\]"),
        ({"near_duplicate_bits": 40}, ConfigError, "`near_duplicate_bits`"),
        ({"level": "deep"}, ConfigError, "`select.level` must be int"),
        (
            {"quotas": {"x": {"label": "cra", "least": 3}}},
            ConfigError,
            r"`select\.quotas\.x`: The class 'cra'.*'car'",
        ),
        (
            {"quotas": {"x": {"label": "car", "context": "snwo", "above": 0.1, "least": 3}}},
            ConfigError,
            "'snwo', which the catalogue does not have. Did you mean 'snow'",
        ),
        ({"quotas": {"x": {"label": "car"}}}, ConfigError, "needs one of `least`"),
        ({"quotas": {"x": {"least": 3}}}, ConfigError, "needs a `label`, a `context`"),
        (
            {"quotas": {"x": {"label": "car", "least": -3}}},
            ConfigError,
            "`least` must be at least 0",
        ),
        ({"quotas": {"x": {"label": "car", "leest": 3}}}, ConfigError, "Did you mean 'least'"),
        ({"quotas": {"x": {"label": "car", "above": 0.5, "least": 3}}}, ConfigError, "by `cont"),
        (
            {"quotas": {"x": {"label": "car", "least": 5, "most": 3}}},
            ConfigError,
            r"`least` \(5\) is more than `most` \(3\)",
        ),
        (
            {"quotas": {"x": {"context": "snow", "above": 0.5, "least": 3}}},
            ConfigError,
            "counts windows: state `select.window_m`",
        ),
        ({"budget_windows": 1, "window_m": 20.0}, SelectionError, "has no ground at all"),
    ],
)
def test_refuses(select, changes, error, message):
    with pytest.raises(error, match=message):
        select(**changes)
