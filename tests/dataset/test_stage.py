"""The stage dataset, on two tiny scenes."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from factory_core.dataset import write
from factory_core.dataset.shards import Shards, read_stats
from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.parts import load_part
from tests.dataset.made import bytes_of
from tests.tiny_dataset import CRS, blocks, config, write_inputs, write_scene


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


def test_area_in_another_crs(tmp_path, out):
    there = gpd.GeoSeries([box(499_990, 4_999_940, 500_060, 5_000_010)], crs=CRS)
    wide = blocks(0, "train", area=there.iloc[0]).to_crs("EPSG:3857")
    inputs = write_inputs(tmp_path, selection=[wide, blocks(1, "val")])
    run(config(dataset__background_share=1.0), **inputs, out=out)
    assert read_stats(out).windows["train"] == 9
