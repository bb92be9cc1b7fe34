"""What the stages read of a composition: which choices it reaches, and as what type."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.space.defaults import Choice, Composition

# `${a.b}`, `${.a}`, and the resolver of the chains, which names its key.
REFERENCE = re.compile(r"\$\{(?:oc\.dict\.\w+:)?(\.*[A-Za-z_][\w.]*)\}")

Steps = tuple[str, ...]


@dataclass
class Classes:
    """The classes of parts and the types of their fields, each looked up once."""

    _found: dict[str, type | ConfigError] = field(default_factory=dict)
    _types: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def of(self, target: Any, *, where: str) -> Any:
        """The class that a `_target_` names.

        Raises:
            ConfigError: It names no part, or a package that is not installed.
        """
        name = str(target)
        if name not in self._found:
            try:
                self._found[name] = config.part_class(target, where=where)
            except ConfigError as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, ConfigError):
            raise found
        return found

    def fields(self, cls: Any) -> dict[str, Any]:
        """Type of each field; empty for what is no dataclass."""
        if not dataclasses.is_dataclass(cls):
            return {}
        if cls not in self._types:
            hints = typing.get_type_hints(cls)
            names = [item.name for item in dataclasses.fields(cls) if item.init]
            self._types[cls] = {name: hints[name] for name in names}
        return self._types[cls]

    def required(self, cls: Any) -> list[str]:
        """The fields that have no default; none for what is no dataclass."""
        none = dataclasses.MISSING
        return [
            item.name
            for item in (dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ())
            if item.init and item.default is none and item.default_factory is none
        ]


@dataclass
class Reading:
    """One walk from what the stages track through all that it refers to.

    Attributes:
        composition: What is read.
        classes: The classes of parts.
        demands: Declared types of the fields that take the choice at an address; an address
            that is not in it is read by nothing.
        faults: What cannot be built, with where it stands.
    """

    composition: Composition
    classes: Classes
    demands: dict[str, set[Any]] = field(default_factory=dict)
    faults: list[tuple[Steps, str]] = field(default_factory=list)
    _seen: set[tuple[Steps, Any]] = field(default_factory=set)

    def read(self, roots: typing.Iterable[Steps]) -> Reading:
        """Walk from each of `roots`, keys of params.yaml."""
        for root in roots:
            if self._has(root):
                self.visit(root, None)
        return self

    def visit(self, path: Steps, hint: Any) -> None:
        """Walk through the node at `path`, which a field of the type `hint` takes."""
        if (path, hint) in self._seen:
            return
        self._seen.add((path, hint))
        for choice in self._choices_at(path):
            found = self.demands.setdefault(choice.address, set())
            if hint is not None and choice.path == path:
                found.add(hint)
        self._walk(self._get(path), hint, path)

    def faults_below(self, path: Steps) -> list[str]:
        """What cannot be built at or below `path`."""
        return [text for place, text in self.faults if place[: len(path)] == path]

    def _choices_at(self, path: Steps) -> list[Choice]:
        """Choices whose body lies at `path` or around it."""
        around = (path[:length] for length in range(1, len(path) + 1))
        return [choice for place in around for choice in self._places.get(place, ())]

    @cached_property
    def _places(self) -> dict[Steps, list[Choice]]:
        places: dict[Steps, list[Choice]] = {}
        for choice in self.composition.choices:
            places.setdefault(choice.path, []).append(choice)
        return places

    def _walk(self, node: Any, hint: Any, path: Steps) -> None:
        if isinstance(node, str):
            self._follow(node, hint, path)
        elif isinstance(node, Mapping) and "_target_" in node:
            self._enter_part(node, path)
        elif isinstance(node, Mapping):
            inner = self.classes.fields(hint)
            rest = typing.get_args(hint)[1:2] or (None,)
            for key in node:
                self.visit((*path, str(key)), inner.get(str(key), rest[0]))
        elif isinstance(node, list):
            item = next(iter(typing.get_args(hint)), None)
            for value in node:
                self._walk(value, item, path)

    def _follow(self, text: str, hint: Any, path: Steps) -> None:
        for match in REFERENCE.finditer(text):
            target = _absolute(match[1], path)
            whole = match[0] == text and ":" not in text
            if self._has(target):
                self.visit(target, hint if whole else None)
            else:
                self.faults.append((path, f"`{'.'.join(path)}` refers to {match[0]}, not chosen"))

    def _enter_part(self, node: Mapping[str, Any], path: Steps) -> None:
        where = ".".join(path)
        try:
            cls = self.classes.of(node["_target_"], where=where)
        except ConfigError as error:
            self.faults.append((path, str(error)))
            return
        package = getattr(cls, "needs", "")
        if package and find_spec(package) is None:
            self.faults.append((path, f"`{where}` needs {package}, which is not installed"))
        hints = self.classes.fields(cls)
        for missing in (name for name in self.classes.required(cls) if name not in node):
            self.faults.append((path, f"`{where}` lacks the field {missing!r}"))
        for key in node:
            if key == "_target_":
                continue
            if dataclasses.is_dataclass(cls) and key not in hints:
                near = nearest(str(key), hints)
                self.faults.append((path, f"`{where}` has no field {key!r}.{near}"))
                continue
            self.visit((*path, str(key)), hints.get(str(key)))

    def _has(self, path: Steps) -> bool:
        try:
            self._get(path)
        except KeyError:
            return False
        return True

    def _get(self, path: Steps) -> Any:
        node: Any = self.composition.tree
        for step in path:
            if not isinstance(node, Mapping):
                raise KeyError(step)
            node = node[step]
        return node


def _absolute(reference: str, path: Steps) -> Steps:
    name = reference.lstrip(".")
    dots = len(reference) - len(name)
    start = path[: len(path) - dots] if dots else ()
    return (*start, *name.split("."))


def accepts(hint: Any, cls: type) -> bool:
    """Whether a field declared as `hint` takes a part of `cls`, by the rule of `config.build`."""
    if hint is None or hint is Any:
        return True
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(accepts(option, cls) for option in typing.get_args(hint))
    if isinstance(hint, type):
        return getattr(hint, "_is_protocol", False) or issubclass(cls, hint)
    return False
