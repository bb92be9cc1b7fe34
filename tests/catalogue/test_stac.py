"""scenes.parquet is STAC GeoParquet that other tools read, and its items are valid STAC.

The schemas of STAC's core come with pystac; those of the extensions are written out below after
their published tables of fields, since no package ships them. Nothing is fetched.
"""

import asyncio
import json
import socket

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pytest
import rustac
import stac_geoparquet.arrow
from pystac.validation.local_validator import get_local_schema_cache
from shapely.geometry import box
from stac_validator.stac_validator import StacValidate

from factory_core.catalogue import stage
from factory_core.catalogue.scenes import PROJECTION, VIEW
from factory_core.catalogue.table import to_items
from factory_core.kernel import io
from factory_core.kernel.parts import load_part


def _extension(address, fields):
    """A schema that asks for the extension to be declared, and checks its fields."""
    declared = {"type": "array", "contains": {"const": address}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": address,
        "type": "object",
        "required": ["stac_extensions", "properties"],
        "properties": {
            "stac_extensions": declared,
            "properties": {"type": "object", "properties": fields},
        },
    }


def _angle(low, high):
    return {"type": "number", "minimum": low, "maximum": high}


ITEM = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
EXTENSIONS = {
    # https://github.com/stac-extensions/projection/tree/v2.0.0#item-properties-or-asset-fields
    PROJECTION: _extension(
        PROJECTION,
        {
            "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z]+:[A-Za-z0-9]+$"},
            "proj:wkt2": {"type": ["string", "null"]},
            "proj:epsg": False,
            "proj:shape": {
                "type": "array",
                "items": {"type": "integer"},
                "minItems": 2,
                "maxItems": 2,
            },
            "proj:transform": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": 6,
                "maxItems": 9,
            },
        },
    ),
    # https://github.com/stac-extensions/view/tree/v1.0.0#item-properties-or-asset-fields
    VIEW: _extension(
        VIEW,
        {
            "view:off_nadir": _angle(0, 90),
            "view:sun_azimuth": _angle(0, 360),
            "view:sun_elevation": _angle(-90, 90),
        },
    ),
}


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    """Where each schema lies on this disk, by its address."""
    folder = tmp_path_factory.mktemp("schemas")
    found = {}
    for number, (address, schema) in enumerate({**get_local_schema_cache(), **EXTENSIONS}.items()):
        found[address] = str(folder / f"{number}.json")
        (folder / f"{number}.json").write_text(json.dumps(schema))
    return found


@pytest.fixture
def no_network(monkeypatch):
    """Every way out is shut."""

    def refuse(*arguments, **given):
        raise AssertionError(f"asked for the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def catalogue(config, write_scene, tmp_path):
    """Scenes of a known time, of a range and of none; in three CRS, with and without angles."""
    for name in ("season", "sun_elevation_deg", "off_nadir_deg", "nodata_share"):
        config.catalogue.contexts[name] = load_part("context", name)
    config.catalogue.companions = {"pan": "{scene_id}_PAN.tif"}
    times = {"start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-02-01T00:00:00Z"}
    given = {"datetime": None, "view:off_nadir": 12.5, **times}
    path = write_scene("range")
    path.with_suffix(".json").write_text(json.dumps({"stac_version": "1.0.0", "properties": given}))
    write_scene("range_PAN")
    write_scene("known", tags={"ACQUISITIONDATETIME": "2024-06-01T10:00:00Z"}, nodata=0)
    write_scene("unknown", crs="EPSG:4326", corner=(14, 48))
    write_scene("floats", pixels=np.ones((3, 20, 20), "float32"), nodata=np.nan, crs="EPSG:32632")
    labels = gpd.GeoDataFrame(
        {"label": ["car"]}, geometry=[box(500_010, 5_399_980, 500_014, 5_399_990)], crs="EPSG:32633"
    )
    (tmp_path / "raw" / "labels").mkdir()
    labels.to_parquet(tmp_path / "raw" / "labels" / "cars.parquet")
    stage.run(config, raw=tmp_path / "raw", out=tmp_path / "catalogue")
    return tmp_path / "catalogue" / "scenes.parquet"


def read_rustac(path):
    async def read():
        return await rustac.read(str(path))

    return asyncio.run(read())["features"]


def read_stac_geoparquet(path):
    return list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path)))


def read_ours(path):
    return to_items(io.read_table(path))


READERS = pytest.mark.parametrize("read", [read_rustac, read_stac_geoparquet, read_ours])


@READERS
def test_other_tools_read_it_as_valid_stac(catalogue, schemas, no_network, read):
    items = read(catalogue)
    assert sorted(item["id"] for item in items) == ["floats", "known", "range", "unknown"]
    for item in items:
        check = StacValidate(schema_map=schemas)
        check.validate_dict(json.loads(json.dumps(item)))
        (message,) = check.message
        assert message["valid_stac"], json.dumps(message, indent=1)
        assert {schemas[PROJECTION], schemas[ITEM]} <= set(message["schema"])


@READERS
def test_other_tools_read_what_was_written(catalogue, read):
    items = {item["id"]: item for item in read(catalogue)}
    ranged, known, unknown = (items[name]["properties"] for name in ("range", "known", "unknown"))
    assert known["datetime"].startswith("2024-06-01T10:00:00")
    assert ranged["datetime"] is None
    assert ranged["start_datetime"].startswith("2020-01-01T00:00:00")
    assert ranged["view:off_nadir"] == 12.5
    assert known.get("view:off_nadir") is None  # stac-geoparquet gives what is null in the table
    assert unknown["datetime"] is None
    assert unknown["start_datetime"].startswith("1900-01-01")
    assert known["nodata_value"] == 0
    assert known["proj:shape"] == [40, 50]
    assert items["range"]["assets"]["pan"]["href"] == "scenes/range_PAN.tif"
    assert set(items["known"]["assets"]) == {"image"}


def test_the_check_itself_finds_faults(catalogue, schemas, no_network):
    item = read_ours(catalogue)[0]
    for key, value in {"datetime": "yesterday", "proj:shape": [1], "view:off_nadir": 95}.items():
        bad = json.loads(json.dumps(item))
        bad["properties"][key] = value
        bad["stac_extensions"] = [PROJECTION, VIEW]
        check = StacValidate(schema_map=schemas)
        assert not check.validate_dict(bad), key
