"""The stage dataset, on two tiny scenes."""

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import GeometryCollection, Point, Polygon, box

from factory_core.dataset import write
from factory_core.dataset.shards import Shards, read_stats
from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.errors import (
    ConfigError,
    FactoryError,
    LabelError,
    SceneError,
    SelectionError,
    TaxonomyError,
)
from tests.tiny_dataset import (
    CRS,
    blocks,
    config,
    geobox_of,
    square,
    write_inputs,
    write_scene,
)


def bytes_of(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def inputs(tmp_path):
    return write_inputs(tmp_path)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "dataset"


@pytest.mark.parametrize("task", ["boxes", "score_map"])
def test_windows_hold_the_pixels_and_the_labels_of_their_place(inputs, out, task):
    run(config(task=task, dataset__background_share=1.0), **inputs, out=out)
    for split, number in (("train", 0), ("val", 1)):
        scene = io.open_raster(inputs["scenes"] / f"scene_{number}.tif")
        whole = scene.read(scene.geobox)
        shards = Shards(out / split)
        windows = io.read_table(out / split / "windows.parquet")
        assert len(shards) == len(windows) == 9
        assert windows["window"].tolist() == list(range(9))
        for sample, row, column in zip(
            (shards[i] for i in range(9)), windows["row_px"], windows["column_px"], strict=True
        ):
            pixels = whole[:, row : row + 32, column : column + 32]
            assert np.array_equal(sample.image, np.moveaxis(pixels, 0, -1))
            bright = sample.image[..., 0] > 100
            if task == "boxes":
                for x_min, y_min, x_max, y_max in sample.labels.xyxy_px.astype(int):
                    assert bright[y_min:y_max, x_min:x_max].all()
            else:
                assert np.array_equal(sample.labels > 0, bright)


def test_stats_say_what_all_windows_share(inputs, out):
    run(config(dataset__background_share=1.0), **inputs, out=out)
    stats = read_stats(out)
    # Every fourth row of a window counts for the mean.
    shards = [np.load(file)[:, ::4] for file in sorted((out / "train").glob("images-*.npy"))]
    pixels = np.concatenate([shard.reshape(-1, 3) for shard in shards])
    assert stats.bands == ("red", "green", "blue")
    assert (stats.dtype, stats.resolution_m, stats.window_px) == ("uint8", 0.5, 32)
    assert (stats.form, stats.classes, stats.nodata) == ("boxes", ("square",), 0)
    assert stats.windows == {"train": 9, "val": 9}
    np.testing.assert_allclose(stats.mean, pixels.mean(axis=0))
    np.testing.assert_allclose(stats.deviation, pixels.std(axis=0))


def test_shards_are_of_the_size_asked_for(inputs, out):
    run(config(dataset__background_share=1.0, dataset__shard_windows=4), **inputs, out=out)
    sizes = [len(np.load(file)) for file in sorted((out / "train").glob("images-*.npy"))]
    assert sizes == [4, 4, 1]


@pytest.mark.parametrize("task", ["boxes", "score_map"])
def test_the_same_inputs_give_the_same_bytes(inputs, tmp_path, task):
    for name in ("one", "two"):
        run(config(task=task), **inputs, out=tmp_path / name)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


@pytest.mark.parametrize(
    ("share", "background"),
    [
        pytest.param(0.0, 0, id="none"),
        pytest.param(0.4, 2, id="some"),
        pytest.param(1.0, 5, id="all"),
    ],
)
def test_background_is_limited_in_train_alone(tmp_path, out, share, background):
    frames = [
        write_scene(tmp_path / "processed", n, places=((10, 10), (10, 40), (40, 10), (70, 70)))
        for n in (0, 1)
    ]
    inputs = write_inputs(tmp_path, labels=frames)
    for number in (0, 1):
        write_scene(tmp_path / "processed", number, places=((10, 10), (10, 40), (40, 10), (70, 70)))
    run(config(dataset__background_share=share), **inputs, out=out)
    stats = read_stats(out)
    assert stats.windows == {"train": 4 + background, "val": 9}
    assert stats.labelled == {"train": 4, "val": 4}


def test_which_background_is_kept_hangs_on_the_seed(inputs, tmp_path):
    chosen = set()
    for seed in range(6):
        changed = config(dataset__seed=seed, dataset__background_share=0.5)
        run(changed, **inputs, out=tmp_path / "dataset")
        table = io.read_table(tmp_path / "dataset/train/windows.parquet")
        chosen.add(tuple(table["row_px"] * 1000 + table["column_px"]))
    assert len(chosen) > 1


def blank(path, rows, columns):
    """Take the data out of a part of a scene."""
    scene = io.open_raster(path)
    pixels = scene.read(scene.geobox)
    pixels[:, rows, columns] = 0
    grid = {"geobox": scene.geobox, "bands": scene.bands, "dtype": "uint8", "nodata": 0}
    io.write_cog(path, **grid, blocks=[(scene.geobox, pixels)])
    return pixels


def test_windows_without_any_data_are_left_out(inputs, out):
    blank(inputs["scenes"] / "scene_0.tif", slice(32), slice(32))
    run(config(dataset__background_share=1.0), **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    assert len(table) == 8
    assert not ((table["row_px"] == 0) & (table["column_px"] == 0)).any()


def test_pixels_without_data_do_not_darken_the_mean(inputs, out):
    pixels = blank(inputs["scenes"] / "scene_0.tif", slice(40), slice(None))
    run(config(dataset__background_share=1.0), **inputs, out=out)
    stats = read_stats(out)
    np.testing.assert_allclose(stats.mean, pixels[:, 40::4].mean(axis=(1, 2)))
    np.testing.assert_allclose(stats.deviation, pixels[:, 40::4].std(axis=(1, 2)))


def test_a_scene_without_labels_is_background(tmp_path, out):
    first = write_scene(tmp_path / "processed", 0)
    inputs = write_inputs(tmp_path, labels=[first])
    run(config(), **inputs, out=out)
    assert read_stats(out).labelled == {"train": 4, "val": 0}
    assert len(Shards(out / "val")[0].labels) == 0


def test_labels_count_at_the_level_of_training(tmp_path, out):
    labels = [write_scene(tmp_path / "processed", n) for n in (0, 1)]
    labels[0]["label"] = ["big", "small", "shape/square/big", "circle"]
    inputs = write_inputs(tmp_path, labels=labels)
    classes = ["shape/square/big", "shape/square/small", "shape/circle"]
    run(config(taxonomy={"classes": classes, "level": 2}), **inputs, out=out)
    assert read_stats(out).classes == ("square", "circle")
    boxes = io.read_table(out / "train/boxes.parquet")
    assert sorted(boxes["class_index"]) == [0, 0, 0, 1]


def test_a_second_run_after_a_kill_cuts_no_shard_again(inputs, out, monkeypatch):
    opened = []
    real = write._read_runs

    def counted(cuts):
        if len(opened) == 2:
            opened.append("kill")
            raise KeyboardInterrupt
        opened.append(cuts[0].path.stem)
        yield from real(cuts)

    monkeypatch.setattr(write, "_read_runs", counted)
    changed = config(dataset__background_share=1.0)
    with pytest.raises(KeyboardInterrupt):
        run(changed, **inputs, out=out)
    assert opened == ["scene_0", "scene_0", "kill"]
    assert not out.exists()
    run(changed, **inputs, out=out)
    assert opened[3:] == ["scene_0", "scene_1", "scene_1", "scene_1"]
    assert {file.name for file in out.iterdir()} == {"train", "val", "stats.json"}
    run(changed, **inputs, out=out.with_name("whole"))
    assert bytes_of(out) == bytes_of(out.with_name("whole"))


def polygons(*shapes):
    return gpd.GeoDataFrame(
        {"label": ["square"] * len(shapes), "scene_id": ["scene_0"] * len(shapes)},
        geometry=list(shapes),
        crs=CRS,
    )


GOOD = square(geobox_of(), row=10, column=10, side_px=12)
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


def refuses(inputs, out, error, said, **changes):
    """The error names what is wrong, and what was there before stays."""
    out.mkdir()
    (out / "stats.json").write_text("before")
    with pytest.raises(error, match=said) as found:
        run(config(**changes), **inputs, out=out)
    assert isinstance(found.value, FactoryError)
    assert bytes_of(out) == {"stats.json": hashlib.sha256(b"before").hexdigest()}


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
        pytest.param({"dataset__windw_px": 32}, "windw_px.*window_px", id="misspelt"),
        pytest.param({"dataset__window_px": "32"}, "dataset.window_px.*int", id="wrong type"),
    ],
)
def test_bad_settings(inputs, out, change, said):
    refuses(inputs, out, ConfigError, said, **change)


def test_a_box_belongs_to_the_window_it_was_drawn_in(inputs, out):
    run(config(dataset__overlap_px=16), **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    boxes = io.read_table(out / "train/boxes.parquet")
    counts = boxes.groupby("window").size().reindex(table["window"], fill_value=0)
    pd.testing.assert_series_equal(
        counts.reset_index(drop=True), table["labels"], check_names=False
    )


def test_area_in_another_crs(tmp_path, out):
    there = gpd.GeoSeries([box(499_990, 4_999_940, 500_060, 5_000_010)], crs=CRS)
    wide = blocks(0, "train", area=there.iloc[0]).to_crs("EPSG:3857")
    inputs = write_inputs(tmp_path, selection=[wide, blocks(1, "val")])
    run(config(dataset__background_share=1.0), **inputs, out=out)
    assert read_stats(out).windows["train"] == 9
