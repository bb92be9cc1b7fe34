"""What the stage dataset refuses; what was there before stays."""

import numpy as np
import pytest
from shapely import GeometryCollection, LineString, Point, Polygon

from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.errors import (
    ConfigError,
    LabelError,
    SceneError,
    SelectionError,
    TaxonomyError,
)
from tests.dataset.made import GOOD, bytes_of, polygons, refuses, with_target
from tests.tiny_dataset import blocks, config, geobox_of, square, write_inputs, write_scene

BOW_TIE = Polygon(
    [(500_001, 4_999_999), (500_009, 4_999_990), (500_009, 4_999_999), (500_001, 4_999_990)]
)


BAD_LABELS = {
    "unknown class": (
        polygons(GOOD).assign(label="sqare"),
        TaxonomyError,
        "'sqare'.*'square'",
    ),
    "invalid": (polygons(GOOD, BOW_TIE), LabelError, "scene_0.*invalid.*number 1"),
    "empty": (polygons(GOOD, Polygon()), LabelError, "scene_0.*empty.*number 1"),
    "mixed": (
        polygons(GOOD, Point(500_003, 4_999_997)),
        LabelError,
        "scene_0.*kind.*number 1.*Point",
    ),
    "points": (
        polygons(Point(500_003, 4_999_997)),
        LabelError,
        "scene_0.*kind.*Point.*`point_size_m`",
    ),
    "collection": (
        polygons(GeometryCollection([GOOD, GOOD.centroid])),
        LabelError,
        "GeometryCollection",
    ),
    "no label at all": (polygons(GOOD).iloc[:0], SelectionError, "None of the 9 windows"),
}


@pytest.mark.parametrize(("labels", "error", "said"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels(tmp_path, out, labels, error, said):
    inputs = write_inputs(tmp_path, labels=[labels])
    refuses(inputs, out, error, said)


def test_lines_are_no_oriented_boxes(tmp_path, out):
    line = LineString([(500_003, 4_999_997), (500_009, 4_999_990)])
    inputs = write_inputs(tmp_path, labels=[polygons(line)])
    with pytest.raises(LabelError, match=r"scene_0.*kind.*LineString.*target `lines`"):
        run(with_target("oriented_boxes"), **inputs, out=out)


def test_coarse_labels(tmp_path, out):
    inputs = write_inputs(tmp_path, labels=[polygons(GOOD).assign(label="shape")])
    taxonomy = {"classes": ["shape/square"], "level": 2}
    refuses(inputs, out, TaxonomyError, "coarser.*shape", taxonomy=taxonomy)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_area(tmp_path, out, split):
    other = {"train": "val", "val": "train"}[split]
    inputs = write_inputs(tmp_path, selection=[blocks(0, other)])
    refuses(inputs, out, SelectionError, f"nothing for {split}")


def test_areas_smaller_than_a_window(tmp_path, out):
    small = square(geobox_of(1), row=0, column=0, side_px=20)
    inputs = write_inputs(tmp_path, selection=[blocks(0, "train"), blocks(1, "val", area=small)])
    refuses(inputs, out, SelectionError, r"areas of val.*32 px = 16\.0 m.*10\.0 x 10\.0 m")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"bands": ("red", "green")}, "scene_1.*bands", id="bands"),
        pytest.param({"dtype": "uint16"}, "scene_1.*uint16.*uint8", id="type"),
    ],
)
def test_scenes_that_differ(tmp_path, out, change, said):
    inputs = write_inputs(tmp_path)
    write_scene(tmp_path / "processed", 1, **change)
    refuses(inputs, out, SceneError, said)


def test_scenes_of_another_resolution(tmp_path, out):
    inputs = write_inputs(tmp_path)
    scene = io.open_raster(tmp_path / "processed/scene_1.tif")
    coarse = scene.geobox.zoom_out(2)
    pixels = np.full((3, *coarse.shape), 50, np.uint8)
    grid = {"geobox": coarse, "bands": scene.bands, "dtype": "uint8", "nodata": 0}
    io.write_cog(tmp_path / "processed/scene_1.tif", **grid, blocks=[(coarse, pixels)])
    refuses(inputs, out, SceneError, r"scene_1.*pixels of \(m\) 1\.0.*scene_0.*0\.5.*`reproject`")


def test_a_window_larger_than_the_scenes(inputs, out):
    said = r"areas of train.*128 px = 64\.0 m.*48\.0 x 48\.0 m.*`dataset\.window_px`"
    refuses(inputs, out, SelectionError, said, dataset__window_px=128)


def test_a_scene_that_was_not_processed(inputs, out):
    (inputs["scenes"] / "scene_1.tif").unlink()
    refuses(inputs, out, SceneError, "scene_1")


def test_more_classes_than_a_mask_can_tell_apart(inputs, out):
    classes = [f"class{number}" for number in range(256)]
    taxonomy = {"classes": classes, "level": 1}
    refuses(inputs, out, ConfigError, "255.*256", task="score_map", taxonomy=taxonomy)


def test_pixels_that_windows_are_not_kept_in(tmp_path, out):
    inputs = write_inputs(tmp_path)
    write_scene(tmp_path / "processed", 0, dtype="float32")
    refuses(inputs, out, SceneError, "scene_0.*float32.*to_8bit")


def test_a_damaged_scene(tmp_path, out):
    inputs = write_inputs(tmp_path)
    path = tmp_path / "processed/scene_1.tif"
    path.write_bytes(path.read_bytes()[:400])
    refuses(inputs, out, SceneError, "scene_1")


def test_a_one_pixel_scene(tmp_path, out):
    inputs = write_inputs(tmp_path)
    write_scene(tmp_path / "processed", 0, side_px=1, places=())
    refuses(inputs, out, SelectionError, "areas of train")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"dataset__window_px": 0}, "window_px", id="no window"),
        pytest.param({"dataset__overlap_px": 32}, "overlap_px", id="no advance"),
        pytest.param({"dataset__background_share": 1.5}, "background_share", id="share over one"),
        pytest.param({"dataset__min_shown": -0.1}, "min_shown", id="share below zero"),
        pytest.param({"dataset__windw_px": 32}, "windw_px.*window_px", id="misspelt"),
        pytest.param({"dataset__window_px": "32"}, "dataset.window_px.*int", id="wrong type"),
    ],
)
def test_bad_settings(inputs, out, change, said):
    refuses(inputs, out, ConfigError, said, **change)


def test_blocks_that_windows_hardly_fit_into_are_refused(inputs, out, capsys):
    run(config(dataset__min_shown=0.5, dataset__window_px=16), **inputs, out=out)
    # Half of the labels lie across the edges of windows of this size.
    assert "train: windows show 2 of 4 labels" in capsys.readouterr().out
    before = bytes_of(out)
    with pytest.raises(SelectionError, match="show 2 of its 4 labels"):
        run(config(dataset__min_shown=0.6, dataset__window_px=16), **inputs, out=out)
    assert bytes_of(out) == before
