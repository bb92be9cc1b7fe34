"""Scenes as STAC items: real STAC, and clear about bad files."""

import json

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine

from factory_core.catalogue.scenes import describe_scene, grid_of
from factory_core.catalogue.sources import find_scenes
from factory_core.catalogue.table import to_items, to_table
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError

DEFAULTS = {"bands": (), "white": None, "contexts": {}, "cell_m": 20.0}


def describe(path, **given):
    source = find_scenes(path.parent, f"{path.stem}.*")[path.stem]
    return describe_scene(source, raw=path.parent, **DEFAULTS | given)["item"]


def test_is_a_stac_item(write_scene):
    path = write_scene("one", tags={"ACQUISITIONDATETIME": "2024-06-01T10:00:00Z"})
    item = pystac.Item.from_dict(describe(path))
    assert item.datetime.isoformat() == "2024-06-01T10:00:00+00:00"
    assert item.common_metadata.gsd == 1.0
    assert item.properties["proj:code"] == "EPSG:32633"
    assert item.properties["proj:shape"] == [40, 50]
    assert item.properties["area_km2"] == pytest.approx(0.002)
    assert item.assets["image"].href == "one.tif"


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


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_the_footprint_bends_as_the_ground_does(write_scene, crs):
    path = write_scene("one", crs=crs, corner=(14, 48) if crs == "EPSG:4326" else (1.6e6, 6e6))
    item = describe(path)
    assert 5 <= len(item["geometry"]["coordinates"][0]) < 100
    assert grid_of(item) == io.open_raster(path).geobox


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

    def context(view):
        seen.setdefault("image", view.image)
        return 0.5

    describe(path, white=white, contexts={"any": context})
    assert list(seen["image"]) == ["red", "green", "blue"]
    np.testing.assert_allclose(seen["image"]["red"], expected, rtol=1e-6)


def test_a_context_that_cannot_be_told_is_null(write_scene):
    item = describe(write_scene("one"), contexts={"any": lambda _: float("nan")})
    assert item["properties"]["any"] is None


def test_transparent_pixels_are_no_data_and_alpha_is_no_band(tmp_path):
    pixels = np.full((4, 20, 20), 200, "uint8")
    pixels[3, :, :5] = 0
    path = tmp_path / "cut_out.tif"
    shape = {"width": 20, "height": 20, "count": 4, "photometric": "RGB", "alpha": "yes"}
    place = {"transform": Affine(2, 0, 5e5, 0, -2, 5e6), "crs": "EPSG:32633"}
    with rasterio.open(path, "w", dtype="uint8", **shape, **place) as sink:
        sink.write(pixels)
    seen = {}

    def context(view):
        seen.update(view.image)
        return float(view.seen.mean())

    item = describe(path, contexts={"any": context}, cell_m=100.0)
    assert set(seen) == {"red", "green", "blue"}
    assert item["properties"]["any"] == 0.75
    assert item["properties"]["area_km2"] == pytest.approx(300 * 4 / 1e6)


@pytest.mark.parametrize("nodata", [-1.0, np.nan], ids=["nodata", "nan"])
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


OBSERVED = {"labels": {"car": 2}, "labels_per_km2": 3.0}


@pytest.fixture
def items(write_scene):
    """Scenes of a known time, of a range, of none; of other nodata, CRS and companions."""
    sidecar = {"stac_version": "1.0.0", "properties": {"datetime": None, "view:off_nadir": 12.5}}
    sidecar["properties"] |= {"start_datetime": "2020-01-01T00:00:00Z"}
    sidecar["properties"] |= {"end_datetime": "2020-02-01T00:00:00.5Z"}
    path = write_scene("range")
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    write_scene("range_PAN")
    write_scene("known", tags={"ACQUISITIONDATETIME": "2024-06-01T10:00:00Z"}, nodata=0)
    write_scene("unknown", crs="EPSG:4326", corner=(14, 48))
    sources = find_scenes(path.parent, "*.tif", companions={"pan": "{scene_id}_PAN.tif"})
    contexts = {"some": lambda view: 0.25 if view.acquired.start else float("nan")}
    return [
        describe_scene(source, raw=path.parent, **DEFAULTS | {"contexts": contexts})["item"]
        for source in sources.values()
    ]


def test_becomes_a_table_and_items_again(items):
    table = to_table(items, {item["id"]: OBSERVED for item in items})
    assert list(table["id"]) == ["known", "range", "unknown"]
    assert json.loads(json.dumps(to_items(table))) == json.loads(json.dumps(items))


def test_a_table_read_from_disk_gives_the_same_bytes(items, tmp_path):
    observed = {item["id"]: OBSERVED for item in items}
    io.write_table(to_table(items, observed), tmp_path / "first.parquet")
    again = to_items(io.read_table(tmp_path / "first.parquet"))
    io.write_table(to_table(again, observed), tmp_path / "second.parquet")
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "second.parquet").read_bytes()
