import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import affinity

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.postprocess.detections.attributes import Attributes
from factory_core.postprocess.detections.distance_to_layer import DistanceToLayer
from factory_core.postprocess.detections.mask_layer import MaskLayer
from factory_core.postprocess.detections.merge_cut import MergeCut
from factory_core.postprocess.detections.soft_non_maximum_suppression import (
    SoftNonMaximumSuppression,
)
from factory_core.postprocess.detections.weighted_box_fusion import WeightedBoxFusion
from factory_core.postprocess.outlines.align_neighbours import AlignNeighbours
from factory_core.postprocess.outlines.buffer import Buffer
from factory_core.postprocess.outlines.clip_to_geofence import ClipToGeofence
from factory_core.postprocess.outlines.dissolve import Dissolve, MergeNear
from factory_core.postprocess.outlines.elongation import Elongation
from factory_core.postprocess.outlines.fill_polygon_holes import FillPolygonHoles
from factory_core.postprocess.outlines.max_area import MaxArea
from factory_core.postprocess.outlines.min_rotated_box import MinRotatedBox
from factory_core.postprocess.outlines.regularise import Regularise
from factory_core.postprocess.outlines.smooth import Smooth
from factory_core.postprocess.outlines.square_corners import SquareCorners
from tests.postprocess.made import CRS, frame

BOX = shapely.box(0, 0, 20, 10)
ASKEW = affinity.rotate(BOX, 30)
L_SHAPE = shapely.Polygon([(0, 0), (30, 0), (30, 12), (12, 12), (12, 25), (0, 25)])


def only(found):
    assert len(found) == 1
    return found.geometry.iloc[0]


def soft_textbook(boxes, scores, sigma, least):
    """Bodla's loop, box by box."""
    scores, left, kept = list(scores), list(range(len(boxes))), {}
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        left.remove(best)
        if scores[best] < least:
            continue
        kept[best] = scores[best]
        for i in left:
            common = boxes[i].intersection(boxes[best]).area
            iou = common / boxes[i].union(boxes[best]).area
            scores[i] *= np.exp(-(iou**2) / sigma)
    return kept


@pytest.mark.parametrize("seed", range(6))
def test_soft_suppression_is_the_textbooks(seed):
    rng = np.random.default_rng(seed)
    corner, size = rng.random((40, 2)) * 20, 3 + rng.random((40, 2)) * 8
    boxes = shapely.box(*corner.T, *(corner + size).T)
    scores = rng.random(40)
    found = SoftNonMaximumSuppression(0.5, 0.1, True)(frame(boxes, scores))
    expected = soft_textbook(boxes, scores, 0.5, 0.1)
    assert set(found.index) == set(expected)
    np.testing.assert_allclose(found["score"], [expected[i] for i in found.index], rtol=1e-9)


def test_soft_suppression_keeps_what_stands_close():
    boxes = [shapely.box(0, 0, 10, 10), shapely.box(3, 0, 13, 10), shapely.box(0, 0, 10, 10)]
    found = SoftNonMaximumSuppression(0.3, 0.2, True)(frame(boxes, [0.9, 0.8, 0.7]))
    assert len(found) == 2
    assert found["score"].tolist()[0] == 0.9


def test_fused_boxes_are_the_weighted_mean():
    boxes = [shapely.box(0, 0, 20, 10), shapely.box(2, 0, 22, 10), shapely.box(90, 0, 99, 5)]
    found = WeightedBoxFusion(0.5, 1, True)(frame(boxes, [0.9, 0.3, 0.5]))
    assert found["score"].tolist() == pytest.approx([0.6, 0.5])
    assert found.geometry.iloc[0].bounds == pytest.approx((0.5, 0, 20.5, 10))
    assert found.geometry.iloc[1].bounds == pytest.approx((90, 0, 99, 5))


def test_a_box_that_one_of_two_models_saw_is_less_sure():
    assert WeightedBoxFusion(0.5, 2, True)(frame([BOX], [0.8]))["score"].tolist() == [0.4]


def test_fused_boxes_turn_to_the_mean_direction():
    boxes = [affinity.rotate(BOX, 20), affinity.rotate(BOX, 30)]
    fused = only(WeightedBoxFusion(0.5, 1, True)(frame(boxes, [0.5, 0.5])))
    assert fused.symmetric_difference(affinity.rotate(BOX, 25)).area < 1e-6
    square = [shapely.box(0, 0, 10, 10.01), shapely.box(0, 0, 10.01, 10)]
    fused = only(WeightedBoxFusion(0.5, 1, True)(frame(square, [0.5, 0.5])))
    assert fused.area == pytest.approx(100.1, abs=0.01)


