"""What the fields of a part may be, refused in one form of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Field = float | tuple[float, ...] | None


def check_at_least(least: float, /, **fields: Field) -> None:
    """Refuse fields below `least`, NaN, and lists that are empty or hold such.

    Args:
        least: The least that is right.
        **fields: Each field by its name; None, which states nothing, is right.

    Raises:
        ValueError: One is not; names it and what came.
    """
    _check(fields, lambda one: one >= least, f"be at least {least:g}")


def check_above(limit: float, /, **fields: Field) -> None:
    """Refuse fields of `limit` and below, NaN, and lists that are empty or hold such.

    Args:
        limit: The most that is wrong.
        **fields: Each field by its name; None, which states nothing, is right.

    Raises:
        ValueError: One is not; names it and what came.
    """
    _check(fields, lambda one: one > limit, f"be above {limit:g}")


def check_within(
    low: float, high: float, /, *, without: float | tuple[float, ...] = (), **fields: Field
) -> None:
    """Refuse fields outside `[low, high]`, NaN, and lists that are empty or hold such.

    Args:
        low: The least that is right.
        high: The most that is right.
        without: Which of the two is itself wrong, or both.
        **fields: Each field by its name; None, which states nothing, is right.

    Raises:
        ValueError: One is not; names it and what came.
    """
    wrong = without if isinstance(without, tuple) else (without,)
    left, right = "(" if low in wrong else "[", ")" if high in wrong else "]"
    interval = f"{left}{low:g}, {high:g}{right}"
    _check(fields, lambda one: low <= one <= high and one not in wrong, f"lie in {interval}")


def _check(fields: Mapping[str, Field], right: Callable[[float], bool], limits: str) -> None:
    for name, value in fields.items():
        if value is None:
            continue
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(map(right, values)):
            raise ValueError(f"`{name}` must {limits}. Received: {name}={value}.")
