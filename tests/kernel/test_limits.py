"""Values of fields at, within and beyond their limits."""

import math

import pytest

from factory_core.kernel.limits import check_above, check_at_least, check_within


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.0, id="the least"),
        pytest.param(1, id="the most"),
        pytest.param((0.5, 1.0), id="a list"),
        pytest.param(None, id="nothing stated"),
    ],
)
def test_takes_what_lies_within(value):
    check_within(0, 1, share=value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(-1e-9, id="below"),
        pytest.param(1.5, id="above"),
        pytest.param(math.nan, id="no number"),
        pytest.param((), id="an empty list"),
        pytest.param((0.5, 2.0), id="one of a list"),
    ],
)
def test_names_what_does_not(value):
    with pytest.raises(ValueError, match=r"`share` must lie in \[0, 1\]. Received: share="):
        check_within(0, 1, share=value)


def test_names_the_field_that_is_wrong():
    with pytest.raises(ValueError, match=r"`depth` must be at least 1. Received: depth=0."):
        check_at_least(1, width=4, depth=0)
    check_at_least(1, width=10**9)


@pytest.mark.parametrize(
    ("without", "value", "interval"),
    [
        pytest.param(0, 0, r"\(0, 1\]", id="the least"),
        pytest.param(1, 1, r"\[0, 1\)", id="the most"),
        pytest.param((0, 1), (0.5, 1), r"\(0, 1\)", id="both, in a list"),
    ],
)
def test_leaves_out_a_limit(without, value, interval):
    with pytest.raises(ValueError, match=f"`share` must lie in {interval}. Received: share="):
        check_within(0, 1, without=without, share=value)
    check_within(0, 1, without=without, share=0.5)


def test_above_is_more_than_the_limit():
    with pytest.raises(ValueError, match=r"`width_m` must be above 0. Received: width_m=0."):
        check_above(0, width_m=0)
    check_above(0, width_m=1e-9)
