"""Pictures of windows: image, label and prediction side by side."""

import numpy as np
import pandas as pd
import pytest

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.dataset.shards import Shards, Stats
from factory_core.kernel import io
from factory_core.train import pictures

SIDE = 224
BLUE = (86, 180, 233)


def stats_of(bands=("red", "green", "blue"), form="mask"):
    return Stats(
        form=form, bands=bands, dtype="uint8", nodata=0, classes=("a", "b"), resolution_m=1.0,
        window_px=32, mean=(0.0,) * len(bands), deviation=(1.0,) * len(bands), windows={},
        labelled={},
    )  # fmt: skip


def columns(picture):
    """The image, label and prediction of the first row, and the whole sheet."""
    pixels = np.asarray(picture).astype(int)
    lefts = [pictures.GAP_PX + n * (SIDE + pictures.GAP_PX) for n in range(3)]
    top = 2 * pictures.TITLE_PX
    return [pixels[top : top + SIDE, left : left + SIDE] for left in lefts]


@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("pan",), ("nir", "x", "y", "z")])
def test_masks(bands):
    image = np.zeros((1, 32, 32, len(bands)), np.float32)
    mask = np.zeros((32, 32), np.uint8)
    mask[:16] = 1
    scores = np.zeros((1, 32, 32, 2), np.float32)
    scores[:, 16:, :, 0] = 1
    drawn = pictures.draw(image, [mask], {"scores": scores}, stats=stats_of(bands), title="t")
    plain, label, found = columns(drawn)
    assert plain.max() == 0
    tint = np.rint(0.65 * np.array(BLUE)).astype(int)
    assert (label[:112] == tint).all()
    assert (label[112:] == 0).all()
    assert (found[112:] == tint).all()
    assert (found[:112] == 0).all()


@pytest.mark.parametrize(
    ("label", "box"),
    [
        pytest.param(
            Boxes(np.array([[8, 8, 16, 16]], np.float32), np.array([0])),
            [8, 8, 16, 16],
            id="upright",
        ),
        pytest.param(
            OrientedBoxes(np.array([[12, 12, 8, 8, 0]], np.float32), np.array([0])),
            [12, 12, 8, 8, 0],
            id="oriented",
        ),
    ],
)
def test_boxes(label, box):
    image = np.zeros((1, 32, 32, 3), np.float32)
    outputs = {
        "boxes": np.array([[box, box]], np.float32),
        "scores": np.array([[0.9, 0.05]]),
        "classes": np.array([[0, 1]]),
    }
    drawn = pictures.draw(image, [label], outputs, stats=stats_of(form="boxes"), title="t")
    for drawing in columns(drawn)[1:]:
        rows, places = np.nonzero(drawing.any(axis=-1))
        assert (rows.min(), rows.max()) == pytest.approx((56, 112), abs=2)
        assert (places.min(), places.max()) == pytest.approx((56, 112), abs=2)
        # The second is too unsure to be shown.
        assert set(map(tuple, drawing[drawing.any(axis=-1)])) == {BLUE}


@pytest.mark.filterwarnings("error")
def test_scores_that_are_no_numbers_are_drawn_as_none():
    image = np.zeros((1, 32, 32, 3), np.float32)
    scores = np.full((1, 32, 32, 2), np.nan, np.float32)
    bands = ("red", "green", "blue")
    mask = np.zeros((32, 32), np.uint8)
    drawn = pictures.draw(image, [mask], {"scores": scores}, stats=stats_of(bands), title="t")
    assert columns(drawn)[2].max() == 0


def test_windows_with_labels_come_first(tmp_path):
    def shown(labels):
        windows = pd.DataFrame({"window": range(len(labels)), "labels": labels})
        io.write_table(windows, tmp_path / "windows.parquet")
        return pictures.windows_to_show(Shards(tmp_path))

    assert shown([0, 1, 0, 2]) == [1, 3]
    assert shown([0, 0]) == [0, 1]
    assert shown([1] * 101) == [0, 33, 67, 100]
