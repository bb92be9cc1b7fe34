"""The airfields: exact, seeded, and what their labels and truth say."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
import yaml
from shapely.geometry import box

from factory_core.evaluate.lines.apls import path_similarity
from factory_core.evaluate.lines.network import build_network
from factory_core.kernel import geo, io
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.sources.airfield import sample
from factory_core.sources.airfield.aircraft import KINDS, Aircraft
from factory_core.sources.airfield.canvas import Canvas
from factory_core.sources.airfield.sample import SETTINGS

SIZE_PX = 256


@pytest.fixture(scope="module")
def airfield(tmp_path_factory):
    out = tmp_path_factory.mktemp("airfield")
    sample.write(out, size_px=SIZE_PX, seed=1)
    return out


@pytest.fixture(scope="module")
def scenes(airfield):
    return {path.stem: io.open_raster(path) for path in sorted((airfield / "scenes").iterdir())}


def labels(airfield, name):
    return io.read_vectors(airfield / "labels" / f"{name}.parquet")


def test_has_16_bit_scenes_of_four_bands_on_the_ground(scenes):
    assert set(scenes) == {setting.name for setting in SETTINGS}
    for raster in scenes.values():
        assert raster.bands == ("blue", "green", "red", "nir")
        assert (raster.dtype, raster.geobox.shape) == ("uint16", (SIZE_PX, SIZE_PX))
        assert geo.resolution_m(raster.geobox) == 0.5


def test_has_scenes_that_do_not_overlap(scenes):
    outlines = gpd.GeoSeries([geo.footprint(raster.geobox) for raster in scenes.values()])
    assert outlines.union_all().area == pytest.approx(outlines.area.sum())


@pytest.mark.parametrize(
    ("name", "kinds", "classes"),
    [
        pytest.param("aircraft", {"Polygon", "MultiPolygon"}, set(KINDS), id="aircraft"),
        pytest.param("buildings", {"Polygon"}, {"building"}, id="buildings"),
        pytest.param("lines", {"LineString"}, {"runway", "taxiway", "road"}, id="lines"),
    ],
)
def test_has_valid_labels_inside_their_scenes(airfield, scenes, name, kinds, classes):
    found = labels(airfield, name)
    assert found.is_valid.all()
    assert set(found.geom_type) <= kinds
    assert set(found["label"]) <= classes
    for scene_id, rows in found.groupby("scene_id"):
        outline = geo.footprint(scenes[scene_id].geobox)
        assert rows.within(outline.buffer(1e-6)).all()


def test_lines_are_a_network_to_the_metric_of_networks(airfield):
    """As found perfectly: cut wherever they meet, and each piece for itself."""
    for scene_id, rows in labels(airfield, "lines").groupby("scene_id"):
        true = build_network(rows.geometry.to_numpy())
        perfect = shapely.get_parts(shapely.node(shapely.union_all(rows.geometry.to_numpy())))
        said = build_network(perfect[::-1])
        settings = {"snap_m": 4, "spacing_m": 50, "min_way_m": 10, "sources": 500}
        assert path_similarity(true, said, **settings) == pytest.approx(1, abs=1e-9), scene_id
        assert path_similarity(said, true, **settings) == pytest.approx(1, abs=1e-9), scene_id
        # A main taxiway with two ways to the apron and two to the runway; the road apart.
        assert (len(true.junctions), true.components) in {(5, 2), (6, 2)}, scene_id


def test_labels_are_where_the_pixels_are(airfield, scenes):
    """White aircraft on concrete stand out by exactly their outlines."""
    found = labels(airfield, "aircraft")
    rows = found[found["scene_id"] == "clear_airline"]
    raster = scenes["clear_airline"]
    red = raster.read(raster.geobox)[2]
    height, width = red.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    affine = raster.geobox.affine
    points = gpd.points_from_xy(affine.c + x.ravel() * affine.a, affine.f + y.ravel() * affine.e)
    inside = points.within(rows.union_all().buffer(-0.6)).reshape(red.shape)
    near = points.within(rows.union_all().buffer(4)).reshape(red.shape)
    outside = near & ~points.within(rows.union_all().buffer(0.6)).reshape(red.shape)
    assert len(rows) >= 1
    assert np.median(red[inside]) > 6500
    assert np.median(red[outside]) < 3500


@pytest.mark.parametrize(
    ("what", "file", "whole", "names"),
    [
        pytest.param("aircraft", "aircraft", "aircraft", set(KINDS), id="aircraft"),
        pytest.param("buildings", "buildings", "building", {"building"}, id="buildings"),
        pytest.param("roads", "lines", "way", {"runway", "taxiway", "road"}, id="roads"),
    ],
)
def test_taxonomy_of_the_detector_is_that_of_the_labels(airfield, what, file, whole, names):
    detector = airfield / "detectors" / what
    answers = yaml.safe_load((detector / "answers.yaml").read_text())["default_context"]
    paths = tuple(path.strip() for path in answers["taxonomy"].split(","))
    assert {path.rpartition("/")[2] for path in paths} == names
    assert names >= set(labels(airfield, file)["label"])
    assert {Taxonomy(paths).at(name, 1) for name in names} == {whole}
    read = yaml.safe_load((detector / "baseline.yaml").read_text())["catalogue"]["labels"]
    assert read == f"labels/{file}.parquet"


def test_kinds_of_aircraft_are_those_of_its_taxonomy(airfield):
    answers = yaml.safe_load((airfield / "detectors/aircraft/answers.yaml").read_text())
    paths = {path.strip() for path in answers["default_context"]["taxonomy"].split(",")}
    assert paths == {kind.path for kind in KINDS.values()}


def test_shows_each_kind_of_aircraft_at_its_usual_size(tmp_path_factory):
    found = {
        kind.name: Aircraft(kind, 0, 0, 0, kind.skins[0], kind.skins[0]).outline()
        for kind in KINDS.values()
    }
    for name, outline in found.items():
        left, top, right, bottom = outline.bounds
        assert bottom - top == pytest.approx(KINDS[name].length, rel=0.1), name
        assert right - left == pytest.approx(KINDS[name].span, rel=0.02), name
        assert outline.geom_type == "Polygon", name


def test_truth_lies_between_0_and_1_and_follows_the_weather(airfield):
    truth = io.read_json(airfield / "truth.json")
    for setting in SETTINGS:
        true = truth[setting.name]
        assert all(0 <= value <= 1 for value in true.values())
        assert true["haze"] == pytest.approx(setting.haze, abs=0.05)
        assert (true["snow"] > 0.2) == (setting.season == "winter")
        assert (true["vegetation"] > 0.2) == (setting.season in {"summer", "spring"})


def test_gives_the_same_bytes_for_the_same_seed_only(tmp_path):
    for name, seed in (("first", 0), ("second", 0), ("third", 1)):
        sample.write(tmp_path / name, size_px=64, seed=seed)
    first, second, third = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.[tp]*")}
        for n in ("first", "second", "third")
    )
    assert first == second
    assert first != third


@pytest.mark.parametrize("size_px", [0, 63, 5000])
def test_refuses_sizes(tmp_path, size_px):
    with pytest.raises(ConfigError, match=rf"\[64, 4096\] pixels. Received: {size_px}"):
        sample.write(tmp_path / "out", size_px=size_px, seed=0)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5], ids=str)
def test_canvas_mixes_by_the_share_that_a_shape_covers(offset):
    canvas = Canvas(np.zeros((6, 8, 8), np.float32), 0.5)
    cover = canvas.cover(box(1 + offset / 2, 1, 3, 3))
    expected = np.zeros((8, 8))
    expected[2:6, 2:6] = 1
    expected[2:6, 2] = 1 - offset
    np.testing.assert_allclose(cover, expected, atol=1e-6)
