"""Scenes as STAC items: real STAC, and clear about bad files."""

import json

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from affine import Affine

from factory_core.catalogue.scenes import describe_scene, find_scenes, to_table
from factory_core.kernel.errors import SceneError


def describe(path, **given):
    return describe_scene(
        path, href="x.tif", **({"bands": (), "white": None, "contexts": {}} | given)
    )


def test_is_a_stac_item(write_scene):
    path = write_scene("one", tags={"ACQUISITIONDATETIME": "2024-06-01T10:00:00Z"})
    item = pystac.Item.from_dict(describe(path))
    assert item.datetime.isoformat() == "2024-06-01T10:00:00+00:00"
    assert item.common_metadata.gsd == 1.0
    assert item.properties["proj:code"] == "EPSG:32633"
    assert item.properties["proj:shape"] == [40, 50]
    assert item.assets["image"].href == "x.tif"


def test_has_every_field_that_stac_asks_for(write_scene):
    item = describe(write_scene("one"))
    assert item["type"] == "Feature"
    assert {"id", "geometry", "bbox", "properties", "links", "assets", "stac_version"} <= set(item)
    west, south, east, north = item["bbox"]
    assert 14 < west < east < 16
    assert 48 < south < north < 49
    times = item["properties"]
    assert times["datetime"] is None
    assert times["start_datetime"] < times["end_datetime"]
    assert all(set(band) == {"name"} for band in times["bands"])
    json.dumps(item, allow_nan=False)


def test_becomes_a_row_and_an_item_again(write_scene):
    items = [describe(write_scene(name)) for name in ("one", "two")]
    table = to_table(items, {"one": {"car": 2}, "two": {"car": 0}})
    row = table.iloc[0].to_dict()
    times = ("datetime", "start_datetime", "end_datetime")
    row |= {key: None if pd.isna(row[key]) else row[key].isoformat() for key in times}
    core = ("id", "type", "stac_version", "stac_extensions", "links", "assets")
    again = {key: row.pop(key) for key in core}
    geometry = row.pop("geometry").__geo_interface__
    again |= {"bbox": list(row.pop("bbox").values()), "geometry": geometry, "properties": row}
    assert pystac.Item.from_dict(again).properties["labels"] == {"car": 2}


@pytest.mark.parametrize(
    ("dtype", "white", "expected"),
    [
        pytest.param("uint8", None, 100 / 255, id="8 bits"),
        pytest.param("uint16", None, 0.01, id="16 bits"),
        pytest.param("float32", None, 100, id="floats"),
        pytest.param("uint16", 200.0, 0.5, id="stated"),
    ],
)
def test_scales_to_reflectance(write_scene, dtype, white, expected):
    path = write_scene("one", pixels=np.full((3, 20, 20), 100, dtype))
    seen = {}

    def context(image):
        seen.update(image)
        return 0.5

    describe(path, white=white, contexts={"any": context})
    assert set(seen) == {"red", "green", "blue"}
    assert seen["red"].mean() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700)], ids=["one pixel", "one row"])
def test_takes_tiny_scenes(write_scene, shape):
    item = describe(write_scene("tiny", pixels=np.full((1, *shape), 7, "uint16")))
    assert item["properties"]["proj:shape"] == list(shape)


@pytest.mark.parametrize("nodata", [0, float("nan")], ids=["nodata", "NaN"])
def test_refuses_a_scene_without_data(write_scene, nodata):
    path = write_scene("empty", pixels=np.full((3, 20, 20), nodata, "float32"), nodata=nodata)
    with pytest.raises(SceneError, match=r"empty\.tif holds no pixel with data"):
        describe(path)


def test_refuses_a_truncated_scene(write_scene):
    path = write_scene("cut")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(SceneError, match=r"cut\.tif cannot be read"):
        describe(path)


def test_refuses_a_file_that_is_no_raster(tmp_path):
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(SceneError, match=r"text\.tif cannot be read"):
        describe(tmp_path / "text.tif")


def test_refuses_a_scene_without_a_crs(tmp_path):
    path = tmp_path / "nowhere.tif"
    shape = {"width": 5, "height": 5, "count": 1}
    transform = Affine(2, 0, 0, 0, -2, 0)
    with rasterio.open(path, "w", dtype="uint8", transform=transform, **shape) as sink:
        sink.write(np.ones((1, 5, 5), "uint8"))
    with pytest.raises(SceneError, match=r"nowhere\.tif has no CRS"):
        describe(path)


def test_refuses_the_wrong_number_of_band_names(write_scene):
    with pytest.raises(SceneError, match=r"one\.tif has 3 bands, and 2 names were given"):
        describe(write_scene("one"), bands=("red", "green"))


def test_refuses_two_scenes_of_one_name(write_scene, tmp_path):
    path = write_scene("one")
    (path.parent / "more").mkdir()
    (path.parent / "more" / "one.tif").write_bytes(path.read_bytes())
    with pytest.raises(SceneError, match=r"Two scenes have the name 'one'.*more/one\.tif"):
        find_scenes(tmp_path / "raw", "scenes/**/*.tif")


def test_names_the_pattern_that_no_file_matches(tmp_path):
    with pytest.raises(SceneError, match=r"`catalogue\.scenes` \(scenes/\*\)"):
        find_scenes(tmp_path, "scenes/*")
