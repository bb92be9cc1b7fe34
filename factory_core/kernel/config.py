"""Compose the choices of a detector and build its parts; the only module that imports Hydra."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from factory_core.kernel.errors import ConfigError, nearest
from factory_core.kernel.hydra_errors import explained
from factory_core.kernel.parts import files_with, kinds, list_parts
from factory_core.kernel.taxonomy import Taxonomy

PARAMS = Path("params.yaml")
ALLOWED = ("factory_core.", "keras.")


def compose(root: Path = Path(), *, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose `conf/config.yaml` of the detector at `root`, every interpolation resolved.

    It gives what `dvc exp run` composes for the same overrides.

    Raises:
        ConfigError: No `conf/config.yaml`, a group or option that does not exist, a
            misspelt key.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException

    import factory_core.kernel.fingerprint

    conf = (root / "conf").resolve()
    if not (conf / "config.yaml").is_file():
        raise ConfigError(
            f"{conf / 'config.yaml'} does not exist. Start in the root of a detector repository."
        )
    factory_core.kernel.fingerprint.register(root)
    try:
        with initialize_config_dir(str(conf), version_base=None):
            config = hydra_compose("config", overrides=list(overrides))
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"{conf / 'config.yaml'} does not compose: {explained(error)}") from error
    return config


def to_yaml(config: DictConfig) -> str:
    """The text of `params.yaml`, to the byte what DVC writes."""
    return OmegaConf.to_yaml(config)


def load(path: Path = PARAMS) -> DictConfig:
    """Read a composed configuration.

    Raises:
        ConfigError: It does not exist or is not a YAML mapping.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path} does not exist here ({Path.cwd()}). Start in the root of a detector "
            "repository, or write it with `factory compose`."
        )
    try:
        config = OmegaConf.load(path)
    except Exception as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(config, DictConfig):
        raise ConfigError(f"{path} holds no mapping. Write it with `factory compose`.")
    return config


def section(config: DictConfig, name: str, cls: type) -> Any:
    """Build the plain settings of a stage, `config[name]`, as the dataclass `cls`.

    Keys that are parts of their own (mappings with `_target_` or `tasks`) are left
    to `build` and `build_chain` and may not be fields of `cls`.
    """
    if name not in config:
        raise ConfigError(
            f"The key {name!r} is missing in the configuration. Write it with `factory compose`."
        )
    plain = {
        key: value
        for key, value in _plain(config[name]).items()
        if not (isinstance(value, Mapping) and ("_target_" in value or "tasks" in value))
    }
    plain.pop("order", None)
    plain.pop("tasks", None)
    return _construct(cls, plain, where=name)


def taxonomy(config: DictConfig) -> Taxonomy:
    """The class tree of a detector, from its key `taxonomy`."""
    return typing.cast(Taxonomy, section(config, "taxonomy", Taxonomy))


def build(node: Any, *, where: str = "", also: tuple[str, ...] = ()) -> Any:
    """Turn a mapping with `_target_` into the object it names; the only place that does.

    Args:
        node: Mapping of a part: `_target_` and its fields, themselves parts or plain.
        where: Key of the node, for the messages.
        also: Beginnings of targets that this node may name beside those of every node.

    Raises:
        ConfigError: No or a forbidden `_target_`, an unknown part, a misspelt or
            missing field, a value of the wrong type; each with the nearest valid name.
    """
    node = _plain(node)
    if not isinstance(node, Mapping) or "_target_" not in node:
        files = ", ".join(map(str, files_with(where.rpartition(".")[2])))
        raise ConfigError(
            f"`{where}` names no part: it has no `_target_`. Received: {node!r}. "
            "Are values set (by an experiment, say) for a part that is not chosen? "
            f"Choose it in the defaults list, or drop its values{files and f' in {files}'}."
        )
    target = node["_target_"]
    cls = part_class(target, where=where, also=also)
    fields = {
        key: build(value, where=f"{where}.{key}", also=also)
        if also and isinstance(value, Mapping) and "_target_" in value
        else value
        for key, value in node.items()
        if key != "_target_"
    }
    return _construct(cls, fields, where=where or target)


def build_chain(node: Any, *, where: str) -> list[Any]:
    """Build the parts of a chain, `tasks` in their `order`.

    Raises:
        ConfigError: As `build`; and where `order` names a task that does not exist.
    """
    node = _plain(node)
    tasks = node.get("tasks") or {}
    order = node.get("order")
    order = list(tasks) if order is None else order
    if sorted(order) != sorted(tasks):
        raise ConfigError(
            f"`{where}.order` must name each task once. Tasks: {', '.join(tasks) or 'none'}; "
            f"order: {', '.join(order) or 'none'}."
        )
    return [build(tasks[name], where=f"{where}.tasks.{name}") for name in order]


