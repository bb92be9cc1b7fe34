"""Keys that a plan may try: those of post-processing and of merging, and why no others."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel.errors import ConfigError, nearest
from factory_core.running_points.plan import Wanted
from factory_core.tune.values import Choices

SECTION = "postprocess"
ORDER = f"{SECTION}.order"
# The choice of what merges boxes, and where its fields stand.
MERGE = "merge"
MERGED = "predict.merge"
# Keys that choose parts: of each of their values the configuration is composed anew.
GROUPS = (MERGE, SECTION)
OF_NETWORK = ("predict", "blend", "views", "provider", "precision")
OF_TRAINING = ("train", "model", "dataset", "process", "select")
MOST = 200_000


def tries_merging(keys: Iterable[str]) -> bool:
    """Whether one of `keys` is of what predict makes of the boxes of an object."""
    return any(key == MERGE or f"{key}.".startswith(f"{MERGED}.") for key in keys)


def tried_sections(composed: DictConfig, *, merging: bool) -> dict[str, Any]:
    """What of a configuration points differ in, nested as it is there."""
    node: Any = OmegaConf.to_container(composed[SECTION], resolve=True)
    chain = {"tasks": node.get("tasks") or {}, "order": list(node.get("order") or ())}
    found: dict[str, Any] = {SECTION: chain}
    if merging:
        found["predict"] = {"merge": OmegaConf.to_container(composed.predict.merge, resolve=True)}
    return found


def put(node: dict[str, Any], key: str, value: Any) -> bool:
    """Set a key, and say whether there is one."""
    *path, last = key.split(".")
    for step in path:
        node = node.get(step, {}) if isinstance(node, dict) else {}
    if not isinstance(node, dict) or last not in node:
        return False
    node[last] = value
    return True


def value_at(node: Any, key: str) -> Any:
    """What a key of a plan has in the content of `tried_sections`; None where it has none.

    The choice of a merge has none: what is composed does not say by which name it was chosen.
    """
    if key == SECTION:
        key = ORDER
    for step in key.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def check_rooms(wanted: Wanted) -> None:
    """Refuse keys of other stages: what they change is not in what predict has kept.

    Raises:
        ConfigError: Names the key and the reason.
    """
    for key, tried in wanted.space.items():
        reason = _why_not(key, listed=isinstance(tried, Choices))
        if reason:
            raise ConfigError(f"`space.{key}` is no part of a running point: {reason}.")


def _why_not(key: str, *, listed: bool) -> str:
    room = key.partition(".")[0]
    if key == SECTION and not listed:
        return "it needs a list of lists of parts"
    if key in (MERGED, f"{MERGED}._target_") or (key == MERGE and not listed):
        return f"choose what merges boxes with a list, `{MERGE}: [core, suppression]`, say"
    if room == SECTION or tries_merging([key]):
        return ""
    if key == "predict.split" or room in OF_TRAINING:
        return "the network would have to be trained again: `factory tune` searches it"
    if room in OF_NETWORK:
        return (
            "it changes what is computed of each window, so every point needs the network: `dvc "
            "exp run --queue -S` or `factory tune` searches it. Of predict a search tries "
            f"`{MERGE}` and `{MERGED}.FIELD`, what becomes of boxes, which needs it once"
        )
    if room == "evaluate":
        return "it is the ruler: points measured by two rulers do not compare"
    known = [SECTION, f"{SECTION}.tasks.PART.FIELD", ORDER, MERGE, f"{MERGED}.FIELD"]
    return f"keys are {', '.join(known)}.{nearest(room, [SECTION, MERGE])}"


def check_grid(wanted: Wanted) -> None:
    """Refuse a grid of a range without a step, or of too many points.

    Raises:
        ConfigError: Names the ranges, or the number of points.
    """
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


def check_keys(wanted: Wanted, bases: Sequence[dict[str, Any]]) -> None:
    """Refuse keys that no chain has, with the nearest that there is.

    Args:
        wanted: The plan.
        bases: Of `tried_sections`, of each choice of parts.

    Raises:
        ConfigError: Names the key.
    """
    known = list(dict.fromkeys(key for base in bases for key in _keys(base)))
    for key in wanted.space:
        if key in GROUPS or any(put(copy.deepcopy(base), key, 0) for base in bases):
            continue
        names = list(dict.fromkeys(name for base in bases for name in base[SECTION]["order"]))
        room, *path = key.split(".")
        if room == SECTION and path[0] == "tasks" and len(path) > 1 and path[1] not in names:
            raise ConfigError(
                f"`space.{key}` names the part {path[1]!r}, which is not in the chain "
                f"({', '.join(names)}).{nearest(path[1], names)} To try chains with and without "
                f"it, give `space.{SECTION}` the lists of parts to choose from."
            )
        raise ConfigError(
            f"`space.{key}` is no key of the configuration.{nearest(key, known)} "
            f"There are: {', '.join(known)}."
        )


def _keys(base: Mapping[str, Any]) -> Iterator[str]:
    for field in base.get("predict", {}).get("merge", {}):
        if field != "_target_":
            yield f"{MERGED}.{field}"
    for name, part in base[SECTION]["tasks"].items():
        yield from (f"{SECTION}.tasks.{name}.{field}" for field in part if field != "_target_")
    yield ORDER
