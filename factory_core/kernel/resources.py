"""What an item of work needs of a worker, by the names that workers were started with."""

from __future__ import annotations

import re
from collections.abc import Mapping

from factory_core.kernel.errors import nearest

# What progress is shown of; `write` puts together what the blocks of a scene gave.
WORK = (
    "catalogue",
    "process",
    "dataset",
    "predict",
    "write",
    "postprocess",
    "evaluate",
    "compare",
)


def check_resources(resources: Mapping[str, Mapping[str, float]]) -> None:
    """Refuse a work that does not exist, and an amount of nothing.

    Raises:
        ValueError: Either of it.
    """
    for work, needed in resources.items():
        if work not in WORK:
            raise ValueError(
                f"`resources` names the work {work!r}; there is {', '.join(WORK)}."
                f"{nearest(work, WORK)}"
            )
        for name, amount in needed.items():
            if amount <= 0:
                raise ValueError(
                    f"`resources.{work}.{name}` must be above 0. Received: {amount:g}. Leave it "
                    "out where nothing is needed."
                )


def sum_up(resources: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What a worker must have that works on one item at a time, whichever."""
    names = sorted({name for needed in resources.values() for name in needed})
    return {name: max(needed.get(name, 0) for needed in resources.values()) for name in names}


def needs_of(
    resources: Mapping[str, Mapping[str, float]], label: str
) -> tuple[dict[str, float], ...]:
    """What a piece needs, and what putting pieces together needs."""
    work = re.split(r"\W", label, maxsplit=1)[0]
    return dict(resources.get(work, {})), dict(resources.get("write", {}))