def test_pieces_of_a_cut_object_become_one_box():
    pieces = [shapely.box(0, 0, 30, 10), shapely.box(10, 1, 40, 9), shapely.box(70, 0, 80, 9)]
    found = MergeCut(0.5, True)(frame(pieces, [0.9, 0.6, 0.5]))
    assert found["score"].tolist() == [0.9, 0.5]
    assert found.geometry.iloc[0].equals(shapely.box(0, 0, 40, 10))
    turned = [affinity.rotate(piece, 30, origin=(0, 0)) for piece in pieces[:2]]
    whole = affinity.rotate(shapely.box(0, 0, 40, 10), 30, origin=(0, 0))
    assert only(MergeCut(0.5, True)(frame(turned))).symmetric_difference(whole).area < 1e-6


def test_dissolve_unites_by_class_with_the_mean_score():
    boxes = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 40, 10), shapely.box(9, 0, 12, 10)]
    found = Dissolve()(frame(boxes, [0.8, 0.4, 0.5], labels=["tree", "tree", "house"]))
    assert found["label"].tolist() == ["house", "tree"]
    assert found.geometry.iloc[1].equals(shapely.box(0, 0, 40, 10))
    assert found["score"].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("gap_m", "left"), [(2.1, 2), (1.9, 3), (0, 3)])
def test_merge_near_closes_the_gap(gap_m, left):
    boxes = [shapely.box(0, 0, 10, 10), shapely.box(12, 0, 20, 10), shapely.box(40, 0, 50, 10)]
    found = MergeNear(gap_m)(frame(boxes))
    assert len(found) == left
    if left == 2:
        assert found.geometry.iloc[0].symmetric_difference(shapely.box(0, 0, 20, 10)).area < 1e-6


def test_smooth_cuts_corners_and_keeps_ends():
    line = shapely.LineString([(0, 0), (10, 0), (10, 10)])
    found = Smooth(1)(frame([BOX, line, shapely.Point(1, 2)]))
    area, curve, point = found.geometry
    assert area.area == pytest.approx(200 - 4 * 5 * 2.5 / 2)
    assert list(curve.coords) == [(0, 0), (2.5, 0), (7.5, 0), (10, 2.5), (10, 7.5), (10, 10)]
    assert point == shapely.Point(1, 2)
    assert len(only(Smooth(3)(frame([BOX]))).exterior.coords) == 4 * 2**3 + 1


def test_smooth_keeps_holes_and_pieces():
    ring = shapely.Polygon(BOX.exterior, [shapely.box(5, 3, 10, 7).exterior])
    both = shapely.MultiPolygon([ring, shapely.box(50, 0, 60, 10)])
    found = only(Smooth(2)(frame([both])))
    assert [len(polygon.interiors) for polygon in found.geoms] == [1, 0]


def corners_deg(polygon):
    points = np.array(polygon.exterior.coords)[:-1]
    a, b = np.roll(points, 1, axis=0) - points, np.roll(points, -1, axis=0) - points
    cosine = (a * b).sum(axis=1) / np.hypot(*a.T) / np.hypot(*b.T)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def wobbly(polygon, seed=0, by=0.8):
    points = np.array(polygon.exterior.coords)[:-1]
    moved = points + np.random.default_rng(seed).uniform(-by, by, points.shape)
    return shapely.Polygon(moved)


@pytest.mark.parametrize("turn_deg", [0, 20, 40, 75])
@pytest.mark.parametrize("part", [SquareCorners(15.0, 2.0), Regularise(0.7)], ids=type)
def test_walls_become_square_and_the_house_stays_where_it_is(part, turn_deg):
    house = affinity.rotate(L_SHAPE, turn_deg)
    found = only(part(frame([wobbly(house)])))
    np.testing.assert_allclose(corners_deg(found), 90, atol=1e-4)
    common = found.intersection(house).area
    assert common / found.union(house).area > 0.9


def test_square_corners_leaves_what_runs_askew():
    gable = shapely.Polygon([(0, 0), (20, 0.5), (20, 10), (10, 18), (0, 10)])
    found = only(SquareCorners(10.0, 2.0)(frame([gable])))
    assert found.exterior.coords[3] == (10, 18)
    assert len(found.exterior.coords) == 6


def test_regularise_takes_the_jags_out_and_gives_triangles_back():
    jagged = shapely.Polygon(
        [(0, 0), (8, 0.3), (15, -0.2), (30, 0), (30.4, 8), (30, 20), (14, 20.3), (0, 20)]
    )
    assert len(only(Regularise(0.7)(frame([jagged]))).exterior.coords) == 5
    triangle = shapely.Polygon([(0, 0), (20, 0), (0, 5)])
    assert only(Regularise(0.7)(frame([triangle]))) == triangle


