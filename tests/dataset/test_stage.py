"""The stage dataset, on two tiny scenes."""

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import GeometryCollection, LineString, Point, Polygon, box

from factory_core.dataset import write
from factory_core.dataset.sample import LAYERS
from factory_core.dataset.shards import Shards, read_stats
from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import (
    ConfigError,
    FactoryError,
    LabelError,
    SceneError,
    SelectionError,
    TaxonomyError,
)
from factory_core.kernel.parts import load_part
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


@pytest.mark.parametrize("window_px", [30, 32])
@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_windows_with_data_are_kept(inputs, out, window_px, seed):
    generator = np.random.default_rng(seed)
    keep = generator.integers(0, 96 - 4, (3, 2))
    scene = io.open_raster(inputs["scenes"] / "scene_0.tif")
    pixels = np.zeros((3, 96, 96), np.uint8)
    for row, column in keep:
        pixels[:, row : row + 4, column : column + 3] = 90
    grid = {"geobox": scene.geobox, "bands": scene.bands, "dtype": "uint8", "nodata": 0}
    io.write_cog(inputs["scenes"] / "scene_0.tif", **grid, blocks=[(scene.geobox, pixels)])
    changed = config(dataset__background_share=1.0, dataset__window_px=window_px)
    everywhere = polygons(square(geobox_of(), row=0, column=0, side_px=96))
    io.write_by_scene([everywhere], inputs["catalogue"] / "labels.parquet")
    changed.dataset.target.min_share_inside = 0.01
    run(changed, **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    starts = [0, 30, 60, 66] if window_px == 30 else [0, 32, 64]
    with_data = [
        (row, column)
        for row in starts
        for column in starts
        if pixels[:, row : row + window_px, column : column + window_px].any()
    ]
    assert list(zip(table["row_px"], table["column_px"], strict=True)) == with_data
    images = np.concatenate([np.load(f) for f in sorted((out / "train").glob("images-*.npy"))])
    assert len(images) == len(with_data)
    assert len(Shards(out / "train")) == len(with_data)


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


def with_target(name, *, changed=None, **fields):
    """Settings with one target in place of another, as a choice in `conf/config.yaml` gives."""
    made = changed or config(dataset__background_share=1.0)
    made.dataset.target = load_part("target", name) | fields
    return made


# What each target learns from the squares of the tiny scenes.
FORMS = {
    "mask": lambda sample: sample.labels > 0,
    "edges": lambda sample: sample.labels[..., 0] > 0,
    "distances": lambda sample: sample.labels[..., 1] > 0,
    "boxes": lambda sample: drawn(shapely.box(*sample.labels.xyxy_px.T)),
    "oriented_boxes": lambda sample: drawn(shapely.polygons(sample.labels.corners_px())),
}


def drawn(shapes):
    centres = shapely.points(*(np.mgrid[:32, :32][::-1] + 0.5))
    return shapely.contains(shapely.union_all(shapes), centres)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_goes_through_the_shards_as_it_was_drawn(inputs, out, name):
    fields = {"min_share_inside": 0.01} if "boxes" in name else {}
    run(with_target(name, **fields), **inputs, out=out)
    stats, shards = read_stats(out), Shards(out / "train")
    assert stats.form == name
    assert stats.windows == {"train": 9, "val": 9}
    table = io.read_table(out / "train/windows.parquet")
    for window in range(9):
        sample = shards[window]
        assert np.array_equal(FORMS[name](sample), sample.image[..., 0] > 100)
        if name in LAYERS:
            layers = len(LAYERS[name])
            assert sample.labels.shape == ((32, 32) if layers == 1 else (32, 32, layers))
        else:
            assert len(sample.labels) == table["labels"][window]


def test_lines_go_through_the_shards_as_wide_as_told(tmp_path, out):
    left, top = geobox_of().affine @ (8, 40)
    roads = polygons(LineString([(left, top), (left + 40, top)]))
    inputs = write_inputs(tmp_path, labels=[roads])
    run(with_target("lines", width_m=2.0), **inputs, out=out)
    windows = io.read_table(out / "train/windows.parquet")
    shards = Shards(out / "train")
    for window, row in enumerate(windows["row_px"]):
        rows = np.flatnonzero(shards[window].labels.any(axis=1)) + row
        assert rows.tolist() == ([38, 39, 40, 41] if row == 32 else [])


FOUR_LEVELS = ["aircraft/civil/transport/wide", "aircraft/civil/light", "aircraft/military"]


@pytest.mark.parametrize("task", ["boxes", "score_map"])
@pytest.mark.parametrize(
    ("level", "classes", "numbers"),
    [
        pytest.param(1, ("aircraft",), [0, 0, 0, 0], id="1"),
        pytest.param(2, ("civil", "military"), [0, 0, 0, 1], id="2"),
        pytest.param(3, ("transport", "light", "military"), [0, 0, 1, 2], id="3"),
        pytest.param(4, ("wide", "light", "military"), [0, 0, 1, 2], id="4"),
    ],
)
def test_windows_are_labelled_at_any_level(tmp_path, out, task, level, classes, numbers):
    labels = write_scene(tmp_path / "processed", 0)
    labels["label"] = ["wide", "aircraft/civil/transport/wide", "light", "military"]
    inputs = write_inputs(tmp_path, labels=[labels])
    taxonomy = {"classes": FOUR_LEVELS, "level": level}
    run(config(task=task, taxonomy=taxonomy), **inputs, out=out)
    assert read_stats(out).classes == classes
    table = io.read_table(out / "train/windows.parquet")
    counts = table[[f"count_{name}" for name in classes]]
    assert (counts.sum(axis=1) == table["labels"]).all()
    shards = Shards(out / "train")
    for window in range(len(shards)):
        found = shards[window].labels
        drawn = found.classes if task == "boxes" else np.setdiff1d(found, 0) - 1
        assert set(drawn) <= set(numbers)
        assert {classes[n] for n in drawn} == {
            name for name in classes if counts[f"count_{name}"][window]
        }
    assert (counts.sum() > 0).all()


def cells(number, *values, side_px=48):
    """Contexts of a scene on a grid of four cells."""
    geobox = geobox_of(number)
    shapes = [
        square(geobox, row=row, column=column, side_px=side_px)
        for row in (0, side_px)
        for column in (0, side_px)
    ]
    fields = {"scene_id": f"scene_{number}", "snow": values, "haze": 0.5}
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=CRS)


