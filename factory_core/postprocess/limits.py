"""What the values of a part may be, refused in one form of words."""

from __future__ import annotations

from typing import Any


def refuse_below(least: float, part: Any, *names: str) -> None:
    """Refuse a part in which a field of `names` is below `least`, or NaN.

    Raises:
        ValueError: Names the field, what came and what was expected.
    """
    for name in names:
        if not getattr(part, name) >= least:
            raise ValueError(
                f"`{name}` must be {least:g} or more. Received: {getattr(part, name)}."
            )


def refuse_outside(low: float, high: float, part: Any, *names: str) -> None:
    """Refuse a part in which a field of `names` lies outside `[low, high]`, or is NaN.

    Raises:
        ValueError: Names the field, what came and what was expected.
    """
    for name in names:
        if not low <= getattr(part, name) <= high:
            raise ValueError(
                f"`{name}` must lie in [{low:g}, {high:g}]. Received: {getattr(part, name)}."
            )