def test_regularise_keeps_a_court():
    court = shapely.Polygon(L_SHAPE.exterior, [shapely.box(2, 2, 8, 8).exterior])
    found = only(Regularise(0.7)(frame([court])))
    assert len(found.interiors) == 1
    assert found.area == pytest.approx(court.area)


def test_min_rotated_box():
    crooked = ASKEW.difference(affinity.rotate(shapely.box(8, 4, 12, 10), 30, origin=(10, 5)))
    assert only(MinRotatedBox()(frame([crooked]))).symmetric_difference(ASKEW).area < 1e-6


def test_holes_up_to_the_limit_are_filled():
    holes = [shapely.box(1, 1, 3, 3).exterior, shapely.box(5, 1, 8, 9).exterior]
    found = only(FillPolygonHoles(4.0)(frame([shapely.Polygon(BOX.exterior, holes)])))
    assert found.area == 200 - 24


def test_outlines_without_a_hole_are_left_alone(monkeypatch):
    holed = shapely.Polygon(BOX.exterior, [shapely.box(9, 4, 10, 5).exterior])
    given = frame([L_SHAPE, holed, shapely.MultiPolygon([BOX, affinity.translate(holed, 50)]), BOX])
    checked, is_valid = [], shapely.is_valid
    monkeypatch.setattr(
        shapely, "is_valid", lambda some: checked.append(len(some)) or is_valid(some)
    )
    found = FillPolygonHoles(1.5)(given)
    assert checked[0] == 2
    assert found.area.tolist() == [L_SHAPE.area, 200, 400, 200]
    assert found.geom_type.tolist() == given.geom_type.tolist()


@pytest.mark.parametrize(("distance_m", "area"), [(1, 264), (-1, 144), (-6, None)])
def test_buffer(distance_m, area):
    found = Buffer(distance_m, "mitre")(frame([BOX]))
    assert found.area.tolist() == ([] if area is None else [pytest.approx(area)])


def test_buffer_makes_areas_of_points_and_lines():
    found = Buffer(1.0, "round")(frame([shapely.Point(0, 0), shapely.LineString([(0, 0), (9, 0)])]))
    assert found.geom_type.tolist() == ["Polygon", "Polygon"]


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        pytest.param(MaxArea(200.0), 2, id="limit itself is kept"),
        pytest.param(MaxArea(199.0), 1, id="too large"),
        pytest.param(Elongation(1.0, 2.0), 3, id="elongation: limits kept"),
        pytest.param(Elongation(1.5, 9.0), 2, id="elongation: askew counts as it lies"),
    ],
)
def test_filters(part, kept):
    shapes = [BOX, affinity.rotate(shapely.box(0, 0, 30, 15.001), 40), shapely.box(0, 0, 5, 5)]
    assert len(part(frame(shapes))) == kept


@pytest.mark.parametrize(
    ("turn_deg", "heading_deg"), [(0, 90), (90, 0), (30, 60), (-30, 120), (180, 90)]
)
def test_attributes(turn_deg, heading_deg):
    line = affinity.rotate(shapely.LineString([(0, 0), (3, 0)]), turn_deg)
    found = Attributes()(frame([affinity.rotate(BOX, turn_deg), line, shapely.Point(0, 0)]))
    assert found["area_m2"].tolist() == pytest.approx([200, 0, 0])
    assert found["length_m"].tolist() == pytest.approx([20, 3, 0])
    assert found["width_m"].tolist() == pytest.approx([10, 0, 0])
    assert found["heading_deg"].tolist() == pytest.approx([heading_deg, heading_deg, 0])


def test_neighbours_stand_alike_and_who_stands_askew_stays():
    turns = [0, 4, -5, 40]
    houses = [
        affinity.translate(affinity.rotate(BOX, turn), 25 * i, 0) for i, turn in enumerate(turns)
    ]
    found = AlignNeighbours(200.0, 8, 10.0)(frame(houses))
    boxes = Attributes()(found)["heading_deg"]
    assert boxes[:3].max() - boxes[:3].min() < 1.0
    assert found.geometry.iloc[3].equals(houses[3])
    np.testing.assert_allclose(found.area, 200)


@pytest.fixture
def layer(tmp_path):
    def write(*shapes, crs=CRS):
        file = tmp_path / "layer.gpkg"
        io.write_vectors(gpd.GeoDataFrame(geometry=list(shapes), crs=CRS).to_crs(crs), file)
        return file

    return write