def test_windows_carry_the_contexts_of_their_ground(inputs, out):
    found = [cells(0, 0.0, 0.3, 0.6, np.nan), cells(1, 1.0, 1.0, 1.0, 1.0)]
    io.write_by_scene(found, inputs["catalogue"] / "contexts.parquet")
    changed = config(
        dataset__background_share=1.0, catalogue={"contexts": {"snow": {}, "haze": {}}}
    )
    run(changed, **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet").set_index(["row_px", "column_px"])
    assert table["haze"].tolist() == [0.5] * 9
    snow = table["snow"]
    assert snow[0, 0] == 0
    assert snow[0, 32] == pytest.approx(0.15)
    assert snow[0, 64] == pytest.approx(0.3)
    assert snow[32, 32] == pytest.approx(0.3)  # the quarter that was not measured does not count
    assert np.isnan(snow[64, 64])
    assert (io.read_table(out / "val/windows.parquet")["snow"] == 1).all()


def test_contexts_of_an_older_catalogue_are_those_of_the_scene(inputs, out):
    scenes = pd.concat([cells(n, 0.25, 0, 0, 0, side_px=96).iloc[:1] for n in (0, 1)])
    scenes = scenes.rename(columns={"scene_id": "id"}).to_crs("EPSG:4326")
    io.write_table(scenes, inputs["catalogue"] / "scenes.parquet")
    run(config(catalogue={"contexts": {"snow": {}}}), **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    assert np.allclose(table["snow"], 0.25)
    assert "haze" not in table


def test_a_context_that_the_catalogue_lacks(inputs, out):
    io.write_by_scene([cells(0, 0, 0, 0, 0)], inputs["catalogue"] / "contexts.parquet")
    contexts = {"contexts": {"snow": {}, "cloud": {}}}
    refuses(inputs, out, SelectionError, "contexts.parquet lacks.*cloud", catalogue=contexts)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["boxes", "score_map"])
def test_other_machines_give_the_same_bytes(inputs, tmp_path, task):
    machines = {
        "one process": load_part("compute", "local"),
        "two processes": load_part("compute", "local") | {"workers": 2},
        "a Dask cluster": load_part("compute", "dask") | {"workers": 2},
    }
    found = {}
    for name, compute in machines.items():
        changed = config(task=task, compute=compute, dataset__overlap_px=16)
        run(changed, **inputs, out=tmp_path / name)
        found[name] = bytes_of(tmp_path / name)
    assert len(found["one process"]) >= 7
    assert found["two processes"] == found["one process"]
    assert found["a Dask cluster"] == found["one process"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oriented_boxes", "edges", "distances"])
def test_a_model_that_cannot_take_a_form_says_so_before_training(inputs, out, name):
    from factory_core.train.graph import build_network

    changed = with_target(name, changed=config(task="score_map"))
    run(changed, **inputs, out=out)
    model = build(changed.model, where="model")
    with pytest.raises(ConfigError, match=f"UNet.*mask.*{name}.*`target=mask`"):
        build_network(model, read_stats(out))


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
