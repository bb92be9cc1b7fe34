"""What the stage dataset makes of pixels without data."""

import numpy as np
import pytest

from factory_core.dataset.shards import Shards, read_stats
from factory_core.dataset.stage import run
from factory_core.kernel import io
from tests.dataset.made import polygons
from tests.tiny_dataset import config, geobox_of, square


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
