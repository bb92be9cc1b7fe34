"""Running points: the chains that a plan makes of the configuration, checked before one runs."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.postprocess.chain import Chain, check_order
from factory_core.running_points.plan import Wanted
from factory_core.tune.values import Choices, override, written

SECTION = "postprocess"
MOST = 200_000
ORDER = f"{SECTION}.order"


@dataclass(frozen=True)
class Point:
    """One running point.

    Attributes:
        settings: Value of each key that its chain has.
        chain: Its parts in their order, each as the JSON of its mapping.
    """

    settings: Mapping[str, Any] = field(compare=False)
    chain: tuple[str, ...]

    @property
    def overrides(self) -> list[str]:
        """What `dvc exp run -S` takes to get it."""
        return [override(key, value) for key, value in self.settings.items()]

    @property
    def key(self) -> str:
        """Its chain as text: equal for points that give the same detections."""
        return json.dumps(self.chain)


class Space:
    """The points that there may be.

    Args:
        wanted: The plan.
        takes: What predict wrote: `ScoreMap`, or `GeoDataFrame` for candidates.

    Raises:
        ConfigError: A key is no running point's, or names a part that is not in the chain, a
            value is refused by its part, or a grid has no end.
    """

    def __init__(self, wanted: Wanted, *, takes: type) -> None:
        self.wanted = wanted
        self.takes = takes
        self.parts: dict[str, Any] = {}
        self._shapes: set[tuple[str, ...]] = set()
        self._tried = wanted.space
        _check_rooms(wanted)
        if wanted.sampler == "grid":
            _check_grid(wanted)
        self.bases = {
            written(group): config.compose(overrides=self._common(group))
            for group in self._groups()
        }
        _check_keys(wanted, [_section(base) for base in self.bases.values()])
        for pick in (0, -1):  # the least and the largest of every range
            self.place({key: _end(tried, pick) for key, tried in self._tried.items()})

    @property
    def config(self) -> DictConfig:
        """The configuration of the first point; all share what is no post-processing."""
        return next(iter(self.bases.values()))

    def _groups(self) -> list[Any]:
        tried = self._tried.get(SECTION)
        return list(tried.all_values or ()) if tried else [None]

    def _common(self, group: Any) -> list[str]:
        chosen = [] if group is None else [override(SECTION, group)]
        return [*self.wanted.plan.overrides, *chosen]

    def place(self, values: Mapping[str, Any]) -> Point:
        """The point of some values; those of parts that its chain lacks are left out.

        Raises:
            ConfigError: A part refuses its value, or the chain is in an impossible order.
        """
        node = copy.deepcopy(_section(self.bases[written(values.get(SECTION))]))
        kept = {
            key: value for key, value in values.items() if key == SECTION or _set(node, key, value)
        }
        names = node["order"]
        if sorted(names) != sorted(node["tasks"]):
            config.build_chain(node, where=SECTION)  # says which is missing
        chain = tuple(json.dumps(node["tasks"][name], sort_keys=True) for name in names)
        for name, text in zip(names, chain, strict=True):
            if text not in self.parts:
                where = f"{SECTION}.tasks.{name}"
                self.parts[text] = config.build(json.loads(text), where=where)
        if tuple(names) not in self._shapes:
            tasks = tuple((name, self.parts[text]) for name, text in zip(names, chain, strict=True))
            check_order(Chain(tasks, self.takes), where=SECTION)
            self._shapes.add(tuple(names))
        return Point(kept, chain)

    def grid(self) -> list[Point]:
        """Every point, those that share parts beside each other."""
        values = {key: tried.all_values or [] for key, tried in self._tried.items()}
        combined = itertools.product(*values.values())
        return in_order(self.place(dict(zip(values, one, strict=True))) for one in combined)


def in_order(points: Iterator[Point] | Sequence[Point]) -> list[Point]:
    """Points without repetition, in the order of a walk through the tree of their chains.

    Points whose chains begin alike come one after the other, so each beginning is worked out once
    and can be forgotten when the walk leaves it. Branches come in the order of their first points.
    """
    different = list(dict.fromkeys(points))
    seen: dict[str, int] = {}
    for point in different:
        for part in point.chain:
            seen.setdefault(part, len(seen))
    return sorted(different, key=lambda point: [seen[part] for part in point.chain])


def _section(composed: DictConfig) -> dict[str, Any]:
    node: Any = OmegaConf.to_container(composed[SECTION], resolve=True)
    return {"tasks": node.get("tasks") or {}, "order": list(node.get("order") or ())}


def _set(node: dict[str, Any], key: str, value: Any) -> bool:
    """Set a key of the section, and say whether it has it."""
    *path, last = key.split(".")[1:]
    for step in path:
        node = node.get(step, {}) if isinstance(node, dict) else {}
    if not isinstance(node, dict) or last not in node:
        return False
    node[last] = value
    return True


def _end(tried: Any, pick: int) -> Any:
    values = tried.all_values if isinstance(tried, Choices) else [tried.low, tried.high]
    return values[pick]


def _check_rooms(wanted: Wanted) -> None:
    """Refuse keys of other stages: what they change is not in what predict has written."""
    for key, tried in wanted.space.items():
        room = key.partition(".")[0]
        if key == "predict.split" or room in ("train", "model", "dataset", "process", "select"):
            reason = "the network would have to be trained again: `factory tune` searches it"
        elif room == "predict":
            reason = (
                "what predict blends and merges is done before its results are kept, so it needs "
                "the network: `dvc exp run --queue -S` or `factory tune` searches it. To vary how "
                "boxes are merged, let predict keep them all and merge in `postprocess` "
                "(`non_maximum_suppression`, `soft_non_maximum_suppression`, `weighted_box_fusion`)"
            )
        elif room == "evaluate":
            reason = "it is the ruler: points measured by two rulers do not compare"
        elif room != SECTION:
            known = [SECTION, f"{SECTION}.tasks.PART.FIELD", ORDER]
            reason = f"keys are {', '.join(known)}.{nearest(room, [SECTION])}"
        elif key == SECTION and not isinstance(tried, Choices):
            reason = "it needs a list of lists of parts"
        else:
            continue
        raise ConfigError(f"`space.{key}` is no part of a running point: {reason}.")


def _check_grid(wanted: Wanted) -> None:
    """Refuse a grid of a range without a step, or of too many points."""
    endless = [key for key, tried in wanted.space.items() if tried.all_values is None]
    if endless:
        raise ConfigError(
            f"A grid needs a `step` in the range of {', '.join(endless)}; or take "
            "`sampler: random` and say how many `points`."
        )
    count = math.prod(len(tried.all_values or ()) for tried in wanted.space.values())
    if count > MOST:
        raise ConfigError(
            f"The grid has {count:,} points; {MOST:,} are the most. Take larger steps, or "
            "`sampler: random` and say how many `points`."
        )


def _check_keys(wanted: Wanted, sections: Sequence[dict[str, Any]]) -> None:
    """Refuse keys that no chain has, with the nearest that there is."""
    known = list(dict.fromkeys(key for section in sections for key in _keys(section)))
    for key in wanted.space:
        if key == SECTION or any(_set(copy.deepcopy(section), key, 0) for section in sections):
            continue
        names = list(dict.fromkeys(name for section in sections for name in section["order"]))
        _, *path = key.split(".")
        if path[0] == "tasks" and len(path) > 1 and path[1] not in names:
            raise ConfigError(
                f"`space.{key}` names the part {path[1]!r}, which is not in the chain "
                f"({', '.join(names)}).{nearest(path[1], names)} To try chains with and without "
                f"it, give `space.{SECTION}` the lists of parts to choose from."
            )
        raise ConfigError(
            f"`space.{key}` is no key of the configuration.{nearest(key, known)} "
            f"There are: {', '.join(known)}."
        )


def _keys(section: dict[str, Any]) -> Iterator[str]:
    for name, part in section["tasks"].items():
        yield from (f"{SECTION}.tasks.{name}.{field}" for field in part if field != "_target_")
    yield ORDER
