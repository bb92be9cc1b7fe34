"""What every post-processing promises, tested for each YAML in `conf/postprocess/`."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
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
from factory_core.postprocess.kinds import kind_of

CRS = "EPSG:32633"
TAXONOMY = {"classes": ["thing/tree", "thing/house"], "level": 2}
COLUMNS = ["score", "label", "scene_id", "geometry"]
PARTS = [part.name for part in list_parts("postprocess")]
# Cutting corners again may cut more of them.
NOT_IDEMPOTENT = {"simplify"}


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
patient = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@pytest.fixture(autouse=True, scope="module")
def _geofence(tmp_path_factory):
    """The file that the default geofence names, in the working directory."""
    folder = tmp_path_factory.mktemp("here")
    fence = gpd.GeoDataFrame(
        geometry=[shapely.box(500_000, 4_999_940, 500_060, 5_000_000)], crs=CRS
    )
    io.write_vectors(fence, folder / "geofence.geojson")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@st.composite
def detections(draw, min_size=0):
    """Boxes and triangles around one spot, with scores and classes."""
    number = draw(st.integers(min_size, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, y = rng.integers(0, 100, (2, number)) + np.array([[500_000], [4_999_900]])
    width, height = rng.integers(1, 12, (2, number))
    boxes = shapely.box(x, y, x + width, y + height)
    triangles = [
        shapely.Polygon([(a, b), (a + 9, b), (a, b + 5)]) for a, b in zip(x, y, strict=True)
    ]
    shapes = np.where(rng.random(number) < 0.3, np.array(triangles, object), boxes)
    return GeoDataFrame(
        {
            "score": rng.integers(0, 11, number) / 10,
            "label": rng.choice(["tree", "house"], number).astype(object),
            "scene_id": np.full(number, "a", dtype=object),
            "note": np.arange(number),
        },
        geometry=shapes,
        crs=CRS,
    )


@st.composite
def score_maps(draw):
    """Two classes of a few levels, so that there are regions."""
    shape = (2, draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.choice(np.array([0, 0, 100, 127, 128, 255], np.uint8), shape)
    geobox = GeoBox(shape[1:], Affine(2, 0, 500_000, 0, -2, 5_000_000), CRS)
    return ScoreMap("a", geobox, ("tree", "house"), scores)


def sorted_rows(frame):
    keys = frame.assign(wkt=frame.geometry.normalize().to_wkt()).drop(columns="geometry")
    return frame.loc[keys.sort_values(list(keys.columns)).index].reset_index(drop=True)


@pytest.mark.parametrize("name", PARTS)
def test_is_of_one_of_the_three_kinds(name):
    assert name in {*ON_SCORE_MAPS, *VECTORISERS, *ON_DETECTIONS}


@pytest.mark.parametrize("name", ON_DETECTIONS)
@patient
@given(frame=detections())
def test_crs_and_columns_stay(name, frame):
    found = part_of(name)(frame)
    assert isinstance(found, GeoDataFrame)
    assert found.crs == frame.crs
    assert list(found.columns) == list(frame.columns)
    assert not found.geometry.is_empty.any()
    assert found.geometry.is_valid.all()


@pytest.mark.parametrize("name", ON_DETECTIONS)
@patient
@given(frame=detections())
def test_input_stays_untouched(name, frame):
    before = frame.copy(deep=True)
    part_of(name)(frame)
    assert_geodataframe_equal(frame, before)


@pytest.mark.parametrize("name", ON_DETECTIONS)
def test_empty_in_gives_empty_out(name):
    frame = GeoDataFrame({"score": [], "label": [], "scene_id": []}, geometry=[], crs=CRS)
    found = part_of(name)(frame)
    assert len(found) == 0
    assert list(found.columns) == list(frame.columns)
    assert found.crs == frame.crs


@pytest.mark.parametrize("name", ON_DETECTIONS)
@patient
@given(frame=detections(min_size=1), seed=st.integers(0, 1000))
def test_order_of_rows_does_not_matter(name, frame, seed):
    frame = frame.drop(columns="note")
    shuffled = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    part = part_of(name)
    assert_geodataframe_equal(sorted_rows(part(frame)), sorted_rows(part(shuffled)))


@pytest.mark.parametrize("name", [name for name in ON_DETECTIONS if name not in NOT_IDEMPOTENT])
@patient
@given(frame=detections())
def test_second_time_changes_nothing(name, frame):
    part = part_of(name)
    once = part(frame)
    assert_geodataframe_equal(part(once), once)


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
    np.testing.assert_array_equal(part_of(name)(found).scores, found.scores)


@pytest.mark.parametrize("name", VECTORISERS)
@patient
@given(score_map=score_maps(), empty=st.booleans())
def test_vectoriser_gives_detections(name, score_map, empty):
    if empty:
        score_map.scores[:] = 0
    found = part_of(name)(score_map)
    assert list(found.columns) == COLUMNS
    assert found.crs == CRS
    assert found["score"].between(0, 1).all()
    assert set(found["label"]) <= {"tree", "house"}
    assert found.geometry.is_valid.all()
    if empty:
        assert len(found) == 0
