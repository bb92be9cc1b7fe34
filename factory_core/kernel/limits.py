"""What the fields of a part may be, refused in one form of words."""

from __future__ import annotations

import math


def check_at_least(least: float, **fields: float | tuple[float, ...]) -> None:
    """Refuse fields below `least`, NaN, and lists that are empty or hold such.

    Args:
        least: The least that is right.
        **fields: Each field by its name.

    Raises:
        ValueError: One is not; names it and what came.
    """
    check_within(least, math.inf, **fields)


def check_within(low: float, high: float, **fields: float | tuple[float, ...]) -> None:
    """Refuse fields outside `[low, high]`, NaN, and lists that are empty or hold such.

    Args:
        low: The least that is right.
        high: The most that is right.
        **fields: Each field by its name.

    Raises:
        ValueError: One is not; names it and what came.
    """
    limits = f"lie in [{low:g}, {high:g}]" if high < math.inf else f"be at least {low:g}"
    for name, value in fields.items():
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(low <= one <= high for one in values):
            raise ValueError(f"`{name}` must {limits}. Received: {name}={value}.")
