"""What mixing means for masks and boxes, where it is more than moving whole pixels."""

import numpy as np
import pytest

from factory_core.dataset.augmentations.copy_paste import CopyPaste
from factory_core.dataset.augmentations.cutmix import CutMix
from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.augmentations.mixup import MixUp
from factory_core.dataset.augmentations.mosaic import Mosaic
from factory_core.dataset.sample import Sample, stack_boxes

SIDE = 32


def flat(value, boxes=None, classes=()):
    """One value everywhere; a mask of that value, or boxes."""
    image = np.full((SIDE, SIDE, 2), value, np.float32)
    mask = np.full((SIDE, SIDE), value, np.uint8)
    return Sample(image, mask if boxes is None else stack_boxes(boxes, list(classes)))


def run(part, sample, seed, *others):
    drawn = iter(others)
    return part(sample, chance=Chance(np.random.default_rng(seed), lambda: next(drawn)))


def shares_of_mixup(labels, seeds=400, alpha=0.4):
    """Share of the first window in the blend, for each seed."""
    part = MixUp(probability=1.0, alpha=alpha)
    mixed = [run(part, flat(100, labels, [0]), s, flat(200, labels, [1])) for s in range(seeds)]
    assert all(np.ptp(each.image) < 1e-3 for each in mixed)
    return np.array([(200 - each.image[0, 0, 0]) / 100 for each in mixed]), mixed


def test_mixup_of_masks_weighs_the_labels_as_the_losses_of_both_would():
    """On average the label's window has the share that mixup gives the loss of its label.

    Mixup: `share * loss(label) + (1 - share) * loss(other label)`, share of Beta(a, a). Here the
    label's window has a share of Beta(a + 1, a): how often a share comes with this label is its
    density times the share.
    """
    alpha = 0.4
    shares, mixed = shares_of_mixup(None, alpha=alpha)
    assert all((each.labels == 100).all() for each in mixed)
    assert shares.mean() == pytest.approx((alpha + 1) / (2 * alpha + 1), abs=0.04)
    generator = np.random.default_rng(0)
    drawn = generator.beta(alpha, alpha, 20_000)
    for low, high in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)):
        weight = drawn[(drawn >= low) & (drawn < high)].sum() / drawn.sum()
        assert ((shares >= low) & (shares < high)).mean() == pytest.approx(weight, abs=0.06)


def test_mixup_of_boxes_keeps_those_that_shine_through():
    shares, mixed = shares_of_mixup([(2, 2, 9, 9)])
    assert shares.mean() == pytest.approx(0.5, abs=0.06)
    for share, each in zip(shares, mixed, strict=True):
        assert len(each.labels) == int(share >= 0.2) + int(1 - share >= 0.2)


def test_mixup_leaves_out_boxes_that_lie_where_nothing_is_blended():
    sample = flat(100, [(20, 20, 30, 30)], [0])
    sample.image[:, :16] = 0
    other = flat(200, [(2, 2, 9, 9), (18, 2, 29, 9)], [1, 2])
    part = MixUp(probability=1.0, alpha=50.0)
    mixed = run(part, sample, 0, other)
    assert mixed.labels.classes.tolist() == [0, 2]
    assert not mixed.image[:, :16].any()


def test_mixup_keeps_this_window_where_the_other_has_no_data():
    other = flat(200)
    other.image[:10] = 0
    mixed = run(MixUp(probability=1.0, alpha=50.0), flat(100), 0, other)
    assert (mixed.image[:10] == 100).all()
    assert (mixed.image[10:] > 110).all()


def test_cutmix_replaces_the_share_that_it_draws():
    part = CutMix(probability=1.0, alpha=1.0)
    shares = [(run(part, flat(1), s, flat(2)).labels == 2).mean() for s in range(300)]
    # Rectangles that reach over the edge are cut there, so the mean is below a half.
    assert 0.25 < np.mean(shares) < 0.45
    assert min(shares) < 0.02
    assert max(shares) > 0.8


def test_cutmix_shrinks_a_box_to_what_is_left_of_it():
    whole = [(4, 4, 28, 28)]
    part = CutMix(probability=1.0, min_share_inside=0.01)
    for seed in range(40):
        mixed = run(part, flat(50, whole, [0]), seed, flat(200, [], []))
        left = mixed.image[4:28, 4:28, 0] == 50
        if not left.any():
            assert len(mixed.labels) == 0
            continue
        rows, columns = np.nonzero(left)
        around = [columns.min() + 4, rows.min() + 4, columns.max() + 5, rows.max() + 5]
        if left.mean() > 0.02:
            np.testing.assert_allclose(mixed.labels.xyxy_px[0], around, atol=2e-3)


def test_a_mosaic_shows_four_windows_and_its_own_at_any_corner():
    own = []
    for seed in range(40):
        mosaic = run(Mosaic(probability=1.0), flat(1), seed, flat(2), flat(3), flat(4))
        assert set(np.unique(mosaic.labels)) == {1, 2, 3, 4}
        corners = mosaic.labels[[0, 0, -1, -1], [0, -1, 0, -1]]
        own.append(int(np.flatnonzero(corners == 1)[0]))
        assert (mosaic.labels == 1).mean() >= 0.25**2 - 0.02
    assert set(own) == {0, 1, 2, 3}


def with_object(top=10, left=10, size=6):
    sample = flat(20)
    sample.labels[:] = 0
    sample.labels[top : top + size, left : left + size] = 3
    sample.image[top : top + size, left : left + size] = 90
    return sample


def ground():
    sample = flat(20)
    sample.labels[:] = 0
    return sample


def test_copy_paste_draws_again_where_there_is_nothing_to_paste():
    pasted = run(CopyPaste(probability=1.0), ground(), 0, ground(), ground(), with_object())
    assert (pasted.labels == 3).sum() == 36
    assert (pasted.image[pasted.labels == 3] == 90).all()


def test_copy_paste_leaves_the_sample_where_no_window_has_an_object():
    sample = with_object()
    assert run(CopyPaste(probability=1.0), sample, 0, *[ground()] * 4) is sample


@pytest.mark.parametrize("place", [{"top": 0}, {"left": 0}, {"top": 26}, {"left": 26}], ids=str)
def test_copy_paste_leaves_out_what_the_edge_may_have_cut(place):
    others = [with_object(**place)] * 4
    assert not (run(CopyPaste(probability=1.0), ground(), 0, *others).labels).any()


def test_copy_paste_covers_no_object_and_no_gap():
    for seed in range(40):
        sample = with_object(12, 12, 8)
        sample.image[:, :8] = 0
        pasted = run(CopyPaste(probability=1.0), sample, seed, with_object(5, 5, 7))
        assert (pasted.labels[12:20, 12:20] == 3).all()
        assert not pasted.image[:, :8].any()
        assert (pasted.labels == 3).sum() in (64, 64 + 49)


def test_copy_paste_gives_up_where_there_is_no_room():
    full = flat(20)
    pasted = run(CopyPaste(probability=1.0), full, 0, with_object())
    assert np.array_equal(pasted.labels, full.labels)


def test_copy_paste_pastes_at_most_so_many():
    many = ground()
    for top in range(2, 28, 4):
        for left in range(2, 28, 4):
            many.labels[top : top + 2, left : left + 2] = 1
    counts = {
        int((run(CopyPaste(probability=1.0, most=3), ground(), s, many).labels > 0).sum()) // 4
        for s in range(40)
    }
    assert counts == {1, 2, 3}
