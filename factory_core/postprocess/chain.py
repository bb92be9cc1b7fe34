"""The order of post-processing: which kinds of parts may follow each other."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geopandas import GeoDataFrame
from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.geo import ScoreMap

RULE = (
    "The rule: score map -> score map (any number), then one score map -> detections, then "
    "detections -> detections (any number); the candidates of a box model enter at the last."
)
NAMES = {ScoreMap: "a score map", GeoDataFrame: "detections"}


@dataclass(frozen=True)
class Chain:
    """Parts in an order that fits.

    Attributes:
        tasks: Name and part of each task.
        takes: What the first of them takes: `ScoreMap`, or `GeoDataFrame` for candidates.
    """

    tasks: tuple[tuple[str, Any], ...]
    takes: type

    def __call__(self, predictions: ScoreMap | GeoDataFrame) -> GeoDataFrame:
        """Detections from a score map or candidates, as `takes` says."""
        result: Any = predictions
        for _, part in self.tasks:
            result = part(result)
        return result.reset_index(drop=True)


def compose(node: DictConfig | Mapping[str, Any], *, takes: type, where: str) -> Chain:
    """Build the tasks of a chain in their order and check that each fits the one before.

    Args:
        node: Mapping with `tasks` and `order`.
        takes: What the predictions are: `ScoreMap`, or `GeoDataFrame` for candidates.
        where: Key of the node, for the messages.

    Raises:
        ConfigError: A part cannot be built, or stands where it does not fit.
    """
    parts = configuration.build_chain(node, where=where)
    names = node.get("order")
    chain = Chain(tuple(zip(names or node.get("tasks") or (), parts, strict=True)), takes)
    check_order(chain, where=where)
    return chain


def check_order(chain: Chain, *, where: str) -> None:
    """Refuse a chain in which a task does not take what the one before it gives.

    Raises:
        ConfigError: Names the task, what came and what it takes.
    """
    comes, giver = chain.takes, "the predictions are"
    for name, part in chain.tasks:
        takes, gives = kind_of(part, where=f"{where}.tasks.{name}")
        if takes is not comes:
            raise ConfigError(
                f"`{where}.tasks.{name}` takes {NAMES[takes]}, but {giver} {NAMES[comes]}. "
                f"Move it in `{where}.order`, or drop it. {RULE}"
            )
        comes, giver = gives, f"`{name}` before it gives"
    if comes is not GeoDataFrame:
        raise ConfigError(
            f"`{where}` ends with a score map: none of its tasks "
            f"({', '.join(name for name, _ in chain.tasks)}) makes detections of it. Add one that "
            f"does, `polygonise` say. {RULE}"
        )


def kind_of(part: Any, *, where: str) -> tuple[type, type]:
    """What a part takes and what it gives, from the types of its `__call__`.

    Raises:
        ConfigError: They are no kind of post-processing.
    """
    hints = typing.get_type_hints(type(part).__call__) if callable(part) else {}
    given = hints.pop("return", None)
    kinds: Sequence[Any] = [*hints.values(), given]
    if (
        len(kinds) != 2
        or any(kind not in NAMES for kind in kinds)
        or kinds == [GeoDataFrame, ScoreMap]
    ):
        raise ConfigError(
            f"`{where}` names {type(part).__name__}, whose `__call__` takes and gives "
            f"{', '.join(str(kind) for kind in kinds)}. A post-processing takes and gives ScoreMap "
            "or GeoDataFrame, and says so in its type hints."
        )
    return kinds[0], kinds[1]
