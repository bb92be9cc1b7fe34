"""What is kept of a training, and when it ends."""

import pytest

from factory_core.train.checkpoint import Progress


def progress(qualities, losses=None):
    losses = losses or [1.0] * len(qualities)
    return Progress(
        curves=[
            {"val/quality": quality, "val/loss": loss}
            for quality, loss in zip(qualities, losses, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("qualities", "samples", "since", "expected"),
    [
        pytest.param([0.3], 100, 0, True, id="the first"),
        pytest.param([0.3, 0.5], 100, 0, True, id="better"),
        pytest.param([0.5, 0.5], 1e9, 0, True, id="equal: the later one"),
        pytest.param([0.0, 0.0], 100, 0, True, id="nothing is found yet"),
        # One standard error of a half is 0.5 over the root of the samples.
        pytest.param([0.5, 0.41], 25, 0, True, id="within one standard error of 25"),
        pytest.param([0.5, 0.39], 25, 0, False, id="beyond it"),
        pytest.param([0.5, 0.41], 2500, 0, False, id="beyond that of 2500"),
        pytest.param([0.5, 0.45, 0.41, 0.39], 25, 0, False, id="held against the best of all"),
        pytest.param([0.9, 0.2, 0.15], 25, 1, True, id="an earlier cycle does not count"),
        pytest.param([0.5, 0.1], 0, 0, True, id="no samples say nothing"),
    ],
)
def test_keeps_what_is_as_good_as_the_best(qualities, samples, since, expected):
    assert progress(qualities).as_good_as_best(samples, since=since) is expected


@pytest.mark.parametrize(
    ("qualities", "losses", "expected"),
    [
        pytest.param([], [], 0, id="nothing yet"),
        pytest.param([0.1, 0.2], [2, 3], 0, id="quality gets better"),
        pytest.param([0.2, 0.1, 0.1], [3, 2, 1], 0, id="loss gets better"),
        pytest.param([0.2, 0.3, 0.1, 0.3], [1, 2, 2, 2], 2, id="neither; equal is no better"),
        pytest.param([0.0, 0.0, 0.0], [3, 1, 2], 1, id="nothing is found, but the loss fell"),
    ],
)
def test_stalls_when_neither_quality_nor_loss_gets_better(qualities, losses, expected):
    assert progress(qualities, losses).stalled() == expected
