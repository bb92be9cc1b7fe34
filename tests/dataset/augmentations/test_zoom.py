"""Objects are where the zoomed labels say, to a pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.augmentations.zoom import Zoom
from factory_core.dataset.sample import Sample, stack_boxes

SIDE = 48
BOX = (14, 18, 30, 28)


def window():
    image = np.full((SIDE, SIDE, 2), 10, np.float32)
    x_min, y_min, x_max, y_max = BOX
    image[y_min:y_max, x_min:x_max] = 200
    return image


def zoomed(zoom, labels, seed):
    return zoom(Sample(window(), labels), chance=Chance(np.random.default_rng(seed), None))


@given(factor=st.floats(0.5, 2.0), seed=st.integers(0, 2**32 - 1))
def test_boxes_stay_on_their_objects(factor, seed):
    zoom = Zoom(smallest=factor, largest=factor, min_share_inside=0.05)
    changed = zoomed(zoom, stack_boxes([BOX], [3]), seed)
    assert changed.image.shape == (SIDE, SIDE, 2)
    rows, columns = np.nonzero(changed.image[..., 0] > 105)
    if not len(changed.labels):
        assert len(rows) < 0.1 * 160 * factor**2
        return
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(changed.labels.xyxy_px[0] - seen).max() <= 1
    assert changed.labels.classes.tolist() == [3]


@given(factor=st.floats(0.5, 2.0), seed=st.integers(0, 2**32 - 1))
def test_masks_stay_on_their_objects(factor, seed):
    mask = (window()[..., 0] > 100).astype(np.uint8) * 2
    changed = zoomed(Zoom(smallest=factor, largest=factor), mask, seed)
    assert changed.labels.dtype == np.uint8
    differ = (changed.labels > 0) != (changed.image[..., 0] > 105)
    assert differ.sum() <= 2 * (sum(BOX[2:]) - sum(BOX[:2])) * factor


def test_a_factor_of_one_changes_nothing():
    changed = zoomed(Zoom(smallest=1.0, largest=1.0), stack_boxes([BOX], [0]), 0)
    assert np.array_equal(changed.image, window())
    assert changed.labels.xyxy_px.tolist() == [list(BOX)]


def test_shrinking_leaves_a_margin_without_data():
    changed = zoomed(Zoom(smallest=0.5, largest=0.5), stack_boxes([BOX], [0]), 0)
    assert 0.7 < (changed.image == 0).all(axis=-1).mean() < 0.8
