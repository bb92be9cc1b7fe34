"""Candidates of overlapping windows, views and models: one an object, whatever the blocks."""

import numpy as np
import pytest

from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import load_part
from factory_core.predict import layout, stage
from factory_core.predict.settings import read_settings
from tests.onnx_models import write_box_model, write_oriented_box_model

BRIGHT = [(0, 0), (12, 13), (14, 40), (30, 30), (35, 89), (69, 0), (69, 89), (50, 60)]
MERGES = ["suppression", "merging", "fusion"]


@pytest.fixture
def selection(write_scene, write_selection):
    pixels = np.ones((1, 70, 90), np.uint8)
    for number, (row, column) in enumerate(BRIGHT):
        pixels[0, row, column] = 200 - number
    return write_selection({"a": write_scene(pixels, bands=("grey",))})


@pytest.fixture
def predict(tmp_path, config, selection):
    def run():
        stage.run(
            config,
            models=tmp_path / "models",
            scenes=tmp_path / "processed",
            selection=selection,
            split="test",
            out=tmp_path / "out",
        )
        return tmp_path / "out/a.parquet"

    return run


def places(table):
    centres = table.centroid
    rows, columns = 5_000_000 - centres.y - 0.5, centres.x - 500_000 - 0.5
    return sorted((round(row), round(column)) for row, column in zip(rows, columns, strict=True))


@pytest.mark.parametrize("write", [write_box_model, write_oriented_box_model])
@pytest.mark.parametrize("merge", MERGES)
def test_an_object_comes_once_over_windows_views_and_models(
    tmp_path, config, predict, merge, write
):
    more = {"angle": 0.4} if write is write_oriented_box_model else {}
    for member in range(2):
        write(tmp_path / f"models/{member}/model.onnx", **more)
    config.predict.merge = load_part("merge", merge)
    config.predict.views = load_part("views", "flips")
    # Flips give the mirrored direction of a box that this model draws in its own, whatever it sees.
    if more:
        config.predict.views = load_part("views", "plain")
    table = io.read_table(predict())
    assert places(table) == sorted(BRIGHT)
    expected = sorted((200 - number) / 255 for number in range(len(BRIGHT)))
    np.testing.assert_allclose(sorted(table["score"]), expected, rtol=1e-6)


def test_without_a_merge_models_and_views_stand_side_by_side(tmp_path, config, predict):
    write_box_model(tmp_path / "models/0/model.onnx")
    config.predict.views = load_part("views", "flips")
    assert places(io.read_table(predict())) == sorted(4 * BRIGHT)


@pytest.mark.parametrize("cores_only", [True, False])
def test_boxes_beyond_the_core_count_only_where_they_should(
    tmp_path, config, predict, cores_only, monkeypatch
):
    """Fused over all windows, an object that more windows see than vote keeps its score."""
    write_box_model(tmp_path / "models/0/model.onnx")
    config.predict.merge = load_part("merge", "fusion") | {"cores_only": cores_only}
    counts = []
    fuse = configuration.build(config.predict.merge).__class__.__call__

    def counting(self, found, *, voters):
        counts.append(len(found))
        return fuse(self, found, voters=voters)

    monkeypatch.setattr("factory_core.predict.merge.Fusion.__call__", counting)
    assert places(io.read_table(predict())) == sorted(BRIGHT)
    assert counts == [len(BRIGHT)] if cores_only else counts[0] > len(BRIGHT)


def test_two_pieces_become_the_box_around_both(
    tmp_path, config, predict, write_scene, write_selection
):
    """Boxes of 20 x 20 around pixels 8 apart have 12 / 20 in common: one box of 28 x 20."""
    write_oriented_box_model(tmp_path / "models/0/model.onnx", angle=0.0, size_px=(20.0, 20.0))
    pixels = np.ones((1, 70, 90), np.uint8)
    pixels[0, 30, [20, 28]] = 200, 150
    write_scene(pixels, bands=("grey",))
    config.predict.merge = load_part("merge", "merging")
    table = io.read_table(predict())
    x, y = 500_000 + 0.5, 5_000_000 - 30.5
    np.testing.assert_allclose(table.total_bounds, [x + 10, y - 10, x + 38, y + 10])
    np.testing.assert_allclose(table["score"], [200 / 255], rtol=1e-6)


@pytest.mark.parametrize("merge", ["fusion", "merging"])
def test_the_same_bytes_whatever_the_blocks_and_batches(
    tmp_path, config, predict, merge, monkeypatch
):
    write_oriented_box_model(tmp_path / "models/0/model.onnx", size_px=(9.0, 5.0))
    config.predict.merge = load_part("merge", merge)
    monkeypatch.setattr(layout, "BLOCK_PX", 30)
    first = predict().read_bytes()
    monkeypatch.setattr(layout, "BLOCK_PX", 2048)
    config.predict.batch_size = 5
    assert predict().read_bytes() == first


def test_a_part_of_another_kind_is_refused_with_those_that_fit(config):
    config.predict.merge = load_part("blend", "cosine")
    with pytest.raises(ConfigError, match=r"predict.merge. must be a Merge.*core, fusion, merging"):
        read_settings(config)
