"""GeoJSON, GeoPackage, Shapefile, GeoParquet: classes, places, sidecars, encodings."""

import json

import geopandas as gpd
import pytest
from shapely.geometry import LineString, Point, box

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.formats.vector import GeoJson, GeoPackage, GeoParquet, Shapefile
from factory_core.sources.images import ImageFolder

NO_IMAGES = ImageFolder(None)
SQUARE = [[[15.0, 50.0], [15.1, 50.0], [15.1, 50.1], [15.0, 50.0]]]


def geojson(path, *features, **members):
    records = [
        {"type": "Feature", "properties": properties, "geometry": geometry, **further}
        for properties, geometry, further in features
    ]
    content = {"type": "FeatureCollection", **members, "features": records}
    path.write_text(json.dumps(content))
    return path


def polygon(ring=SQUARE):
    return {"type": "Polygon", "coordinates": ring}


def utm(number):
    return {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{number}"}}


@pytest.mark.parametrize(
    ("form", "properties", "expected"),
    [
        pytest.param(GeoJson(), {"label": "roof"}, "roof", id="the column label"),
        pytest.param(GeoJson(class_column="category"), {"category": 3}, "3", id="a number"),
        pytest.param(GeoJson(class_column="category"), {"category": 3.0}, "3", id="a whole float"),
        pytest.param(GeoJson(label="building"), {"label": 1}, "building", id="a constant"),
    ],
)
def test_takes_the_class(tmp_path, form, properties, expected):
    path = geojson(tmp_path / "a.geojson", (properties, polygon(), {}))
    (frame,) = form.read(path, images=NO_IMAGES, ledger=Ledger()).loose
    assert list(frame["label"]) == [expected]


@pytest.mark.parametrize(
    ("properties", "geometry", "further", "message"),
    [
        pytest.param({"lable": "a"}, polygon(), {}, "no property 'label'.*'lable'", id="misspelt"),
        pytest.param({"label": None}, polygon(), {}, "class, 'label', is None", id="no class"),
        pytest.param({"label": "a"}, None, {}, "geometry is empty", id="no geometry"),
        pytest.param(
            {"label": "a"}, {"type": "Polygn", "coordinates": []}, {}, "no geometry of", id="type"
        ),
        pytest.param(
            {"label": "a"}, polygon([[[1, 2], [3, 4]]]), {}, "no geometry of", id="two corners"
        ),
        pytest.param(
            {"label": "a"},
            polygon([[[50.0, 150.0], [50.1, 150.0], [50.1, 150.1], [50.0, 150.0]]]),
            {},
            r"\(50\.\d+, 150\.\d+\) lie far outside",
            id="x and y exchanged",
        ),
        pytest.param({"label": "a"}, polygon(), {"id": 7}, "id 7 stands twice", id="id twice"),
    ],
)
def test_bad_features_are_refused_by_their_number(tmp_path, properties, geometry, further, message):
    good = ({"label": "a"}, polygon(), {"id": 7})
    path = geojson(tmp_path / "a.geojson", good, (properties, geometry, further))
    with pytest.raises(LabelError, match=rf"a\.geojson, feature 2: .*{message}"):
        GeoJson().read(path, images=NO_IMAGES, ledger=Ledger())
    ledger = Ledger(keep_going=True)
    assert len(GeoJson().read(path, images=NO_IMAGES, ledger=ledger)) == 1
    assert [each.record for each in ledger.problems] == ["feature 2"]


def test_coordinates_far_from_their_zone_are_refused(tmp_path):
    """As in the labels of NAIP aircraft: UTM coordinates that were projected twice."""
    right = polygon([[[550_000, 4.7e6], [550_009, 4.7e6], [550_009, 4_700_009], [550_000, 4.7e6]]])
    wrong = polygon(
        [
            [
                [4_441_282, 5_777_210],
                [4_441_290, 5_777_210],
                [4_441_290, 5_777_220],
                [4_441_282, 5_777_210],
            ]
        ]
    )
    path = geojson(
        tmp_path / "a.geojson",
        ({"label": "a"}, right, {}),
        ({"label": "a"}, wrong, {}),
        crs=utm(26911),
    )
    with pytest.raises(
        LabelError, match=r"feature 2: .*far outside the area of NAD83 / UTM zone 11N"
    ):
        GeoJson().read(path, images=NO_IMAGES, ledger=Ledger())


@pytest.mark.parametrize("x_m", [100_000, 900_000], ids=["west of the zone", "east of it"])
def test_a_label_across_the_seam_of_two_zones_is_taken(tmp_path, x_m):
    ring = [[[x_m, 4.7e6], [x_m + 9, 4.7e6], [x_m + 9, 4_700_009], [x_m, 4.7e6]]]
    path = geojson(tmp_path / "a.geojson", ({"label": "a"}, polygon(ring), {}), crs=utm(32633))
    assert len(GeoJson().read(path, images=NO_IMAGES, ledger=Ledger())) == 1


def test_a_crs_that_is_not_known_is_refused(tmp_path):
    path = geojson(tmp_path / "a.geojson", ({"label": "a"}, polygon(), {}), crs=utm(999_999))
    with pytest.raises(LabelError, match=r"a\.geojson.*EPSG::999999.*not known"):
        GeoJson().read(path, images=NO_IMAGES, ledger=Ledger())


def test_reads_every_file_of_a_folder(tmp_path):
    for name in ("a", "b"):
        geojson(tmp_path / f"{name}.geojson", ({"label": name}, polygon(), {}))
    (tmp_path / "README.md").write_text("not labels")
    found = GeoJson().read(tmp_path, images=NO_IMAGES, ledger=Ledger())
    assert sorted(label for frame in found.loose for label in frame["label"]) == ["a", "b"]
    with pytest.raises(LabelError, match=r"holds no \.gpkg"):
        GeoPackage().read(tmp_path, images=NO_IMAGES, ledger=Ledger())


@pytest.fixture
def three_kinds():
    table = {"label": ["a", "b", "c"], "a_very_long_name": ["x" * 300, "ü", None]}
    table["a_very_long_other"] = [1, 2, 3]
    shapes = [box(15, 50, 15.1, 50.1), LineString([(15, 50), (15.1, 50)]), Point(15, 50)]
    return Annotations({}, {}, (gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326"),))


def test_a_shapefile_has_one_kind_of_geometry_and_counts_what_is_cut(three_kinds, tmp_path):
    ledger = Ledger()
    Shapefile().write(three_kinds, tmp_path / "out", ledger=ledger)
    shapefiles = sorted(path.name for path in (tmp_path / "out").glob("*.shp"))
    assert shapefiles == ["lines.shp", "points.shp", "polygons.shp"]
    assert dict(ledger.lost) == {
        "column names longer than 10 bytes": 2,
        "texts longer than 254 bytes": 1,
    }
    found = Shapefile().read(tmp_path / "out", images=NO_IMAGES, ledger=Ledger())
    frames = {frame["label"][0]: frame for frame in found.loose}
    assert frames["b"]["a_very_lon"][0] == "ü"
    assert frames["b"]["a_very_l_2"][0] == 2


@pytest.mark.parametrize("ending", [".dbf", ".shx", ".prj"])
def test_a_shapefile_without_its_sidecars_is_refused(three_kinds, tmp_path, ending):
    Shapefile().write(three_kinds, tmp_path / "out", ledger=Ledger())
    (tmp_path / "out" / f"lines{ending}").unlink()
    with pytest.raises(LabelError, match=rf"lines\.shp lacks its sidecar lines\{ending}"):
        Shapefile().read(tmp_path / "out", images=NO_IMAGES, ledger=Ledger())


def test_the_encoding_of_a_shapefile_can_be_stated(tmp_path):
    frame = gpd.GeoDataFrame({"label": ["Straße"]}, geometry=[Point(15, 50)], crs="EPSG:4326")
    frame.to_file(tmp_path / "old.shp", encoding="ISO-8859-1")
    (tmp_path / "old.cpg").unlink()
    form = Shapefile(encoding="ISO-8859-1")
    (found,) = form.read(tmp_path / "old.shp", images=NO_IMAGES, ledger=Ledger()).loose
    assert list(found["label"]) == ["Straße"]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        pytest.param(GeoPackage(), "labels.gpkg", id="geopackage"),
        pytest.param(GeoParquet(), "labels.parquet", id="geoparquet"),
    ],
)
def test_a_file_cut_off_is_refused_by_name(three_kinds, tmp_path, form, name):
    path = tmp_path / name
    form.write(three_kinds, path, ledger=Ledger())
    content = path.read_bytes()
    for share in (0.9, 0.5, 0.01):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(LabelError, match=name):
            form.read(path, images=NO_IMAGES, ledger=Ledger())
