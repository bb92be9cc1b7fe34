"""Running points: the chains that a plan makes of the configuration, checked before one runs."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from omegaconf import DictConfig

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.kernel.parts import list_parts
from factory_core.postprocess.chain import Chain, check_order
from factory_core.running_points.candidates import Merged
from factory_core.running_points.keys import (
    GROUPS,
    MERGED,
    SECTION,
    check_grid,
    check_keys,
    check_rooms,
    put,
    tried_sections,
    value_at,
)
from factory_core.running_points.plan import Wanted
from factory_core.tune.values import Choices, override, written


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
        takes: What is tried on: `ScoreMap`, or `GeoDataFrame` for candidates.
        voters: How many boxes a window gives of an object, where merging is tried: then every
            chain begins with a merge. None: where predict has merged.

    Raises:
        ConfigError: A key is no running point's, or names a part that is not in the chain, a
            value is refused by its part, or a grid has no end.
    """

    def __init__(self, wanted: Wanted, *, takes: type, voters: int | None = None) -> None:
        self.wanted = wanted
        self.takes = takes
        self.voters = voters
        self.parts: dict[str, Any] = {}
        self._shapes: set[tuple[str, ...]] = set()
        self._tried = wanted.space
        check_rooms(wanted)
        if wanted.sampler == "grid":
            check_grid(wanted)
        self.bases = {
            tuple(map(written, group.values())): self._compose(group) for group in self._groups()
        }
        self._sections = {
            group: tried_sections(base, merging=voters is not None)
            for group, base in self.bases.items()
        }
        check_keys(wanted, list(self._sections.values()))
        for pick in (0, -1):  # the least and the largest of every range
            ends = {key: _end(tried, pick) for key, tried in self._tried.items()}
            for group in self._groups():
                self.place({**ends, **group})

    @property
    def config(self) -> DictConfig:
        """The configuration of the first point; all share what is not tried."""
        return next(iter(self.bases.values()))

    def _groups(self) -> Iterator[dict[str, Any]]:
        """Every choice of parts, by the keys that choose them."""
        chosen = {key: self._tried[key].all_values or [] for key in GROUPS if key in self._tried}
        for values in itertools.product(*chosen.values()):
            yield dict(zip(chosen, values, strict=True))

    def _compose(self, group: Mapping[str, Any]) -> DictConfig:
        """The configuration with some choices of parts."""
        common = self.wanted.plan.overrides
        try:
            return config.compose(overrides=[*common, *map(override, group, group.values())])
        except ConfigError:
            config.compose(overrides=common)  # what is wrong in conf/ itself says so here
            for key, value in group.items():
                self._check_choice(key, value)
            raise

    def _check_choice(self, key: str, value: Any) -> None:
        try:
            config.compose(overrides=[*self.wanted.plan.overrides, override(key, value)])
        except ConfigError as error:
            known = [part.name for part in list_parts(key)]
            unknown = [name for name in np.atleast_1d(value).tolist() if name not in known]
            near = nearest(unknown[0], known) if unknown else ""
            reason = str(error).rpartition(" does not compose: ")[2]
            raise ConfigError(
                f"{self.wanted.file}: `space.{key}` has {written(value)}, which cannot be chosen."
                f"{near} {reason}"
            ) from error

    def place(self, values: Mapping[str, Any]) -> Point:
        """The point of some values; those of parts that its chain lacks are left out.

        Raises:
            ConfigError: A part refuses its value, or the chain is in an impossible order.
        """
        group = tuple(written(values[key]) for key in GROUPS if key in values)
        sections = copy.deepcopy(self._sections[group])
        kept = {
            key: value
            for key, value in values.items()
            if key in GROUPS or put(sections, key, value)
        }
        return Point(kept, self._chain(sections))

    def now(self, stated: DictConfig) -> Point:
        """The point that a configuration has, whether or not it is one of these.

        Args:
            stated: The configuration, of params.yaml.

        Raises:
            ConfigError: Its chain is wrong.
        """
        sections = tried_sections(stated, merging=self.voters is not None)
        values = {key: value_at(sections, key) for key in self._tried}
        known = {key: value for key, value in values.items() if value is not None}
        return Point(known, self._chain(sections))

    def _chain(self, sections: Mapping[str, Any]) -> tuple[str, ...]:
        node = sections[SECTION]
        names = node["order"]
        if sorted(names) != sorted(node["tasks"]):
            config.build_chain(node, where=SECTION)  # says which is missing
        chain = tuple(
            self._part(node["tasks"][name], where=f"{SECTION}.tasks.{name}") for name in names
        )
        if tuple(names) not in self._shapes:
            tasks = tuple((name, self.parts[text]) for name, text in zip(names, chain, strict=True))
            check_order(Chain(tasks, self.takes), where=SECTION)
            self._shapes.add(tuple(names))
        if self.voters is not None:
            merged = partial(Merged, voters=self.voters)
            chain = (self._part(sections["predict"]["merge"], where=MERGED, then=merged), *chain)
        return chain

    def _part(
        self,
        node: Mapping[str, Any],
        *,
        where: str,
        then: Callable[[Any], Any] = lambda part: part,
    ) -> str:
        """The mapping of a part as text, by which `parts` has it, or what `then` makes of it."""
        text = json.dumps(node, sort_keys=True)
        if text not in self.parts:
            self.parts[text] = then(config.build(node, where=where))
        return text

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


def _end(tried: Any, pick: int) -> Any:
    values = tried.all_values if isinstance(tried, Choices) else [tried.low, tried.high]
    return values[pick]
