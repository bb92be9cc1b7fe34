"""Scenes and labels from a real STAC API: stac-fastapi with pgstac on PostGIS, on loopback."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from shapely.geometry import box, mapping

from factory_core.kernel import config, io
from factory_core.kernel.errors import ConfigError, LabelError, SceneError
from factory_core.kernel.parts import CONF, load_part
from factory_core.sources.annotations import Ledger
from factory_core.sources.exchange import Request, import_labels
from factory_core.sources.images import ImageFolder
from tests.ports import free_port
from tests.stac_server import postgres, serve_files, stac_fastapi

CRS = "EPSG:32633"
SIDE_PX = 64
SCENES = {"north": 5_400_000, "middle": 5_390_000, "south": 5_380_000}
DATES = {"north": "2024-05-01", "middle": "2024-06-01", "south": "2024-07-01"}
COLLECTION = {
    "type": "Collection",
    "stac_version": "1.0.0",
    "description": "Made by code.",
    "license": "CC0-1.0",
    "links": [],
    "extent": {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]},
    },
}


def grid_of(name):
    return GeoBox((SIDE_PX, SIDE_PX), Affine(0.5, 0, 500_000, 0, -0.5, SCENES[name]), CRS)


def write_scene(path, name):
    grid = grid_of(name)
    pixels = np.random.default_rng(len(name)).integers(1, 250, (3, *grid.shape)).astype("uint8")
    io.write_cog(
        path,
        geobox=grid,
        bands=("red", "green", "blue"),
        dtype="uint8",
        nodata=None,
        blocks=[(grid, pixels)],
    )


def cars_on(name):
    """Two cars on a scene, in longitude and latitude."""
    left, top = 500_000, SCENES[name]
    shapes = [box(left + x, top - 12, left + x + 4, top - 10) for x in (4, 14)]
    frame = gpd.GeoDataFrame({"kind": ["car", "truck"]}, geometry=shapes, crs=CRS)
    return frame.to_crs("EPSG:4326")


def item(id_, *, collection, assets, properties=None, links=(), name):
    outline = grid_of(name).geographic_extent.geom
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": id_,
        "collection": collection,
        "geometry": mapping(outline),
        "bbox": list(outline.bounds),
        "properties": {"datetime": f"{DATES[name]}T10:00:00Z", **(properties or {})},
        "links": list(links),
        "assets": assets,
    }


def scene_asset(files, path, **stated):
    content = path.read_bytes()
    return {
        "href": f"{files}/{path.name}",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "file:size": len(content),
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
        **stated,
    }


def items_of(files, folder, *, api):
    """Three scenes, the labels of one, and a bad item of each kind in collections of their own."""
    for name in SCENES:
        write_scene(folder / f"{name}.tif", name)
        quick = {"href": f"{files}/{name}.png", "type": "image/png", "roles": ["thumbnail"]}
        visual = scene_asset(files, folder / f"{name}.tif")
        yield item(name, collection="scenes", assets={"visual": visual, "quick": quick}, name=name)
    (folder / "cars.geojson").write_text(cars_on("middle").to_json())
    yield item(
        "cars-middle",
        collection="labels",
        name="middle",
        assets={
            "labels": {
                "href": f"{files}/cars.geojson",
                "type": "application/geo+json",
                "roles": ["labels"],
            }
        },
        properties={
            "label:type": "vector",
            "label:properties": ["kind"],
            "label:classes": [{"name": "kind", "classes": ["car", "truck"]}],
            "label:description": "cars",
        },
        links=[
            {
                "rel": "source",
                "href": f"{api}/collections/scenes/items/middle",
                "type": "application/geo+json",
            }
        ],
    )
    shutil.copy(folder / "north.tif", folder / "cut.tif")
    good = folder / "north.tif"
    (folder / "page.tif").write_text("<html>Please log in</html>")
    for id_, asset in {
        "missing": {"href": f"{files}/not-there.tif", "type": "image/tiff"},
        "cut": scene_asset(files, folder / "cut.tif"),
        "small": scene_asset(files, good, **{"file:size": 17}),
        "damaged": scene_asset(files, good, **{"file:checksum": "1220" + "0" * 64}),
        "page": {"href": f"{files}/page.tif", "type": "image/tiff"},
        "secret": {"href": "file:///etc/hostname", "type": "image/tiff"},
    }.items():
        yield item(f"bad-{id_}", collection=id_, assets={"image": asset}, name="north")


@pytest.fixture(scope="module")
def api():
    """A running STAC API; gives its address, the files' folder, faults, and names asked for."""
    # Not pytest's own folder: the user postgres may not enter it.
    root = Path(tempfile.mkdtemp(prefix="stac-"))
    root.chmod(0o755)
    files_at, database = root / "files", root / "postgres"
    files_at.mkdir()
    database.mkdir()
    faults = {"cut.tif": 700}
    try:
        with serve_files(files_at, faults=faults) as (files, asked), postgres(database) as env:
            port = free_port()
            load(list(items_of(files, files_at, api=f"http://127.0.0.1:{port}")), env)
            with stac_fastapi(env, port=port, folder=root) as url:
                yield url, files_at, faults, asked
    finally:
        shutil.rmtree(root)


