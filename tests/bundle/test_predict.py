"""Several scenes at once: found as in one scene, and a bad one stops no other."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from geopandas.testing import assert_geodataframe_equal
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from typer.testing import CliRunner

from factory_core.bundle.checksums import write_checksums
from factory_core.bundle.detector import Detector
from factory_core.bundle.inputs import find_raw_scenes
from factory_core.bundle.predict import predict_bundle
from factory_core.cli import app
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, ModelError, OutputError, SceneError
from factory_core.kernel.parts import load_part
from factory_core.process.add_indices import AddIndices
from factory_core.process.chain import to_nodes
from factory_core.process.compose_bands import ComposeBands
from tests.bundle.conftest import CHAINS, GRID
from tests.onnx_models import write_box_model, write_score_model

POLYGONS = {name: CHAINS["score_map"][name] for name in ("threshold", "polygonise")}
LINES = {
    "threshold": POLYGONS["threshold"],
    "centre_lines": load_part("postprocess", "centre_lines"),
    "drop_spurs": load_part("postprocess", "drop_spurs") | {"min_length_m": 6.0},
    "min_length": load_part("postprocess", "min_length") | {"min_length_m": 6.0},
}
BOXES = {
    "min_score": CHAINS["boxes"]["min_score"],
    "non_maximum_suppression": load_part("postprocess", "non_maximum_suppression"),
}
# A house in the middle, where four scenes meet, others across their edges, beside them, alone.
HOUSES = [(40, 55, 50, 66), (10, 56, 14, 75), (42, 10, 49, 16), (70, 62, 76, 70), (70, 50, 76, 58)]
ALONE = [(5, 5, 9, 12), (80, 100, 86, 110), (39, 100, 44, 104)]


def deploy(folder, chain, *, write=write_score_model):
    """A bundle of a model that is known by hand."""
    write(folder / "models/0/model.onnx", resolution_m=1.0)
    io.write_json({"weights": {"0": 1.0}}, folder / "models/weights.json")
    io.write_json({"tasks": []}, folder / "process.json")
    params = {
        "catalogue": {"bands": [], "companions": {"pan": "{scene_id}_PAN.tif"}},
        "predict": {
            "overlap_px": 4,
            "batch_size": 3,
            "blend": {"_target_": "factory_core.predict.blend.Cosine"},
        },
        "postprocess": {"tasks": chain, "order": list(chain)},
    }
    (folder / "params.yaml").write_text(configuration.to_yaml(OmegaConf.create(params)))
    write_checksums(folder)
    return folder


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return deploy(
        tmp_path / "bundle", POLYGONS | {"attributes": load_part("postprocess", "attributes")}
    )


def draw(rectangles, *, bands=3):
    """Pixels `(band, row, column)` on GRID, bright in `(top, left, bottom, right)`."""
    pixels = np.ones((bands, *GRID.shape), np.uint8)
    for top, left, bottom, right in rectangles:
        pixels[:, top:bottom, left:right] = 220
    return pixels


def write(path, pixels, *, grid=GRID, bands=("red", "green", "blue")):
    bands = bands[: len(pixels)] if len(pixels) > 1 else ("grey",)
    io.write_cog(path, geobox=grid, bands=bands, dtype="uint8", nodata=0, blocks=[(grid, pixels)])
    return path


def quarters(folder, pixels, *, overlap_px):
    """The scene cut in four at row 45 and column 60."""
    half = overlap_px // 2
    for y, rows in enumerate((slice(0, 45 + half), slice(45 - half, 90))):
        for x, columns in enumerate((slice(0, 60 + half), slice(60 - half, 120))):
            write(folder / f"{y}{x}.tif", pixels[:, rows, columns], grid=GRID[rows, columns])
    return folder


def masked(folder, pixels, *, overlap_px):
    """The same four on the grid of the whole scene, without data where they show nothing."""
    quarters(folder / "cut", pixels, overlap_px=overlap_px)
    for path in (folder / "cut").iterdir():
        part = io.open_raster(path)
        write(folder / f"masked/{path.name}", part.read(GRID))
    return folder / "masked"


def find(bundle, *scenes, out="found.parquet", **options):
    predict_bundle(bundle, [Path(scene) for scene in scenes], out=Path(out), **options)
    return io.read_vectors(Path(out))


def assert_same_shapes(found, expected):
    """Each of one covers nearly what one of the other does, and none is left over."""
    assert len(found) == len(expected)
    pairs = shapely.STRtree(found.geometry).query(expected.geometry, predicate="intersects")
    one, other = expected.geometry.to_numpy()[pairs[0]], found.geometry.to_numpy()[pairs[1]]
    iou = shapely.area(shapely.intersection(one, other)) / shapely.area(shapely.union(one, other))
    assert sorted(pairs[0][iou > 0.99]) == list(range(len(expected)))


@pytest.mark.parametrize(
    ("cut", "overlap_px"),
    [
        pytest.param(quarters, 0, id="they adjoin"),
        pytest.param(quarters, 12, id="they overlap", marks=pytest.mark.slow),
        pytest.param(
            masked, 12, id="they overlap, on grids that reach further", marks=pytest.mark.slow
        ),
    ],
)
def test_a_scene_in_four_parts_gives_what_it_gives_whole(bundle, cut, overlap_px):
    pixels = draw(HOUSES + ALONE)
    whole = find(bundle, write(Path("whole.tif"), pixels))
    parts = cut(Path("parts"), pixels, overlap_px=overlap_px)
    assert_same_shapes(find(bundle, parts), whole)
    found = io.read_vectors(Path("found.parquet"))
    assert sorted(found["area_m2"]) == pytest.approx(sorted(whole["area_m2"]))
    assert set(found["scene_id"]) <= {"00", "01", "10", "11"}
    assert len(find(bundle, parts, join=False)) > len(whole)


@pytest.mark.slow
def test_the_order_of_scenes_does_not_matter(bundle):
    quarters(Path("parts"), draw(HOUSES + ALONE), overlap_px=12)
    files = sorted(Path("parts").iterdir())
    assert_geodataframe_equal(find(bundle, *files), find(bundle, *files[::-1]))


def test_one_scene_is_as_it_was_without_joining(bundle):
    scene = write(Path("whole.tif"), draw(HOUSES))
    assert_geodataframe_equal(find(bundle, scene), find(bundle, scene, join=False))


@pytest.mark.slow
@pytest.mark.parametrize("overlap_px", [0, 12])
def test_roads_go_on_over_the_edges(tmp_path, monkeypatch, overlap_px):
    monkeypatch.chdir(tmp_path)
    bundle = deploy(tmp_path / "bundle", LINES)
    pixels = draw([(20, 4, 25, 116), (4, 90, 86, 95), (70, 30, 75, 88)])
    whole = find(bundle, write(Path("whole.tif"), pixels))
    found = find(bundle, quarters(Path("parts"), pixels, overlap_px=overlap_px))
    assert len(found) == len(whole)
    assert found.length.sum() == pytest.approx(whole.length.sum(), rel=0.02)
    beside = shapely.intersection(found.union_all(), shapely.buffer(whole.union_all(), 1.5))
    assert beside.length > 0.98 * whole.length.sum()
    apart = find(bundle, Path("parts"), join=False)
    assert len(apart) > len(whole)


@pytest.mark.slow
def test_boxes_seen_twice_are_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle = deploy(tmp_path / "bundle", BOXES, write=write_box_model)
    pixels = draw(
        [(y, x, y + 1, x + 1) for y, x in [(45, 60), (20, 58), (43, 20), (70, 90)]], bands=1
    )
    whole = find(bundle, write(Path("whole.tif"), pixels))
    parts = quarters(Path("parts"), pixels, overlap_px=12)
    assert len(find(bundle, parts, join=False)) == 9
    assert_same_shapes(find(bundle, parts), whole)


@pytest.mark.slow
def test_scenes_of_two_zones_are_joined_in_the_first_one(bundle):
    """A house on the border of two zones, which both scenes show."""
    east = gpd.GeoSeries.from_xy([12.0], [48.0], crs="EPSG:4326").to_crs("EPSG:32633").iloc[0]
    west = gpd.GeoSeries.from_xy([12.0], [48.0], crs="EPSG:4326").to_crs("EPSG:32632").iloc[0]
    for name, crs, place in (("w", "EPSG:32632", west), ("e", "EPSG:32633", east)):
        affine = Affine(1, 0, round(place.x) - 60, 0, -1, round(place.y) + 45)
        write(Path(f"{name}.tif"), draw([(40, 55, 50, 66)]), grid=GeoBox((90, 120), affine, crs))
    for first, second, crs in (("w", "e", 32632), ("e", "w", 32633)):
        found = find(bundle, f"{first}.tif", f"{second}.tif")
        assert found.crs == crs
        assert found["area_m2"].tolist() == pytest.approx(found.area.tolist())
        assert len(found) == 1
        assert found.area.iloc[0] == pytest.approx(110, rel=0.01)
    assert len(find(bundle, "w.tif", "e.tif", join=False)) == 2
    assert find(bundle, "w.tif", "e.tif", out="found.geojson").crs == "EPSG:4326"


def hidden():
    return [path.name for path in Path().iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_killed_it_goes_on_with_what_is_missing(bundle, monkeypatch):
    parts = quarters(Path("parts"), draw(HOUSES + ALONE), overlap_px=0)
    expected = find(bundle, parts, out="whole.parquet")
    seen = []
    detect = Detector.detect

    def killed_at_the_third(self, raster, *, scratch):
        seen.append(raster.scene_id)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return detect(self, raster, scratch=scratch)

    monkeypatch.setattr(Detector, "detect", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        find(bundle, parts)
    assert not Path("found.parquet").exists()
    # A scene that has changed meanwhile is done again.
    write(
        parts / "00.tif", io.open_raster(parts / "00.tif").read(GRID[:45, :60]), grid=GRID[:45, :60]
    )
    assert_geodataframe_equal(find(bundle, parts), expected)
    assert seen == ["00", "01", "10", "00", "10", "11"]
    assert hidden() == []


@pytest.mark.slow
def test_what_another_bundle_found_is_not_taken(bundle, monkeypatch):
    parts = quarters(Path("parts"), draw(HOUSES), overlap_px=0)
    (parts / "torn.tif").write_bytes(b"II*")
    with pytest.raises(SceneError):
        find(bundle, parts)
    assert len(hidden()) == 1
    (parts / "torn.tif").unlink()
    other = deploy(Path("other"), {**POLYGONS, "min_area": CHAINS["score_map"]["min_area"]})
    seen = []
    detect = Detector.detect
    monkeypatch.setattr(
        Detector,
        "detect",
        lambda self, raster, **rest: seen.append(1) or detect(self, raster, **rest),
    )
    find(other, parts)
    assert len(seen) == 4
    assert hidden() == []


def test_what_cannot_be_used_stops_no_other(bundle):
    parts = quarters(Path("parts"), draw(HOUSES), overlap_px=0)
    found = find(bundle, parts)
    (parts / "torn.tif").write_bytes(b"II*")
    with pytest.raises(SceneError, match=r"1 of 5 scenes .* of the others(.|\n)*torn.tif"):
        find(bundle, parts)
    assert_geodataframe_equal(io.read_vectors(Path("found.parquet")), found)
    write(parts / "grey.tif", draw(HOUSES, bands=1))
    done = CliRunner().invoke(
        app, ["predict-bundle", "bundle", "parts", "--out", "all.gpkg"], catch_exceptions=True
    )
    assert done.exit_code != 0
    assert "2 of 6 scenes" in str(done.exception)
    assert "grey: Scene 'grey' has the bands grey" in str(done.exception)
    assert len(io.read_vectors(Path("all.gpkg"))) == len(found)


def test_a_file_stays_where_no_scene_can_be_used(bundle):
    quarters(Path("parts"), draw(HOUSES), overlap_px=0)
    find(bundle, "parts/00.tif")
    before = Path("found.parquet").read_bytes()
    coarse = [write(Path(f"{n}.tif"), draw([])[:, ::2, ::2], grid=GRID.zoom_out(2)) for n in "ab"]
    with pytest.raises(ModelError, match=r"2 of 2 scenes .* not been written(.|\n)*factor of 2"):
        find(bundle, *coarse)
    assert Path("found.parquet").read_bytes() == before
    assert hidden() == []


@pytest.mark.parametrize(
    ("scenes", "out", "error", "message"),
    [
        pytest.param(["empty"], "f.gpkg", SceneError, "empty has no scene", id="empty folder"),
        pytest.param(["parts", "parts/00.tif"], "f.gpkg", SceneError, "given twice", id="twice"),
        pytest.param(["parts", "more"], "f.gpkg", SceneError, "the name '00'", id="one name"),
        pytest.param(["parts"], "parts", OutputError, "ending", id="no ending"),
        pytest.param(["parts"], "d.gpkg", OutputError, "is a folder", id="a folder"),
        pytest.param(["parts"], "parts/00.tif/f.gpkg", OutputError, "written", id="no place"),
        pytest.param(
            ["parts"], "no/f.gpkg", OutputError, "no/f.gpkg .* no folder no", id="no folder"
        ),
        pytest.param(
            ["parts"],
            "/proc/f.gpkg",
            OutputError,
            r"/proc/f\.gpkg cannot be written: [^/]*$",
            id="not writable",
        ),
    ],
)
def test_bad_input_is_one_error_before_anything_runs(bundle, scenes, out, error, message):
    quarters(Path("parts"), draw([]), overlap_px=0)
    write(Path("more/00.tif"), draw([]))
    Path("empty").mkdir()
    Path("d.gpkg").mkdir()
    with pytest.raises(error, match=message):
        find(bundle, *scenes, out=out)
    assert not Path("f.gpkg").exists()
    assert not Path("no").exists()


@pytest.mark.parametrize(
    ("tasks", "takes"),
    [
        pytest.param([], "red, green, blue", id="of the model"),
        pytest.param([ComposeBands(("red", "nir"))], "red, nir", id="of the chain"),
        pytest.param(
            [AddIndices(("ndvi",)), ComposeBands(("green", "ndvi"))],
            "nir, red, green",
            id="of an index",
        ),
    ],
)
def test_a_scene_of_other_bands_is_told_those_of_the_bundle(bundle, tasks, takes):
    io.write_json({"tasks": to_nodes(tasks)}, Path("bundle/process.json"))
    write_checksums(bundle)
    with pytest.raises(SceneError) as caught:
        find(bundle, write(Path("pan.tif"), draw([], bands=1)))
    message = str(caught.value)
    assert f"'pan' has the bands grey; the bundle takes {takes}. Give" in message
    assert not re.search(r"process|catalogue|select", message)


@pytest.mark.parametrize(
    ("bands", "has"),
    [
        pytest.param(1, r"1 band \(grey\)", id="fewer"),
        pytest.param(3, r"3 bands \(red, green, blue\)", id="more"),
    ],
)
def test_a_scene_of_more_or_fewer_bands_than_have_names_is_told_them(bundle, bands, has):
    name_bands(bundle, "red", "nir")
    words = f"'pan' has {has}; the bundle takes scenes of 2, .* order: red, nir. Give"
    with pytest.raises(SceneError, match=words):
        find(bundle, write(Path("pan.tif"), draw([], bands=bands)))


FENCE = load_part("postprocess", "geofence")


@pytest.mark.parametrize(
    ("left_m", "scenes", "message"),
    [
        pytest.param(0, ["scene.tif"], None, id="there"),
        pytest.param(500, ["scene.tif", "beside.tif"], None, id="around one of two"),
        pytest.param(500, ["scene.tif"], r"`geofence` has no ground.*give scenes", id="elsewhere"),
    ],
)
def test_says_that_it_looks_where_no_scene_is(tmp_path, monkeypatch, left_m, scenes, message):
    monkeypatch.chdir(tmp_path)
    fence = tmp_path / "bundle/fence.gpkg"
    x, y = GRID.affine.c + left_m, GRID.affine.f
    fence.parent.mkdir()
    around = gpd.GeoDataFrame(geometry=[shapely.box(x, y - 90, x + 120, y)], crs=GRID.crs)
    io.write_vectors(around, fence)
    deploy(tmp_path / "bundle", POLYGONS | {"geofence": FENCE | {"file": fence.name}})
    write(Path("scene.tif"), draw(HOUSES))
    write(Path("beside.tif"), draw([]), grid=GRID.translate_pix(500, 0))
    if message:
        with pytest.raises(SceneError, match=message):
            find(tmp_path / "bundle", *scenes)
        assert not Path("found.parquet").exists()
    else:
        assert (len(find(tmp_path / "bundle", *scenes)) > 0) == (left_m == 0)


def name_bands(bundle, *names):
    """Make it a bundle of scenes whose files do not name their bands."""
    params = configuration.load(bundle / "params.yaml")
    params.catalogue.bands = list(names)
    (bundle / "params.yaml").write_text(configuration.to_yaml(params))
    write_checksums(bundle)


def test_bands_without_a_name_are_known_by_their_order(bundle):
    expected = find(bundle, write(Path("scene.tif"), draw(HOUSES)))
    name_bands(bundle, "red", "green", "blue")
    write(Path("scene.tif"), draw(HOUSES), bands=("one", "two", "three"))
    assert_same_shapes(find(bundle, "scene.tif"), expected)


def test_the_command_says_what_it_wrote(bundle):
    quarters(Path("parts"), draw(HOUSES), overlap_px=0)
    done = CliRunner().invoke(app, ["predict-bundle", "bundle", "parts", "--out", "all.gpkg"])
    count = len(io.read_vectors(Path("all.gpkg")))
    assert done.stdout == f"all.gpkg: {count} detections in 4 scenes.\n"


def test_a_tolerance_is_above_nothing(bundle):
    with pytest.raises(ConfigError, match="above 0"):
        find(bundle, write(Path("a.tif"), draw([])), tolerance_px=0)


def test_companions_and_hidden_files_in_a_folder_are_no_scenes(bundle):
    for name in (
        "parts/a.tif",
        "parts/a_PAN.tif",
        "parts/a.pan.tif",
        "parts/.b.tif",
        "parts/c/d.TIF",
    ):
        write(Path(name), draw([]))
    found = find_raw_scenes([Path("parts")], companions={"pan": "{scene_id}_PAN.tif"})
    assert [path.name for path in found] == ["a.tif", "d.TIF"]