SITES = [shapely.box(500_000 + a, 5_000_000, 500_010 + a, 5_000_010) for a in (0, 45, 80)]
LAND = shapely.box(500_000 - 5, 5_000_000 - 5, 500_050, 5_000_020)


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326"])
@pytest.mark.parametrize(
    ("keep", "min_share", "kept"),
    [
        ("inside", 0.4, [0, 1]),
        ("inside", 0.9, [0]),
        ("outside", 0.4, [2]),
        ("outside", 0.9, [1, 2]),
    ],
)
def test_mask_layer(layer, crs, keep, min_share, kept):
    found = MaskLayer(layer(LAND, crs=crs), keep, min_share)(frame(SITES))
    assert found.index.tolist() == kept


def test_polygons_of_a_layer_that_overlap_count_once(layer):
    file = layer(LAND, LAND.buffer(0.1))
    assert MaskLayer(file, "inside", 0.6)(frame(SITES)).index.tolist() == [0]


def test_mask_layer_measures_lines_by_length(layer):
    line = shapely.LineString([(500_000, 5_000_000), (500_100, 5_000_000)])
    file = layer(LAND)
    assert len(MaskLayer(file, "inside", 0.5)(frame([line]))) == 1
    assert len(MaskLayer(file, "inside", 0.51)(frame([line]))) == 0


def test_clip_cuts_at_the_fence(layer):
    found = ClipToGeofence(layer(LAND))(frame(SITES))
    assert found.area.tolist() == pytest.approx([100, 50])
    line = shapely.LineString([(500_000, 4_999_980), (500_000, 5_000_040)])
    assert ClipToGeofence(layer(LAND))(frame([line])).length.tolist() == pytest.approx([25])


def test_distance_to_layer(layer):
    runway = layer(shapely.LineString([(500_000, 4_999_990), (500_100, 4_999_990)]))
    found = DistanceToLayer(runway, 0.0, None)(frame(SITES))
    assert found["distance_m"].tolist() == pytest.approx([10, 10, 10])
    assert len(DistanceToLayer(runway, 0.0, 9.9)(frame(SITES))) == 0
    assert len(DistanceToLayer(runway, 10.1, None)(frame(SITES))) == 0


@pytest.mark.parametrize("make", [lambda f: MaskLayer(f, "inside", 0.5), ClipToGeofence])
@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        pytest.param([], "has no features", id="empty"),
        pytest.param([shapely.Point(500_000, 5_000_000)], "Expected polygons only", id="points"),
        pytest.param(
            [shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])], "crosses itself", id="bow tie"
        ),
    ],
)
def test_refuses_a_layer_that_is_no_area(tmp_path, make, shapes, words):
    file = tmp_path / "area.parquet"
    io.write_vectors(gpd.GeoDataFrame(geometry=shapes, crs=CRS), file)
    with pytest.raises(ConfigError, match=rf"area\.parquet.*{words}"):
        make(file)(frame(SITES))


@pytest.mark.parametrize("crs", [CRS, "EPSG:4326"])
def test_a_layer_in_another_crs_is_brought_over(layer, crs):
    inside = ClipToGeofence(layer(LAND, crs=crs))(frame(SITES))
    assert inside.crs == CRS
    assert inside.area.sum() == pytest.approx(150, rel=1e-3)
    far = DistanceToLayer(layer(LAND, crs=crs), 0.0, None)(frame(SITES))
    assert far["distance_m"].tolist() == pytest.approx([0, 0, 30], abs=0.1)


def test_refuses_a_layer_without_a_feature(tmp_path):
    io.write_vectors(gpd.GeoDataFrame(geometry=[], crs=CRS), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match=r"none\.parquet has no feature"):
        DistanceToLayer(tmp_path / "none.parquet", 0.0, None)(frame(SITES))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: SoftNonMaximumSuppression(0, 0.1, True), id="sigma"),
        pytest.param(lambda: SoftNonMaximumSuppression(0.5, 0, True), id="soft score"),
        pytest.param(lambda: WeightedBoxFusion(0.5, 0, True), id="no model"),
        pytest.param(lambda: MergeCut(1.5, True), id="share"),
        pytest.param(lambda: MergeNear(-1), id="gap"),
        pytest.param(lambda: Smooth(0), id="rounds"),
        pytest.param(lambda: SquareCorners(46, 1), id="turn"),
        pytest.param(lambda: Regularise(2), id="iou"),
        pytest.param(lambda: FillPolygonHoles(-1), id="holes"),
        pytest.param(lambda: Buffer(float("nan"), "round"), id="buffer"),
        pytest.param(lambda: MaxArea(-1), id="area"),
        pytest.param(lambda: Elongation(0.5, 2), id="ratio"),
        pytest.param(lambda: Elongation(3, 2), id="ratios"),
        pytest.param(lambda: MaskLayer("x", "inside", 0), id="mask"),
        pytest.param(lambda: DistanceToLayer("x", 5, 4), id="distance"),
        pytest.param(lambda: AlignNeighbours(1, 0, 1), id="neighbours"),
    ],
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