def load(items, env):
    """Put items, and a collection for each name of one, into pgstac."""
    from pypgstac.db import PgstacDB
    from pypgstac.load import Loader, Methods

    names = dict.fromkeys(each["collection"] for each in items)
    dsn = f"postgresql://{env['PGUSER']}@{env['PGHOST']}:{env['PGPORT']}/{env['PGDATABASE']}"
    with PgstacDB(dsn=dsn) as database:
        loader = Loader(db=database)
        loader.load_collections([{**COLLECTION, "id": name} for name in names], Methods.insert)
        loader.load_items(items, Methods.insert)


def read(url, into, *, keep_going=False, **fields):
    part = config.build({**load_part("format", "stac_api"), "retries": 1, **fields}, where="format")
    ledger = Ledger(keep_going=keep_going)
    return part.read(url, images=ImageFolder(None, fetched=into), ledger=ledger), ledger


def files_in(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


pytestmark = pytest.mark.slow


def test_fetches_scenes_with_their_labels(api, tmp_path):
    url, files_at, _, _ = api
    found, ledger = read(url, tmp_path / "raw", collections=["scenes", "labels"])
    assert sorted(found.images) == ["middle", "north", "south"]
    for name, image in found.images.items():
        assert image.path.name == f"{name}.tif"
        assert image.path.read_bytes() == (files_at / f"{name}.tif").read_bytes()
        assert image.grid == grid_of(name)
    assert list(found.labels) == ["middle"]
    assert list(found.labels["middle"]["label"]) == ["car", "truck"]
    expected = cars_on("middle").to_crs(CRS).total_bounds
    assert found.labels["middle"].total_bounds == pytest.approx(expected, abs=1e-3)
    assert not ledger.problems
    assert not ledger.lost


def test_the_catalogue_takes_what_came(api, tmp_path):
    from factory_core.catalogue import stage

    url, *_ = api
    raw = tmp_path / "raw"
    request = Request("stac_api", url, name="cars", settings=["collections=[labels]"])
    receipt = import_labels(request, raw=raw)
    assert (receipt["images"], receipt["labels"]) == (1, {"car": 1, "truck": 1})
    assert sorted(path.name for path in raw.iterdir()) == ["imports", "labels", "scenes"]
    settings = OmegaConf.load(CONF / "factory.yaml")
    chosen = OmegaConf.merge(
        {"catalogue": settings.catalogue},
        {
            "taxonomy": {"classes": ["car", "truck"], "level": 1},
            "catalogue": {"contexts": {}},
            "fingerprint": {"catalogue": ""},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        },
    )
    stage.run(chosen, raw=raw, out=tmp_path / "catalogue")
    ((scene_id, labels),) = io.read_by_scene(tmp_path / "catalogue" / "labels.parquet")
    assert (scene_id, len(labels)) == ("middle", 2)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        pytest.param({"bbox": [14.9, 48.7, 15.1, 48.76]}, ["north"], id="bbox"),
        pytest.param({"datetime": "2024-05-15/2024-08-01"}, ["middle", "south"], id="datetime"),
        pytest.param({"datetime": "2024-06-15/.."}, ["south"], id="open range"),
        pytest.param({"geofence": "fence.geojson"}, ["middle"], id="geofence"),
    ],
)
def test_takes_what_the_search_says(api, tmp_path, monkeypatch, search, expected):
    url, *_ = api
    monkeypatch.chdir(tmp_path)
    fence = gpd.GeoDataFrame(geometry=[cars_on("middle").union_all().convex_hull], crs="EPSG:4326")
    fence.to_file("fence.geojson")
    found, _ = read(url, tmp_path / "raw", collections=["scenes"], **search)
    assert sorted(found.images) == expected


