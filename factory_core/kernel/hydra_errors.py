"""What Hydra says of choices that do not compose, in the words of a detector."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel.errors import nearest
from factory_core.kernel.parts import CONF, kinds, list_parts

NOISE = ("To append to your", "Config search path", "provider=", "object_type=", "full_key:")


def explained(error: Exception) -> str:
    """What Hydra says, without where it looked and without its advice to add a key unread."""
    lines = [re.sub(r"^In '[^']*': ?", "", line.strip()) for line in str(error).splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(NOISE))
    wrong, is_grammar, _ = text.partition(" See https://hydra.cc/docs/")
    if is_grammar:
        return f"{wrong}. An override is KEY=VALUE, `train.epochs=3`, in quotes if it has brackets."
    if found := re.search(r"Could not override '([^']+)'", text):
        return _of_key(found[1])
    if found := re.search(r"Could not find '(.+)/(.+)' Available options in [^:]+: (.+)", text):
        group, name, options = found[1], found[2], found[3].split()
        known = ", ".join(options)
        return f"there is no {group} {name!r}.{nearest(name, options)} There are: {known}."
    return text


def _of_key(name: str) -> str:
    """What takes a key that nothing chosen has; else the nearest key there is."""
    takers = [f"{part.kind}={part.name}" for part in list_parts() if name in part.brings]
    if takers:
        return f"nothing that is chosen takes `{name}`. What does: {', '.join(takers)}."
    if name in kinds():
        return (
            f"`defaults` of the detector's configuration has no choice of `{name}` yet. Add a line "
            f"`- {name}: NAME` to conf/config.yaml; `factory parts {name}` lists the names."
        )
    parts = [(f"{part.key}.{field}", part) for part in list_parts() for field in part.fields]
    owners = [f"{part.kind} {part.name}" for field, part in parts if field == name]
    if owners:
        return f"nothing that is chosen has `{name}`. It is a field of {', '.join(owners)}."
    fields = [field for field, _ in parts]
    known = [*kinds(), *fields, *_dotted(OmegaConf.load(CONF / "factory.yaml"))]
    return f"there is no {name!r} to set.{nearest(name, known)}"


def _dotted(node: Any, above: str = "") -> Iterator[str]:
    """Every key of plain settings, as on the command line."""
    for key in map(str, node) if isinstance(node, DictConfig) else ():
        yield f"{above}{key}"
        if not OmegaConf.is_interpolation(node, key):
            yield from _dotted(node[key], f"{above}{key}.")
