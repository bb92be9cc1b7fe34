"""Vectors and tables in and out, each scene's features in its own CRS."""

import geopandas as gpd
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely.geometry import Point, box

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError, OutputError


def features(scene_id, crs, count=2):
    shapes = [box(500_000 + n, 5_400_000, 500_003 + n, 5_400_004) for n in range(count)]
    columns = {"scene_id": pd.Series([scene_id] * count, dtype="str"), "score": [0.5] * count}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet"])
def test_gives_back_what_was_written(tmp_path, ending):
    frame = features("a", "EPSG:32633")
    io.write_vectors(frame, tmp_path / f"x{ending}")
    again = io.read_vectors(tmp_path / f"x{ending}").to_crs(frame.crs)
    assert list(again["scene_id"]) == ["a", "a"]
    assert again.geom_equals_exact(frame, 0.01).all()


def test_refuses_an_unknown_ending(tmp_path):
    with pytest.raises(LabelError, match=r"x\.kml has the ending '\.kml'.*\.gpkg"):
        io.write_vectors(features("a", "EPSG:32633"), tmp_path / "x.kml")
    with pytest.raises(LabelError, match=r"x\.kml"):
        io.read_vectors(tmp_path / "x.kml")


def test_refuses_features_without_a_crs(tmp_path):
    gpd.GeoDataFrame(geometry=[Point(0, 0)]).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(LabelError, match=r"x\.parquet has no CRS"):
        io.read_vectors(tmp_path / "x.parquet")


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet"])
def test_names_a_missing_file(tmp_path, ending):
    with pytest.raises(LabelError, match=rf"x\{ending} cannot be read as vectors"):
        io.read_vectors(tmp_path / f"x{ending}")


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([features("a", "EPSG:32633"), features("b", "EPSG:32633")], id="one CRS"),
        pytest.param([features("a", "EPSG:32633"), features("b", "EPSG:32617")], id="two zones"),
    ],
)
def test_keeps_each_scene_in_its_own_crs(tmp_path, frames):
    io.write_by_scene(frames, tmp_path / "x.parquet")
    again = dict(io.read_by_scene(tmp_path / "x.parquet"))
    assert list(again) == ["a", "b"]
    for frame, found in zip(frames, again.values(), strict=True):
        assert found.crs == frame.crs
        assert found.geom_equals_exact(frame, 1e-3).all()


def test_keeps_one_crs_to_the_last_bit(tmp_path):
    frame = features("a", "EPSG:32633")
    io.write_by_scene([frame], tmp_path / "x.parquet")
    ((_, again),) = io.read_by_scene(tmp_path / "x.parquet")
    assert_geodataframe_equal(again, frame, check_column_type=False, check_dtype=False)


def test_writes_scenes_without_features(tmp_path):
    frames = [features("a", "EPSG:32633", 0), features("b", "EPSG:32617", 0)]
    io.write_by_scene(frames, tmp_path / "x.parquet")
    assert list(io.read_by_scene(tmp_path / "x.parquet")) == []
    assert {"scene_id", "score", "geometry"} <= set(io.read_table(tmp_path / "x.parquet"))


def test_reads_areas_of_a_split(tmp_path):
    frame = features("a", "EPSG:32633", 3).assign(split=["train", "train", "test"])
    io.write_by_scene([frame], tmp_path / "x.parquet")
    areas = io.read_areas(tmp_path / "x.parquet", "train")
    assert areas["a"].area.sum() == pytest.approx(16)
    assert io.read_areas(tmp_path / "x.parquet", "val") == {}


@pytest.mark.parametrize("content", [None, b"", b"PAR1"], ids=["missing", "empty", "cut"])
def test_names_a_table_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OutputError, match=r"x\.parquet cannot be read as a table"):
        io.read_table(path)
