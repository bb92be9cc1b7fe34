import re

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from factory_core.kernel import io, overlaps
from factory_core.kernel.errors import ConfigError, LabelError
from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.detections.geofence import Geofence
from factory_core.postprocess.detections.min_score import MinScore
from factory_core.postprocess.detections.non_maximum_suppression import NonMaximumSuppression
from factory_core.postprocess.outlines.min_area import MinArea
from factory_core.postprocess.outlines.simplify import Simplify
from factory_core.postprocess.score_maps.threshold import Threshold
from factory_core.postprocess.vectorisers.polygonise import Polygonise

CRS = "EPSG:32633"


def score_map(scores, classes=("tree",)):
    scores = np.array(scores, np.uint8)
    scores = scores.reshape(len(classes), *scores.shape[-2:])
    geobox = GeoBox(scores.shape[1:], Affine(2, 0, 500_000, 0, -2, 5_000_000), CRS)
    return ScoreMap("a", geobox, classes, scores)


def frame(shapes, scores=None, labels="tree"):
    scores = np.linspace(1, 0.5, len(shapes)) if scores is None else scores
    return gpd.GeoDataFrame(
        {"score": scores, "label": labels, "scene_id": "a"}, geometry=list(shapes), crs=CRS
    )


@pytest.mark.parametrize(
    ("min_score", "expected"),
    [
        pytest.param(0.0, [0, 127, 128, 255], id="zero keeps all"),
        pytest.param(128 / 255, [0, 0, 128, 255], id="limit itself is kept"),
        pytest.param(0.5, [0, 0, 128, 255], id="half"),
        pytest.param(1.0, [0, 0, 0, 255], id="only the surest"),
    ],
)
def test_threshold(min_score, expected):
    found = Threshold(min_score)(score_map([[0, 127, 128, 255]]))
    assert found.scores.ravel().tolist() == expected
    assert found.scores.dtype == np.uint8


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_polygons_cover_exactly_the_pixels_they_come_from(height, width, seed):
    rng = np.random.default_rng(seed)
    given_map = score_map(rng.choice(np.array([0, 0, 90, 200], np.uint8), (height, width)))
    found = Polygonise()(given_map)
    burnt = (
        rasterize(found.geometry, (height, width), transform=given_map.geobox.affine)
        if len(found)
        else np.zeros((height, width))
    )
    np.testing.assert_array_equal(burnt > 0, given_map.scores[0] > 0)
    assert found.area.sum() == (given_map.scores > 0).sum() * 4
    assert not found.geometry.overlaps(found.geometry.union_all()).any()
    weighted = (found["score"] * found.area).sum() / 4
    assert weighted == pytest.approx(given_map.scores.sum() / 255)


def test_polygons_keep_holes_and_corners_apart():
    ring = [[9, 9, 9, 0], [9, 0, 9, 0], [9, 9, 9, 0], [0, 0, 0, 9]]
    found = Polygonise()(score_map(ring))
    assert len(found) == 2
    assert [len(polygon.interiors) for polygon in found.geometry] == [1, 0]


def test_classes_are_outlined_apart():
    found = Polygonise()(score_map([[[9, 0]], [[9, 9]]], classes=("tree", "house")))
    assert found["label"].tolist() == ["tree", "house"]
    assert found.area.tolist() == [4, 8]


SQUARES = [shapely.box(0, 0, side, side) for side in (1, 10, 20)]


@pytest.mark.parametrize(
    ("min_area_m2", "kept"),
    [
        pytest.param(0, 3, id="zero keeps all"),
        pytest.param(100, 2, id="limit itself is kept"),
        pytest.param(1e9, 0, id="none left"),
    ],
)
def test_min_area(min_area_m2, kept):
    assert len(MinArea(min_area_m2)(frame(SQUARES))) == kept


@pytest.mark.parametrize(
    ("min_score", "kept"),
    [pytest.param(0, 3, id="all"), pytest.param(0.75, 2, id="limit"), pytest.param(1, 1, id="one")],
)
def test_min_score(min_score, kept):
    assert len(MinScore(min_score)(frame(SQUARES))) == kept


def test_simplify_takes_the_stairs_and_keeps_what_is_small():
    stairs = shapely.Polygon([(0, 0), (3, 0), (3, 1), (2, 1), (2, 2), (1, 2), (1, 3), (0, 3)])
    found = Simplify(1.0)(frame([stairs, shapely.box(0, 0, 0.1, 0.1)]))
    assert len(found.geometry.iloc[0].exterior.coords) < len(stairs.exterior.coords)
    assert not found.geometry.is_empty.any()
    assert found.geometry.is_valid.all()


