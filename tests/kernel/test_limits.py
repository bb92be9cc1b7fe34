"""Values of fields at, within and beyond their limits."""

import math

import pytest

from factory_core.kernel.limits import check_at_least, check_within


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.0, id="the least"),
        pytest.param(1, id="the most"),
        pytest.param((0.5, 1.0), id="a list"),
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
