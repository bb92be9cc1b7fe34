import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.kernel.geo import footprint
from factory_core.kernel.parts import load_part
from factory_core.postprocess import stage

GRID = GeoBox((20, 40), Affine(1, 0, 500_000, 0, -1, 5_000_000), "EPSG:32633")


def settings(*names, **changes):
    tasks = {name: load_part("postprocess", name) | changes.get(name, {}) for name in names}
    return OmegaConf.create(
        {
            "postprocess": {"tasks": tasks, "order": list(names)},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        }
    )


@pytest.fixture
def run(tmp_path):
    def run_stage(config, split="test"):
        out = tmp_path / "detections" / f"{split}.parquet"
        stage.run(
            config,
            predictions=tmp_path / "predictions",
            selection=tmp_path / "selection",
            split=split,
            out=out,
        )
        return io.read_table(out)

    return run_stage


@pytest.fixture
def select(tmp_path):
    def write(**areas):
        frames = [
            gpd.GeoDataFrame(
                {"scene_id": [name], "block": 0, "split": "test", "reason": ""},
                geometry=[area],
                crs=str(GRID.crs),
            )
            for name, area in areas.items()
        ]
        io.write_by_scene(frames, tmp_path / "selection/selection.parquet")

    return write


@pytest.fixture
def write_map(tmp_path):
    def write(name, *places):
        scores = np.zeros((1, *GRID.shape), np.uint8)
        for row, column in places:
            scores[0, row : row + 3, column : column + 3] = 200
        io.write_cog(
            tmp_path / "predictions" / f"{name}.tif",
            geobox=GRID,
            bands=("tree",),
            dtype="uint8",
            nodata=None,
            blocks=[(GRID, scores)],
        )

    return write


@pytest.fixture
def write_candidates(tmp_path):
    def write(name, scores, crs=str(GRID.crs)):
        x = 500_000 + np.arange(len(scores)) * 3
        frame = gpd.GeoDataFrame(
            {"score": scores, "label": "tree", "scene_id": name},
            geometry=shapely.box(x, 4_999_990, x + 2, 4_999_992),
            crs=crs,
        )
        io.write_by_scene([frame], tmp_path / "predictions" / f"{name}.parquet")

    return write


LEFT_HALF = shapely.box(500_000, 4_999_980, 500_020, 5_000_000)


def test_score_maps_become_detections_of_the_split(run, select, write_map):
    write_map("a", (2, 2), (10, 18), (10, 30))
    write_map("b")
    select(a=LEFT_HALF, b=footprint(GRID))
    found = run(settings("threshold", "polygonise"))
    assert found["scene_id"].tolist() == ["a", "a"]
    assert found.area.tolist() == [9, 9]
    assert found["score"].tolist() == pytest.approx([200 / 255] * 2)
    assert found.crs == GRID.crs


def test_candidates_become_detections(run, select, write_candidates):
    write_candidates("a", [0.2, 0.9, 0.4])
    select(a=footprint(GRID))
    found = run(settings("min_score", "non_maximum_suppression"))
    assert found["score"].tolist() == [0.9, 0.4]


def test_no_detection_at_all_gives_a_table(run, select, write_map):
    write_map("a")
    select(a=footprint(GRID))
    found = run(settings("threshold", "polygonise", "min_area", "simplify"))
    assert len(found) == 0
    assert {"score", "label", "scene_id", "geometry", "crs"} <= set(found.columns)


@pytest.mark.parametrize("score", [np.nan, -0.1, 1.1], ids=["NaN", "below 0", "above 1"])
def test_refuses_scores_that_are_none(run, select, write_candidates, score, tmp_path):
    write_candidates("a", [0.5, score])
    select(a=footprint(GRID))
    with pytest.raises(OutputError, match=r"a\.parquet has 1 scores"):
        run(settings("min_score"))
    assert not (tmp_path / "detections").exists()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("LINESTRING (500000 4999990, NaN 0)", id="NaN"),
        pytest.param("LINESTRING (500000 4999990, Infinity 0)", id="infinite"),
        pytest.param("POLYGON EMPTY", id="empty"),
        pytest.param(None, id="none"),
    ],
)
def test_refuses_detections_that_are_nowhere(run, select, write_candidates, text, tmp_path):
    write_candidates("a", [0.5, 0.6])
    select(a=footprint(GRID))
    run(settings("min_score"))
    before = (tmp_path / "detections/test.parquet").read_bytes()
    file = tmp_path / "predictions/a.parquet"
    frame = gpd.read_parquet(file)
    with np.errstate(invalid="ignore"):
        frame.geometry = [frame.geometry.iloc[0], shapely.from_wkt(text)]
        frame.to_parquet(file)
    with pytest.raises(OutputError, match=r"a\.parquet has 1 detections .* row 1"):
        run(settings("min_score"))
    assert (tmp_path / "detections/test.parquet").read_bytes() == before