def test_counts_what_lies_beyond_max_items(api, tmp_path):
    url, *_ = api
    found, ledger = read(url, tmp_path / "raw", collections=["scenes"], max_items=2)
    assert len(found.images) == 2
    assert dict(ledger.lost) == {"items beyond `max_items` (at least)": 1}


def test_goes_on_where_it_stopped(api, tmp_path):
    url, _, faults, asked = api
    faults["north.tif"] = 500
    try:
        with pytest.raises(SceneError, match=r"north"):
            read(url, tmp_path / "raw", collections=["scenes"])
    finally:
        del faults["north.tif"]
    had = files_in(tmp_path / "raw")
    assert "north.tif" not in had
    asked.clear()
    found, _ = read(url, tmp_path / "raw", collections=["scenes"])
    assert len(found.images) == 3
    assert set(asked) == {"north.tif", "middle.tif", "south.tif"} - had


def test_asks_again_when_a_download_breaks_off(api, tmp_path):
    url, _, _, asked = api
    asked.clear()
    with pytest.raises(SceneError, match=r"cut\.tif breaks off"):
        read(url, tmp_path / "raw", collections=["cut"])
    assert asked == ["cut.tif", "cut.tif"]
    assert not files_in(tmp_path / "raw")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"collections": ["scene"]}, "no collection 'scene'.*'scenes'", id="unknown"),
        pytest.param({"datetime": "1999-01-01/1999-02-01"}, "finds no items", id="nothing found"),
        pytest.param({"collections": ["missing"]}, r"bad-missing.*not-there\.tif.*404", id="404"),
        pytest.param({"collections": ["small"]}, r"bad-small.*17 \(`file:size`\)", id="size"),
        pytest.param({"collections": ["damaged"]}, "bad-damaged.*file:checksum", id="checksum"),
        pytest.param({"collections": ["page"]}, r"bad-page.*page\.tif", id="a page as a scene"),
        pytest.param({"collections": ["secret"]}, "bad-secret.*allow_outside=true", id="file"),
        pytest.param(
            {"collections": ["scenes"], "assets": ["visul"]},
            "no asset 'visul'.*'visual'",
            id="unknown asset",
        ),
    ],
)
def test_refuses(api, tmp_path, fields, message):
    url, *_ = api
    with pytest.raises((LabelError, SceneError), match=message):
        read(url, tmp_path / "raw", **fields)


def test_keeps_going_over_bad_items(api, tmp_path):
    url, *_ = api
    bad = ["missing", "cut", "small", "damaged", "page", "secret"]
    found, ledger = read(
        url, tmp_path / "raw", collections=["scenes", *bad], keep_going=True, retries=0
    )
    assert sorted(found.images) == ["middle", "north", "south"]
    assert sorted(each.record for each in ledger.problems) == sorted(
        f"item 'bad-{name}'" for name in bad
    )


def test_says_that_the_server_is_down(tmp_path):
    with pytest.raises(LabelError, match=r"does not answer.*Is it up"):
        read(f"http://127.0.0.1:{free_port()}/", tmp_path / "raw", retries=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("<html>Welcome</html>", "something else than STAC", id="a web page"),
        pytest.param("[1, 2]", "something else than STAC", id="other JSON"),
        pytest.param(
            json.dumps(
                {
                    "type": "Catalog",
                    "id": "static",
                    "stac_version": "1.0.0",
                    "description": "files",
                    "links": [],
                }
            ),
            "without a search.*import stac",
            id="a static catalogue",
        ),
    ],
)
def test_says_that_it_is_no_stac_api(tmp_path, content, message):
    (tmp_path / "index.html").write_text(content)
    with serve_files(tmp_path) as (url, _), pytest.raises(LabelError, match=message):
        read(url, tmp_path / "raw")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"bbox": [1, 2, 3]}, id="three sides"),
        pytest.param({"bbox": [10, 2, 3, 4]}, id="east of west"),
        pytest.param({"bbox": [1, 2, 3, 4], "geofence": "a.geojson"}, id="both"),
        pytest.param({"datetime": "yesterday"}, id="no time"),
    ],
)
def test_refuses_a_search_that_is_none(tmp_path, fields):
    with pytest.raises(ConfigError, match=r"bbox|datetime"):
        read("http://127.0.0.1/", tmp_path, **fields)


def test_postgres_leaves_nothing_behind():
    assert not any(name.startswith("PG") for name in os.environ)
