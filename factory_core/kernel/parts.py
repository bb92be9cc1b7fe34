"""The register of parts: one YAML file a part in `conf/<kind>/`, here and in the detector."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from factory_core.kernel.errors import ConfigError, nearest

CONF = Path(__file__).parents[1] / "conf"
# The same YAML, ten times faster where PyYAML was built with libyaml.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Part:
    """One choice of a kind, as its YAML file states it.

    Attributes:
        kind: Folder of `conf/`, the group on the command line.
        name: File name without its ending, the option on the command line.
        target: Dotted path of its dataclass.
        key: Where its fields stand in `params.yaml`.
        help: The file's line of advice.
        fields: Every field with its default; not to be changed.
        brings: What it chooses with it, option by group; each can be overridden.
    """

    kind: str
    name: str
    target: str
    key: str
    help: str
    fields: dict[str, Any]
    brings: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The part as plain data, for JSON."""
        return asdict(self)


def kinds() -> list[str]:
    """The kinds of parts: folders of `conf/` of the factory, then the detector's own."""
    folders = [folder for conf in _conf_folders() for folder in sorted(conf.iterdir())]
    names = dict.fromkeys(f.name for f in folders if f.is_dir() and any(_parts_in(f)))
    return list(names)


def list_parts(kind: str | None = None) -> list[Part]:
    """Every part of `kind`, or of all kinds; the detector's own shadow the factory's.

    Raises:
        ConfigError: There is no such kind; names those there are.
    """
    names = [kind] if kind else kinds()
    found: dict[tuple[str, str], Part] = {}
    for name in names:
        for conf in _conf_folders():
            if (conf / name).is_dir():
                found |= {(name, part.name): part for part in _parts_in(conf / name)}
    if kind and not found:
        known = kinds()
        raise ConfigError(
            f"There is no kind of part {kind!r}.{nearest(kind, known)} Kinds: {', '.join(known)}."
        )
    return [found[key] for key in sorted(found, key=lambda key: (names.index(key[0]), key[1]))]


def load_part(kind: str, name: str) -> dict[str, Any]:
    """The mapping of one part with `_target_` and its defaults, ready for `config.build`.

    Raises:
        ConfigError: There is no such part.
    """
    for part in list_parts(kind):
        if part.name == name:
            return {"_target_": part.target, **deepcopy(part.fields)}
    names = ", ".join(part.name for part in list_parts(kind))
    raise ConfigError(f"There is no {kind} {name!r}. There are: {names}.")


def files_with(key: str) -> list[Path]:
    """The files of the detector's conf/ in which something is set for `key`."""
    line = re.compile(rf"^[^#]*\b{re.escape(key)}:", re.MULTILINE)
    files = sorted(Path("conf").rglob("*.yaml"))
    return [file for file in files if line.search(file.read_text(encoding="utf-8"))]


def _conf_folders() -> list[Path]:
    own = Path("conf")
    return [CONF, own] if own.is_dir() else [CONF]


def _parts_in(folder: Path) -> Iterator[Part]:
    for file in sorted(folder.glob("*.yaml")):
        state = file.stat()
        part = _read(file.resolve(), state.st_mtime_ns, state.st_size)
        if part is not None:
            yield part


@cache
def _read(file: Path, changed_ns: int, size: int) -> Part | None:  # noqa: ARG001
    """The part in a file of this state, which is read once; None where there is none in it."""
    text = file.read_text(encoding="utf-8")
    kind = file.parent.name
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    package = next((c.split()[1] for c in comments if c.startswith("@package")), kind)
    content = yaml.load(text, Loader=LOADER) or {}  # noqa: S506 - both are safe ones
    found = _first_part(content)
    if found is None:
        return None
    keys, node = found
    return Part(
        kind=kind,
        name=file.stem,
        target=node["_target_"],
        key=".".join(k for k in (package, *keys) if k != "_global_"),
        help=next((c for c in comments if not c.startswith("@package")), ""),
        fields={key: value for key, value in node.items() if key != "_target_"},
        brings=_brought(content),
    )


def _first_part(node: Any) -> tuple[tuple[str, ...], Mapping[str, Any]] | None:
    if not isinstance(node, Mapping):
        return None
    if "_target_" in node:
        return (), node
    for key, value in node.items():
        found = _first_part(value)
        if found is not None:
            return (key, *found[0]), found[1]
    return None


def _brought(content: Mapping[str, Any]) -> dict[str, str]:
    chosen = [entry for entry in content.get("defaults", []) if isinstance(entry, Mapping)]
    return {group.lstrip("/"): option for entry in chosen for group, option in entry.items()}
