"""Labels: what is refused, where they are placed, how they are counted."""

import geopandas as gpd
import pytest
from shapely import wkt
from shapely.geometry import LineString, Point, Polygon, box

from factory_core.catalogue.labels import count_labels, find_labels, place_labels, read_labels
from factory_core.kernel.errors import LabelError
from factory_core.kernel.taxonomy import Taxonomy

CRS = "EPSG:32633"
CLASSES = Taxonomy(("vehicle/car", "vehicle/truck", "house"))
SQUARE = box(0, 0, 10, 10)
BOW_TIE = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def frame(geometry, labels=None, **columns):
    labels = ["car"] * len(geometry) if labels is None else labels
    return gpd.GeoDataFrame({"label": labels, **columns}, geometry=geometry, crs=CRS)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(frame([SQUARE, BOW_TIE]), r"row 2: .*invalid \(Self-inters", id="invalid"),
        pytest.param(frame([SQUARE, Polygon()]), "row 2: .*is empty", id="empty"),
        pytest.param(frame([None, SQUARE]), "row 1: .*is empty", id="missing geometry"),
        pytest.param(
            frame([SQUARE, Point(0, 0)]), "row 2: a point among .* a polygon", id="mixed points"
        ),
        pytest.param(
            frame([LineString([(0, 0), (1, 1)]), SQUARE]), "row 2: a polygon", id="mixed lines"
        ),
        pytest.param(
            frame([SQUARE, SQUARE], ["car", "trukc"]), "row 2: .*Nearest: 'truck'", id="unknown"
        ),
        pytest.param(frame([SQUARE, SQUARE], ["car", None]), "row 2: `label` must", id="no class"),
        pytest.param(frame([SQUARE], [3]), "row 1: `label` must be the name", id="number"),
        pytest.param(
            frame([SQUARE]).rename(columns={"label": "kind"}),
            "no column `label`.*kind",
            id="column",
        ),
    ],
)
@pytest.mark.parametrize("ending", [".parquet", ".gpkg", ".geojson"])
def test_refuses(tmp_path, labels, message, ending):
    path = tmp_path / f"labels{ending}"
    if ending == ".parquet":
        labels.to_parquet(path)
    else:
        labels.to_file(path)
    with pytest.raises(LabelError, match=message) as raised:
        read_labels(path, taxonomy=CLASSES)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param([], id="no label at all"),
        pytest.param([SQUARE, wkt.loads("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))")], id="multipolygon"),
        pytest.param([Point(1, 1)], id="points"),
    ],
)
def test_takes(tmp_path, geometry):
    frame(geometry).to_parquet(tmp_path / "labels.parquet")
    assert len(read_labels(tmp_path / "labels.parquet", taxonomy=CLASSES)) == len(geometry)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 no more", b'{"type": "FeatureColl'], ids=["empty", "cut", "json"]
)
@pytest.mark.parametrize("ending", [".parquet", ".gpkg", ".geojson"])
def test_refuses_damaged_files(tmp_path, content, ending):
    path = tmp_path / f"labels{ending}"
    path.write_bytes(content)
    with pytest.raises(LabelError, match="cannot be read as vectors") as raised:
        read_labels(path, taxonomy=CLASSES)
    assert str(path) in str(raised.value)


def test_refuses_a_table_without_geometry(tmp_path):
    path = tmp_path / "labels.parquet"
    gpd.pd.DataFrame({"label": ["car"]}).to_parquet(path)
    with pytest.raises(LabelError, match=r"labels\.parquet"):
        read_labels(path, taxonomy=CLASSES)


def test_names_the_pattern_that_no_file_matches(tmp_path):
    with pytest.raises(LabelError, match=r"labels/\*"):
        find_labels(tmp_path, "labels/*")


@pytest.fixture
def scenes():
    outlines = [box(0, 0, 100, 100), box(80, 0, 180, 100), box(500, 0, 600, 100)]
    ids = ["left", "right", "far"]
    return gpd.GeoDataFrame({"id": ids, "gsd": 1.0}, geometry=outlines, crs=CRS).to_crs("EPSG:4326")


def placed(labels, scenes, tmp_path):
    path = tmp_path / "labels.parquet"
    labels.to_parquet(path)
    labels = read_labels(path, taxonomy=CLASSES)
    return sorted(place_labels(labels, scenes, path=path)["scene_id"])


@pytest.mark.parametrize(
    ("geometry", "on"),
    [
        pytest.param(box(10, 10, 20, 20), ["left"], id="inside one"),
        pytest.param(box(85, 10, 95, 20), ["left", "right"], id="where two overlap"),
        pytest.param(box(170, 10, 190, 20), ["right"], id="across the edge"),
        pytest.param(box(60, 10, 80.001, 20), ["left"], id="touching another"),
        pytest.param(Point(90, 50), ["left", "right"], id="point"),
        pytest.param(Point(-0.001, 50), ["left"], id="point on the edge, rounded"),
        pytest.param(LineString([(10, 10), (150, 10)]), ["left", "right"], id="line"),
    ],
)
def test_places_by_location(tmp_path, scenes, geometry, on):
    assert placed(frame([geometry]), scenes, tmp_path) == sorted(on)


def test_places_by_name_where_one_is_given(tmp_path, scenes):
    labels = frame([box(85, 10, 95, 20)] * 2, scene_id=["right", None])
    assert placed(labels, scenes, tmp_path) == ["left", "right", "right"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(frame([box(300, 0, 310, 10)]), "row 1: 1 of 1 labels lie outside", id="all"),
        pytest.param(
            frame([SQUARE] + [box(300, 0, 310, 10)] * 5), r"row 2, 3, 4 and 2 more", id="many"
        ),
        pytest.param(
            frame([SQUARE], scene_id=["far"]), "outside the scene that they name", id="its scene"
        ),
        pytest.param(frame([Point(-1, 50)]), "lie outside", id="a pixel away"),
        pytest.param(frame([SQUARE], scene_id=["rihgt"]), "mean 'right'", id="unknown scene"),
        pytest.param(frame([SQUARE]).set_crs("EPSG:32601", allow_override=True), "CRS", id="CRS"),
    ],
)
def test_refuses_labels_that_no_scene_shows(tmp_path, scenes, labels, message):
    with pytest.raises(LabelError, match=message):
        placed(labels, scenes, tmp_path)


def test_counts_at_every_level():
    labels = frame([SQUARE] * 4, ["car", "car", "vehicle/truck", "vehicle"])
    assert count_labels(labels, taxonomy=CLASSES) == {
        "vehicle": 4,
        "house": 0,
        "car": 2,
        "truck": 1,
    }
