"""The limits that fields of many parts share."""

from __future__ import annotations


def at_least_one(**fields: int | tuple[int, ...]) -> None:
    """Refuse numbers that count something when there is none, and lists of them.

    Args:
        **fields: Each field by its name.

    Raises:
        ValueError: One is below 1, or a list is empty or holds one that is; names all and
            what came.
    """
    least = [min(f, default=0) if isinstance(f, tuple) else f for f in fields.values()]
    if min(least) < 1:
        names = [f"`{name}`" for name in fields]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
        received = ", ".join(f"{name}={value}" for name, value in fields.items())
        raise ValueError(f"{listed} must be at least 1. Received: {received}.")