def greedy(boxes, scores, labels, max_iou, per_class):
    """The textbook's suppression, for comparison: pair by pair."""
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], *boxes[i].bounds))
    kept = []
    for i in order:
        rivals = [j for j in kept if not per_class or labels[i] == labels[j]]
        iou = [boxes[i].intersection(boxes[j]).area / boxes[i].union(boxes[j]).area for j in rivals]
        if all(value <= max_iou for value in iou):
            kept.append(i)
    return sorted(kept)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    max_iou=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    per_class=st.booleans(),
    overlap_of=st.sampled_from(["box", "geometry"]),
    few=st.sampled_from([4, 512]),
    askew=st.booleans(),
)
def test_suppression_equals_the_textbook(seed, count, max_iou, per_class, overlap_of, few, askew):
    rng = np.random.default_rng(seed)
    corner, size = rng.integers(0, 30, (count, 2)), rng.integers(1, 12, (count, 2))
    boxes = shapely.box(*corner.T, *(corner + size).T)
    if askew and overlap_of == "geometry":
        turned = [shapely.affinity.rotate(b, 90 * rng.random()) for b in boxes]
        boxes = np.array(turned, object)
    scores, labels = rng.integers(0, 5, count) / 4, rng.choice(["tree", "house"], count)
    part = NonMaximumSuppression(max_iou, overlap_of, per_class)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "FEW", few)
        found = part(frame(boxes, scores, labels))
    same_boxes = {(*boxes[i].bounds, scores[i], labels[i]) for i in found.index}
    expected = greedy(boxes, scores, labels, max_iou, per_class)
    assert same_boxes == {(*boxes[i].bounds, scores[i], labels[i]) for i in expected}


def test_many_boxes_on_one_spot_are_no_trouble():
    count = 50_000
    shapes = shapely.box(np.zeros(count), 0, np.full(count, 9), 9)
    assert len(NonMaximumSuppression(0.5, "box", False)(frame(shapes))) == 1


def test_a_crowd_of_many_sizes_on_one_spot_is_compared_with_few(monkeypatch):
    """Of 20,000 boxes that all overlap more than a hundred stay: not each is held against each."""
    count, seen = 20_000, []
    of_pairs = overlaps.Overlap.of_pairs

    def counted(self, one, two, first, second, *, above):
        seen.append(len(first))
        return of_pairs(self, one, two, first, second, above=above)

    monkeypatch.setattr(overlaps.Overlap, "of_pairs", counted)
    rng = np.random.default_rng(0)
    middle, side = rng.normal(0, 3, (2, count)), rng.uniform(5, 40, (2, count))
    crowd = frame(shapely.box(*(middle - side / 2), *(middle + side / 2)), rng.random(count))
    assert len(NonMaximumSuppression(0.5, "geometry", False)(crowd)) > 100
    assert sum(seen) < 100 * count
    assert max(seen) < overlaps.BLOCK * 1000


def test_askew_neighbours_are_told_apart_by_their_geometry():
    bars = [shapely.LineString([(o, 0), (o + 10, 10)]).buffer(0.5) for o in (0, 2)]
    assert len(NonMaximumSuppression(0.3, "box", True)(frame(bars))) == 1
    assert len(NonMaximumSuppression(0.3, "geometry", True)(frame(bars))) == 2


@pytest.fixture
def fence(tmp_path):
    def write(shapes, crs=CRS):
        io.write_vectors(
            gpd.GeoDataFrame(geometry=shapes, crs=CRS).to_crs(crs), tmp_path / "f.gpkg"
        )
        return Geofence(tmp_path / "f.gpkg")

    return write


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326", "EPSG:3857"])
def test_geofence_keeps_what_lies_inside_whole(fence, crs):
    x, y = 500_000, 5_000_000
    shapes = [shapely.box(x + a, y, x + a + 10, y + 10) for a in (10, 92, 97, 200)]
    found = fence([shapely.box(x, y - 100, x + 100, y + 100)], crs)(frame(shapes))
    assert found.geometry.tolist() == shapes[:2]


def test_refuses_a_geofence_that_crosses_itself(fence):
    bow_tie = shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])
    with pytest.raises(ConfigError, match=r"f\.gpkg.*Self-intersection"):
        fence([bow_tie])(frame(SQUARES))


def test_refuses_a_geofence_of_lines(fence):
    with pytest.raises(ConfigError, match=r"f\.gpkg"):
        fence([shapely.LineString([(0, 0), (9, 9)])])(frame(SQUARES))


def test_refuses_an_empty_geofence(tmp_path):
    io.write_vectors(gpd.GeoDataFrame(geometry=[], crs=CRS), tmp_path / "f.parquet")
    with pytest.raises(ConfigError, match=r"f\.parquet has no features"):
        Geofence(tmp_path / "f.parquet")(frame(SQUARES))


def test_refuses_a_geofence_that_is_not_there(tmp_path):
    with pytest.raises(LabelError, match=re.escape(str(tmp_path / "f.gpkg"))):
        Geofence(tmp_path / "f.gpkg")(frame(SQUARES))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Threshold(1.1), id="threshold"),
        pytest.param(lambda: MinScore(float("nan")), id="min_score"),
        pytest.param(lambda: MinArea(-1), id="min_area"),
        pytest.param(lambda: Simplify(-1), id="simplify"),
        pytest.param(lambda: NonMaximumSuppression(2, "box", True), id="suppression"),
    ],
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
