"""What every post-processing promises, tested for each YAML in `conf/postprocess/`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from geopandas.testing import assert_geodataframe_equal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from factory_core.kernel import config, io
from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.parts import list_parts, load_part
from factory_core.postprocess.kinds import kind_of, shapes_of
from factory_core.postprocess.score_maps import bands

CRS = "EPSG:32633"
TAXONOMY = {"classes": ["thing/tree", "thing/house"], "level": 2}
COLUMNS = ["score", "label", "scene_id", "geometry"]
PARTS = [part.name for part in list_parts("postprocess")]
# A second time may change more; each with the reason.
NOT_IDEMPOTENT = {
    "align_neighbours": "neighbours have turned",
    "buffer": "grows again",
    "gaussian": "is smoother again",
    "join_network": "pieces have new neighbours",
    "merge_cut": "larger boxes overlap others",
    "merge_near": "wider bays close",
    "simplify": "corners are cut again",
    "smooth": "corners are cut again",
    "soft_non_maximum_suppression": "scores fall again",
    "square_corners": "the main direction has changed",
    "temperature": "scores move again",
    "watershed": "smaller regions have necks of their own",
    "weighted_box_fusion": "means overlap others",
    "drop_spurs": "junctions have become ends",
    "merge_collinear": "longer lines bend elsewhere",
}
MOST = 1e-6
SEEDS = (0, 1)


@cache
def part_of(name):
    node = load_part("postprocess", name)
    if "taxonomy" in node:
        assert node["taxonomy"] == "${taxonomy}"
        node["taxonomy"] = TAXONOMY
    return config.build(node, where=name)


def of_kind(takes, gives):
    return [name for name in PARTS if kind_of(part_of(name), where=name) == (takes, gives)]


ON_SCORE_MAPS = of_kind(ScoreMap, ScoreMap)
VECTORISERS = of_kind(ScoreMap, GeoDataFrame)
ON_DETECTIONS = of_kind(GeoDataFrame, GeoDataFrame)
patient = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6)


def cases():
    """Each part of detections with each shape of them that it takes."""
    for name in ON_DETECTIONS:
        takes, _ = shapes_of(part_of(name), where=name)
        for shape in SHAPES if takes == "detections" else [takes]:
            yield pytest.param(name, shape, id=f"{name}-{shape}")


@pytest.fixture(autouse=True, scope="module")
def _files(tmp_path_factory):
    """The files that the defaults name, in the working directory."""
    folder = tmp_path_factory.mktemp("here")
    fence = gpd.GeoDataFrame(
        geometry=[shapely.box(500_000, 4_999_940, 500_060, 5_000_000)], crs=CRS
    )
    io.write_vectors(fence, folder / "geofence.geojson")
    io.write_vectors(fence, folder / "layer.geojson")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def polygons(rng, number):
    x, y = rng.integers(0, 100, (2, number)) + np.array([[500_000], [4_999_900]])
    width, height = rng.integers(1, 12, (2, number))
    boxes = shapely.box(x, y, x + width, y + height)
    corner = np.stack([x, y], axis=-1)[:, None]
    triangles = shapely.polygons(corner + np.array([[0, 0], [9, 0], [0, 5]]))
    return np.where(rng.random(number) < 0.3, triangles, boxes)


def lines(rng, number):
    """Some of them meet: their points lie on a coarse grid."""
    points = rng.integers(0, 12, (number, 4, 2)) * 8 + np.array([500_000, 4_999_900])
    points = points + np.arange(4)[None, :, None] * 0.25
    return shapely.linestrings(points)


def points(rng, number):
    return shapely.points(rng.integers(0, 100, (number, 2)) + np.array([500_000, 4_999_900]))


SHAPES = {"polygons": polygons, "lines": lines, "points": points}
CASES = list(cases())


def detections(shape, seed):
    """As many as crowd one spot, with equal scores among them; few for some seeds."""
    rng = np.random.default_rng(seed)
    number = 30 // (1 + seed % 3)
    return GeoDataFrame(
        {
            "score": rng.integers(0, 11, number) / 10,
            "label": rng.choice(["tree", "house"], number).astype(object),
            "scene_id": np.full(number, "a", dtype=object),
            "note": np.arange(number),
        },
        geometry=SHAPES[shape](rng, number),
        crs=CRS,
    )


@st.composite
def score_maps(draw):
    """Two classes of a few levels, so that there are regions."""
    shape = (2, draw(st.integers(1, 24)), draw(st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.choice(np.array([0, 0, 100, 127, 128, 255], np.uint8), shape)
    geobox = GeoBox(shape[1:], Affine(2, 0, 500_000, 0, -2, 5_000_000), CRS)
    return ScoreMap("a", geobox, ("tree", "house"), scores)


def sorted_rows(frame):
    """Rows in an order that depends on what they say, shapes as they compare."""
    frame = frame.set_geometry(frame.geometry.normalize().set_precision(MOST))
    keys = frame.assign(wkb=frame.geometry.to_wkb(), score=frame["score"].round(9))
    keys = keys.drop(columns="geometry")
    return frame.loc[keys.sort_values(list(keys.columns)).index].reset_index(drop=True)


def assert_same(one, other):
    one, other = sorted_rows(one), sorted_rows(other)
    away = shapely.hausdorff_distance(one.geometry.to_numpy(), other.geometry.to_numpy())
    assert len(one) == len(other)
    assert not len(one) or away.max() < 10 * MOST
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.drop(columns="geometry")), pd.DataFrame(other.drop(columns="geometry"))
    )


@pytest.mark.parametrize("name", PARTS)
def test_is_of_one_of_the_three_kinds(name):
    assert name in {*ON_SCORE_MAPS, *VECTORISERS, *ON_DETECTIONS}
    assert NOT_IDEMPOTENT.keys() <= set(PARTS)


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("seed", SEEDS)
def test_crs_and_columns_stay_and_the_input_untouched(name, shape, seed):
    frame = detections(shape, seed)
    before = frame.copy(deep=True)
    part = part_of(name)
    found = part(frame)
    assert isinstance(found, GeoDataFrame)
    assert found.crs == frame.crs
    added = [column for column in getattr(part, "adds", ()) if column not in frame]
    assert sorted(found.columns) == sorted([*frame.columns, *added])
    assert found["score"].between(0, 1).all()
    assert set(found["label"]) <= {"tree", "house", "thing"}
    assert not found.geometry.is_empty.any()
    assert found.geometry.is_valid.all()
    _, gives = shapes_of(part, where=name)
    wanted = shape if gives == "detections" else gives
    dimension = {"polygons": 2, "lines": 1, "points": 0}[wanted]
    assert (shapely.get_dimensions(found.geometry.to_numpy()) == dimension).all()
    assert_geodataframe_equal(frame, before)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_empty_in_gives_empty_out(name, shape):
    frame = detections(shape, 0).drop(columns="note").iloc[:0]
    part = part_of(name)
    found = part(frame)
    assert len(found) == 0
    assert sorted(found.columns) == sorted([*frame.columns, *getattr(part, "adds", ())])
    assert found.crs == frame.crs


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_rows_does_not_matter(name, shape, seed):
    frame = detections(shape, seed).drop(columns="note")
    shuffled = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    part = part_of(name)
    assert_same(part(frame), part(shuffled))


@pytest.mark.parametrize(
    ("name", "shape"), [case for case in CASES if case.id.split("-")[0] not in NOT_IDEMPOTENT]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_second_time_changes_nothing(name, shape, seed):
    part = part_of(name)
    once = part(detections(shape, seed))
    assert_same(part(once), once)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_many_on_one_spot_are_no_more_than_many(name, shape):
    """What looked at every pair would look at 16 million, and take gigabytes."""
    many = detections(shape, 1).loc[np.zeros(4000, int)].reset_index(drop=True)
    many["score"] = np.linspace(0, 1, len(many))
    assert len(part_of(name)(many)) <= 9 * len(many)  # a line may be cut into a few pieces


@pytest.mark.slow
@pytest.mark.parametrize("name", ["non_maximum_suppression", "weighted_box_fusion", "back_off"])
def test_a_million_on_one_spot(name):
    many = detections("polygons", 0).iloc[:1].loc[np.zeros(1_000_000, int)].reset_index(drop=True)
    many["score"] = np.random.default_rng(0).random(len(many))
    assert len(part_of(name)(many)) == 1


@pytest.mark.parametrize("name", ON_SCORE_MAPS + VECTORISERS)
@patient
@given(score_map=score_maps())
def test_score_map_stays_untouched(name, score_map):
    before = score_map.scores.copy()
    part_of(name)(score_map)
    np.testing.assert_array_equal(score_map.scores, before)


@pytest.mark.parametrize("name", ON_SCORE_MAPS)
@patient
@given(score_map=score_maps())
def test_grid_and_classes_of_a_score_map_stay(name, score_map):
    found = part_of(name)(score_map)
    assert (found.scene_id, found.geobox, found.classes) == (
        "a",
        score_map.geobox,
        score_map.classes,
    )
    assert found.scores.dtype == np.uint8
    assert found.scores.shape == score_map.scores.shape
    if name not in NOT_IDEMPOTENT:
        np.testing.assert_array_equal(part_of(name)(found).scores, found.scores)


@pytest.mark.parametrize("name", ON_SCORE_MAPS)
@settings(patient, max_examples=10)
@given(score_map=score_maps())
def test_strips_give_what_the_whole_gives(name, score_map):
    """Seams are nowhere to be seen: strips of 3 pixels against one of all."""
    part = part_of(name)
    whole = part(score_map)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "STRIP_PX", 3)
        np.testing.assert_array_equal(part(score_map).scores, whole.scores)


@pytest.mark.parametrize("name", ON_SCORE_MAPS)
def test_nothing_found_stays_nothing(name):
    geobox = GeoBox((9, 7), Affine(2, 0, 500_000, 0, -2, 5_000_000), CRS)
    empty = ScoreMap("a", geobox, ("tree",), np.zeros((1, 9, 7), np.uint8))
    assert not part_of(name)(empty).scores.any()


@pytest.mark.parametrize("name", VECTORISERS)
@patient
@given(score_map=score_maps(), empty=st.booleans())
def test_vectoriser_gives_detections(name, score_map, empty):
    if empty:
        score_map = replace(score_map, scores=np.zeros_like(score_map.scores))
    found = part_of(name)(score_map)
    assert list(found.columns) == COLUMNS
    assert found.crs == CRS
    assert found["score"].between(0, 1).all()
    assert set(found["label"]) <= {"tree", "house"}
    assert found.geometry.is_valid.all()
    outline = shapely.box(*score_map.geobox.extent.boundingbox)
    assert found.geometry.within(outline).all()
    if empty:
        assert len(found) == 0