def part_class(target: object, *, where: str, also: tuple[str, ...] = ()) -> Any:
    """The class that a `_target_` names, under the rules of `build`."""
    own = _own_package()
    prefixes = (*ALLOWED, *also, *([f"{own}."] if own else []))
    if not isinstance(target, str) or not target.startswith(prefixes):
        raise ConfigError(
            f"`{where}._target_` may only name a part of {', '.join(p + '*' for p in prefixes)}. "
            f"Received: {target!r}."
        )
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise ConfigError(
                f"`{where}` needs the package {error.name!r}, which is not installed. "
                "Training needs the extra `train`: `pip install 'factory-core[train]'`."
            ) from error
        raise ConfigError(
            f"`{where}._target_` names a module that does not exist: {module_name!r}."
            f"{nearest(target, _known_targets())}"
        ) from error
    found = getattr(module, name, None)
    home = getattr(found, "__module__", "")
    if not isinstance(found, type) or not f"{home}.".startswith((*prefixes, "keras.src.")):
        classes = [name for name, one in vars(module).items() if isinstance(one, type)]
        known = [*(f"{module_name}.{name}" for name in classes), *_known_targets()]
        raise ConfigError(f"`{where}._target_` names no part: {target!r}.{nearest(target, known)}")
    return found


def files_of(part: Any) -> dict[str, Path]:
    """The fields of a part that are paths of files, for what must track or carry them."""
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    return {name: value for name, value in values.items() if isinstance(value, Path)}


def _own_package() -> str | None:
    """Name of the detector's own package: `package` in params.yaml, a folder beside it."""
    if not PARAMS.is_file():
        return None
    stat = PARAMS.stat()
    name = _package_named(PARAMS.resolve(), (stat.st_mtime_ns, stat.st_size))
    if isinstance(name, str) and name.isidentifier() and Path(name, "__init__.py").is_file():
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return name
    return None


@lru_cache(maxsize=8)
def _package_named(params: Path, changed: tuple[int, int]) -> Any:
    """What params.yaml says, read once: every part that is built asks for it."""
    del changed
    return load(params).get("package")


def _known_targets() -> list[str]:
    return [part.target for part in list_parts()]


def _construct(cls: Any, values: dict[str, Any], *, where: str) -> Any:
    fields, required, open_ended = _fields(cls)
    for key in values:
        if key not in fields and not open_ended:
            raise ConfigError(
                f"`{where}` has no field {key!r}.{nearest(key, fields)} "
                f"Its fields: {', '.join(fields) or 'none'}."
            )
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(f"`{where}` lacks the field(s) {', '.join(missing)}.")
    arguments = {
        key: _convert(value, fields.get(key, Any), where=f"{where}.{key}")
        for key, value in values.items()
    }
    try:
        return cls(**arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"`{where}` is wrong: {error}") from error


def _fields(cls: Any) -> tuple[dict[str, Any], list[str], bool]:
    """Name and type of each field, the names that have no default, and whether others may come."""
    if dataclasses.is_dataclass(cls):
        hints = typing.get_type_hints(cls)
        fields = [field for field in dataclasses.fields(cls) if field.init]
        required = [
            field.name
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        ]
        return {field.name: hints[field.name] for field in fields}, required, False
    parameters = [
        parameter
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if name != "self"
    ]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty]
    return {p.name: Any for p in named}, required, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _convert(value: Any, kind: Any, *, where: str) -> Any:
    """`value` as `kind`: lists become tuples, mappings with `_target_` become parts."""
    if isinstance(value, Mapping) and "_target_" in value:
        part = build(value, where=where)
        is_class = isinstance(kind, type) and not getattr(kind, "_is_protocol", False)
        if is_class and not isinstance(part, kind):
            article = "an" if kind.__name__[0] in "AEIOU" else "a"
            raise ConfigError(
                f"`{where}` must be {article} {kind.__name__}. Received: {part!r}."
                f"{_that_fit(kind, where=where)}"
            )
        return part
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            try:
                return _convert(value, option, where=where)
            except ConfigError:
                continue
        raise _wrong_type(value, kind, where)
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigError(
                f"`{where}` must be one of {', '.join(map(repr, arguments))}. "
                f"Received: {value!r}.{nearest(str(value), map(str, arguments))}"
            )
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            arguments = arguments[:1] * len(value)
        if len(arguments) != len(value):
            raise _wrong_type(value, kind, where)
        return tuple(
            _convert(item, argument, where=f"{where}[{index}]")
            for index, (item, argument) in enumerate(zip(value, arguments, strict=True))
        )
    if origin in (dict, Mapping, typing.get_origin(Mapping[str, int])) and isinstance(
        value, Mapping
    ):
        return {
            key: _convert(item, arguments[1], where=f"{where}.{key}") for key, item in value.items()
        }
    if kind is float and type(value) is int:
        return float(value)
    if kind in (int, float, str, bool) and type(value) is kind:
        return value
    if kind in (type(None), None) and value is None:
        return None
    if kind is Path and isinstance(value, str):
        return Path(value)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return _construct(kind, dict(value), where=where)
    if isinstance(kind, type) and kind not in (int, float, str, bool) and isinstance(value, kind):
        return value
    raise _wrong_type(value, kind, where)


def _that_fit(kind: type, *, where: str) -> str:
    """The parts of the group that `where` ends in which are of `kind`."""
    group = where.rpartition(".")[2]
    parts = list_parts(group) if group in kinds() else []
    names = [p.name for p in parts if issubclass(part_class(p.target, where=where), kind)]
    return f" Choose {group}: {', '.join(names)}." if names else ""


def _wrong_type(value: Any, kind: Any, where: str) -> ConfigError:
    name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
    return ConfigError(
        f"`{where}` must be {name.replace('typing.', '')}. "
        f"Received: {value!r}, which is {type(value).__name__}."
    )


def _plain(node: Any) -> Any:
    if isinstance(node, (DictConfig, ListConfig)):
        return OmegaConf.to_container(node, resolve=True)
    return node