def test_refuses_an_impossible_order_before_anything_runs(run, select, tmp_path):
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/a.tif").write_bytes(b"never read")
    select(a=footprint(GRID))
    with pytest.raises(ConfigError, match=r"postprocess\.tasks\.min_area"):
        run(settings("min_area", "polygonise"))


def test_refuses_missing_and_mixed_predictions(run, select, write_map, write_candidates):
    select(a=footprint(GRID), b=footprint(GRID))
    write_map("a")
    with pytest.raises(OutputError, match="'b'"):
        run(settings("polygonise"))
    write_candidates("b", [0.5])
    with pytest.raises(OutputError, match="mixes"):
        run(settings("polygonise"))


def test_refuses_an_empty_split(run, select, write_map):
    select(a=footprint(GRID))
    with pytest.raises(SelectionError, match="'val'"):
        run(settings("polygonise"), split="val")


@pytest.fixture
def write_fence(tmp_path):
    """Write a square of 1 km around a place in degrees, as a file in any CRS; gives its path."""

    def write(place, *, crs="EPSG:4326", name="fence.parquet"):
        middle = gpd.GeoSeries([shapely.Point(place)], crs="EPSG:4326").to_crs(GRID.crs)
        io.write_vectors(
            gpd.GeoDataFrame(geometry=middle.buffer(500, cap_style="square").to_crs(crs)),
            tmp_path / name,
        )
        return tmp_path / name

    return write


FENCES = {"geofence": {}, "clip_to_geofence": {}, "mask_layer": {"keep": "inside"}}


@pytest.mark.parametrize("name", FENCES)
def test_refuses_a_fence_far_from_every_scene(run, select, write_map, write_fence, name, tmp_path):
    write_map("a", (2, 2))
    write_map("b")
    select(a=LEFT_HALF, b=footprint(GRID))
    tasks = ("threshold", "polygonise", name)
    run(settings("threshold", "polygonise"))
    before = (tmp_path / "detections/test.parquet").read_bytes()
    far = {"file": str(write_fence((3, 40))), **FENCES[name]}
    with pytest.raises(
        ConfigError,
        match=rf"`postprocess\.tasks\.{name}\.file` has no ground of these scenes inside.*spans "
        r"longitude 2\.99\d+ to 3\.00\d+, latitude 39\.99\d+ to 40\.00\d+; the scenes span "
        r"longitude 15\.00000 to 15\.000\d+, latitude 45\.15\d+ to 45\.15\d+.*WGS 84.*leave `",
    ):
        run(settings(*tasks, **{name: far}))
    assert (tmp_path / "detections/test.parquet").read_bytes() == before


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3857", "EPSG:3035"])
def test_takes_a_fence_around_one_scene_in_any_crs(run, select, write_map, write_fence, crs):
    write_map("a", (2, 2))
    select(a=LEFT_HALF, b=shapely.box(600_000, 4_999_980, 600_020, 5_000_000))
    write_map("b")
    near = {"file": str(write_fence((15.0001, 45.1534), crs=crs))}
    assert len(run(settings("threshold", "polygonise", "geofence", geofence=near))) == 1


def test_a_mask_far_from_every_scene_takes_nothing_away(run, select, write_map, write_fence):
    write_map("a", (2, 2))
    select(a=LEFT_HALF)
    far = {"file": str(write_fence((3, 40))), "keep": "outside"}
    assert len(run(settings("threshold", "polygonise", "mask_layer", mask_layer=far))) == 1


def test_a_failing_run_leaves_the_old_table(run, select, write_map, tmp_path):
    write_map("a", (2, 2))
    select(a=footprint(GRID))
    run(settings("polygonise"))
    file = tmp_path / "detections/test.parquet"
    before = file.read_bytes()
    (tmp_path / "predictions/a.tif").write_bytes(b"damaged")
    with pytest.raises(Exception, match=r"a\.tif"):
        run(settings("polygonise"))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["test.parquet"]
