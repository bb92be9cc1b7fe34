"""What the stage dataset makes of labels, in every form and at every level."""

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString

from factory_core.dataset.sample import LAYERS
from factory_core.dataset.shards import Shards, read_stats
from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError
from tests.dataset.made import polygons, with_target
from tests.tiny_dataset import config, geobox_of, write_inputs, write_scene

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


def test_labels_count_at_the_level_of_training(tmp_path, out):
    labels = [write_scene(tmp_path / "processed", n) for n in (0, 1)]
    labels[0]["label"] = ["big", "small", "shape/square/big", "circle"]
    inputs = write_inputs(tmp_path, labels=labels)
    classes = ["shape/square/big", "shape/square/small", "shape/circle"]
    run(config(taxonomy={"classes": classes, "level": 2}), **inputs, out=out)
    assert read_stats(out).classes == ("square", "circle")
    boxes = io.read_table(out / "train/boxes.parquet")
    assert sorted(boxes["class_index"]) == [0, 0, 0, 1]


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


def test_a_scene_without_labels_is_background(tmp_path, out):
    first = write_scene(tmp_path / "processed", 0)
    inputs = write_inputs(tmp_path, labels=[first])
    run(config(), **inputs, out=out)
    assert read_stats(out).labelled == {"train": 4, "val": 0}
    assert len(Shards(out / "val")[0].labels) == 0


def test_a_box_belongs_to_the_window_it_was_drawn_in(inputs, out):
    run(config(dataset__overlap_px=16), **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    boxes = io.read_table(out / "train/boxes.parquet")
    counts = boxes.groupby("window").size().reindex(table["window"], fill_value=0)
    pd.testing.assert_series_equal(
        counts.reset_index(drop=True), table["labels"], check_names=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oriented_boxes", "edges", "distances"])
def test_a_model_that_cannot_take_a_form_says_so_before_training(inputs, out, name):
    from factory_core.train.graph import build_network

    changed = with_target(name, changed=config(task="score_map"))
    run(changed, **inputs, out=out)
    model = build(changed.model, where="model")
    with pytest.raises(ConfigError, match=f"UNet.*mask.*{name}.*`target=mask`"):
        build_network(model, read_stats(out))
