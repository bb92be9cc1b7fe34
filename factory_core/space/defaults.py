"""Read the defaults lists of `conf/` as Hydra does, thousands of times a second.

Hydra needs a third of a second to compose, and a count looks at thousands of choices. This reads
what the factory's conf uses of the rules of Hydra 1.3 (options, lists of options, `@package`,
`_self_`, `override`, nested lists); a test holds it to Hydra itself.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from factory_core.kernel.errors import ConfigError

# Hydra's own settings are no choice of a detector.
HYDRA = "hydra"


@dataclass(frozen=True)
class Config:
    """One YAML file of `conf/`.

    Attributes:
        header: Package that its first line states, or None.
        defaults: The entries of its defaults list.
        body: What it sets.
    """

    header: str | None
    defaults: tuple[Any, ...]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """One option of a group, as a composition has it.

    Attributes:
        address: The group, with `@package` where it is not where its file says: what stands on
            the left of an override.
        group: Folder of `conf/`.
        option: File name without its ending.
        path: Where its body lies in the composed tree.
        many: Whether the group takes a list of options.
    """

    address: str
    group: str
    option: str
    path: tuple[str, ...]
    many: bool = False


@dataclass(frozen=True)
class Composition:
    """What a defaults list gives.

    Attributes:
        choices: The options that were taken, in order.
        layers: What each file sets and where, in the order in which later ones win.
    """

    choices: tuple[Choice, ...]
    layers: tuple[tuple[tuple[str, ...], Mapping[str, Any]], ...]

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The composed configuration, interpolations as they stand."""
        tree: dict[str, Any] = {}
        for path, body in self.layers:
            node = tree
            for step in path:
                if not isinstance(node.get(step), dict):
                    node[step] = {}
                node = node[step]
            _merge(node, body)
        return tree

    def chosen(self, address: str) -> Choice:
        """The choice at `address`."""
        return next(choice for choice in self.choices if choice.address == address)


def _merge(node: dict[str, Any], body: Mapping[str, Any]) -> None:
    for key, value in body.items():
        if isinstance(value, Mapping):
            below = node.get(key)
            if not isinstance(below, dict):
                below = node[key] = {}
            _merge(below, value)
        else:
            node[key] = value


@dataclass
class Conf:
    """The conf folders of a detector: its own, then those of its search path."""

    root: Path
    _files: dict[tuple[str, str], Config] = field(default_factory=dict)
    _options: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def folders(self) -> list[Path]:
        """Where a group is looked for, the first that has the file wins."""
        own = self.root / "conf"
        if not (own / "config.yaml").is_file():
            raise ConfigError(
                f"{own / 'config.yaml'} does not exist. Start in the root of a detector repository."
            )
        content = yaml.safe_load((own / "config.yaml").read_text(encoding="utf-8")) or {}
        return [own, *map(_folder, (content.get(HYDRA) or {}).get("searchpath") or ())]

    def options(self, group: str) -> list[str]:
        """Names of the options of a group."""
        if group not in self._options:
            files = [file for folder in self.folders for file in (folder / group).glob("*.yaml")]
            self._options[group] = sorted({file.stem for file in files})
        return self._options[group]

    def read(self, group: str, option: str) -> Config:
        """The file of an option, or of the primary configuration for the group "".

        Raises:
            ConfigError: There is none.
        """
        if (group, option) not in self._files:
            places = [folder / group / f"{option}.yaml" for folder in self.folders]
            file = next((place for place in places if place.is_file()), None)
            if file is None:
                known = ", ".join(self.options(group)) or "none"
                raise ConfigError(f"conf/{group} has no option {option!r}. It has: {known}.")
            self._files[group, option] = _parse(file.read_text(encoding="utf-8"))
        return self._files[group, option]

    def compose(self, overrides: Mapping[str, str] | None = None) -> Composition:
        """Compose with other options for some addresses."""
        given = dict(overrides or {})
        found: dict[str, str] = {}
        while True:
            walk = _Walk(self, {**found, **given})
            layers = tuple(walk.visit("", "config", package=(), address=None, many=False))
            if walk.overrides == found:
                return Composition(tuple(walk.choices), layers)
            found = walk.overrides


def _folder(place: str) -> Path:
    kind, _, name = place.partition("://")
    if kind == "file":
        return Path(name)
    spec = importlib.util.find_spec(name) if kind == "pkg" else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"`hydra.searchpath` has {place!r}, which is no folder and no package.")
    return Path(spec.submodule_search_locations[0])


def _parse(text: str) -> Config:
    header = None
    for line in text.splitlines():
        if line.startswith("#") and "@package" in line:
            header = line.split("@package", 1)[1].split()[0]
    content = yaml.safe_load(text) or {}
    body = {key: value for key, value in content.items() if key not in ("defaults", HYDRA)}
    return Config(header, tuple(content.get("defaults") or ()), body)


@dataclass
class _Walk:
    """One pass through the defaults lists."""

    conf: Conf
    given: Mapping[str, str]
    choices: list[Choice] = field(default_factory=list)
    overrides: dict[str, str] = field(default_factory=dict)

    def visit(
        self, group: str, option: str, *, package: tuple[str, ...], address: str | None, many: bool
    ) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        """The layers of one file; `package` is where the entry puts it."""
        config = self.conf.read(group, option)
        if address is not None:
            path = (*package, *_path_of_part(config.body))
            self.choices.append(Choice(address, group, option, path, many))
        own = False
        for entry in config.defaults:
            if entry == "_self_":
                own = True
                yield package, config.body
            else:
                yield from self._enter(entry, group=group, package=package)
        if not own:
            yield package, config.body

    def _enter(
        self, entry: Any, *, group: str, package: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        if isinstance(entry, str):
            yield from self.visit(group, entry, package=package, address=None, many=False)
            return
        ((key, option),) = entry.items()
        *words, name = str(key).split()
        name, _, placed = name.partition("@")
        target = name[1:] if name.startswith("/") else f"{group}/{name}".lstrip("/")
        if target.split("/")[0] == HYDRA:
            return
        if "override" in words:
            self.overrides[_address(target, placed, package)] = option
            return
        address = _address(target, placed, package)
        option = self.given.get(address, option)
        for one in option if isinstance(option, list) else [option]:
            if one is None or ("optional" in words and one not in self.conf.options(target)):
                continue
            header = self.conf.read(target, one).header
            yield from self.visit(
                target,
                one,
                package=_package(placed, header=header, group=target, parent=package),
                address=address,
                many=isinstance(option, list),
            )


def _address(group: str, placed: str, parent: tuple[str, ...]) -> str:
    if not placed:
        return group
    return f"{group}@{'.'.join(_package(placed, header=None, group=group, parent=parent))}"


def _package(
    placed: str, *, header: str | None, group: str, parent: tuple[str, ...]
) -> tuple[str, ...]:
    """Where a file goes: by the entry, else by its header, else by its group."""
    if placed:
        if placed.startswith("_global_"):
            return tuple(step for step in placed.split(".") if step != "_global_")
        return (*parent, *(step for step in placed.split(".") if step != "_here_"))
    name = header or "_group_"
    steps = name.replace("_group_", group.replace("/", ".")).split(".")
    return tuple(step for step in steps if step != "_global_")


def _path_of_part(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Where in what a file sets its part stands; the first key where it sets none."""
    found = _first_part(body)
    return found if found is not None else ()


def _first_part(node: Any) -> tuple[str, ...] | None:
    if not isinstance(node, Mapping):
        return None
    if "_target_" in node:
        return ()
    for key, value in node.items():
        found = _first_part(value)
        if found is not None:
            return (key, *found)
    return None
