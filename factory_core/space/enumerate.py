"""Count what the groups of a detector compose to, by rule and without composing them all.

A choice counts where a stage reads it: its key is tracked in dvc.yaml, or something tracked
refers to it. An option is valid where its class is of the type that the field which takes it
declares, its fields exist, what it refers to is chosen, the package that it needs is installed,
and where target and post-processing fit the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError
from factory_core.space.defaults import Choice, Composition, Conf
from factory_core.space.reading import Classes, Reading, Steps, accepts
from factory_core.space.space import Product, Space

MODEL = "model"
TARGET = ("dataset", "target")


def enumerate_space(root: Path = Path()) -> Space:
    """Every valid configuration of the detector at `root`.

    Raises:
        ConfigError: There is no detector, or no model is valid.
    """
    counter = _Counter(Conf(root), tracked(root))
    products = tuple(counter.products())
    if not products:
        reasons = "; ".join(f"{what}: {why}" for what, why in counter.left_out.items())
        raise ConfigError(f"No configuration is valid. {reasons}")
    return Space(products, tuple(sorted(counter.left_out.items())))


def tracked(root: Path) -> list[Steps]:
    """Keys of params.yaml that a stage of dvc.yaml tracks."""
    file = root / "dvc.yaml"
    if not file.is_file():
        raise ConfigError(f"{file} does not exist. Start in the root of a detector repository.")
    stages = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("stages", {})
    keys = {
        key for stage in stages.values() for key in stage.get("params", ()) if isinstance(key, str)
    }
    return [tuple(key.split(".")) for key in sorted(keys)]


@dataclass
class _Counter:
    conf: Conf
    roots: list[Steps]
    left_out: dict[str, str] = field(default_factory=dict)
    classes: Classes = field(default_factory=Classes)
    _faults_of_chain: dict[str, str] = field(default_factory=dict)
    _plain: dict[Any, Any] = field(default_factory=dict)

    def products(self) -> Iterator[Product]:
        """The products of each model in turn."""
        start = self.conf.compose()
        self._leave_out_whole_groups(start)
        for name in progress(self.conf.options(MODEL), label="models"):
            fixed = {MODEL: name}
            composition = self.conf.compose(fixed)
            reading = self._reading(composition).read(self.roots)
            at = composition.chosen(MODEL)
            reason = "; ".join(reading.faults_below(at.path)) or self._chain_fault(composition)
            if reason:
                self.left_out[f"model={name}"] = reason
            else:
                yield from self._split(name, fixed, {MODEL: (name,)})

    def _reading(self, composition: Composition) -> Reading:
        return Reading(composition, self.classes)

    def _leave_out_whole_groups(self, start: Composition) -> None:
        reading = self._reading(start).read(self.roots)
        for choice in start.choices:
            if choice.many:
                self.left_out[choice.group] = "a list of any length, not one choice"
            elif not choice.path:
                self.left_out[choice.group] = "presets of other choices and values"
            elif choice.address not in reading.demands and not self._from_model(choice):
                self.left_out[choice.group] = "no stage tracks it: it changes no result"

    def _from_model(self, choice: Choice) -> bool:
        """Whether a model brings the group, which another model may read."""
        return any(
            choice.group in str(entry)
            for name in self.conf.options(MODEL)
            for entry in self.conf.read(MODEL, name).defaults
        )

    def _split(
        self, model: str, fixed: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
    ) -> Iterator[Product]:
        """Products of what is left open, split where an option changes what others may be."""
        composition = self.conf.compose(fixed)
        reading = self._reading(composition).read(self.roots)
        options = dict(groups)
        for choice in composition.choices:
            address = choice.address
            if choice.many or address in fixed or address not in reading.demands:
                continue
            kinds = self._kinds(choice, fixed=fixed, demands=reading.demands[address])
            if len(kinds) > 1:
                for alike in kinds.values():
                    inner = {**fixed, address: alike[0]}
                    yield from self._split(model, inner, {**options, address: alike})
                return
            options[address] = next(iter(kinds.values()), ())
        # A choice that was split early may be asked for more by one that came after it.
        for address, names in options.items():
            demands = reading.demands.get(address, set())
            choice = composition.chosen(address)
            options[address] = tuple(
                name for name in names if not self._misfit(choice, name, demands, fixed)
            )
        yield Product(model, options)

    def _kinds(
        self, choice: Choice, *, fixed: Mapping[str, str], demands: set[Any]
    ) -> dict[Any, tuple[str, ...]]:
        """The valid options of a choice, those together that ask the same of other choices."""
        kinds: dict[Any, tuple[str, ...]] = {}
        for name in self.conf.options(choice.group):
            reason = self._misfit(choice, name, demands, fixed)
            if reason:
                self.left_out[f"{choice.address}={name} with model={fixed[MODEL]}"] = reason
                continue
            asks = self._asks(choice, name, fixed)
            kinds[asks] = (*kinds.get(asks, ()), name)
        return kinds

    def _misfit(
        self, choice: Choice, name: str, demands: set[Any], fixed: Mapping[str, str]
    ) -> str:
        """Why an option cannot stand at a choice; empty where it can."""
        if name in _around(choice, fixed):
            return "stands in itself"
        composition = self.conf.compose({**fixed, choice.address: name})
        here = composition.chosen(choice.address)
        if here.path != choice.path:
            return f"sets `{'.'.join(here.path)}`, not `{'.'.join(choice.path)}`"
        reading = self._reading(composition)
        reading.visit(here.path, None)
        faults = reading.faults_below(here.path)
        if faults:
            return "; ".join(faults)
        cls = self.classes.of(_node(composition, here.path)["_target_"], where=choice.address)
        for hint in demands:
            if not accepts(hint, cls):
                return f"is no {getattr(hint, '__name__', hint)}"
        if here.path == TARGET:
            form = self._model_class(composition).form
            if cls.form != form:
                return f"gives {cls.form}; the model learns from {form}"
        return ""

    def _asks(self, choice: Choice, name: str, fixed: Mapping[str, str]) -> Any:
        """What an option asks of the other choices: which there are, which are read, as what."""
        key = (choice.address, tuple(fixed.items()))
        file = self.conf.read(choice.group, name)
        if not file.defaults and "${" not in str(file.body):
            if key not in self._plain:
                self._plain[key] = self._asked(choice, name, fixed)
            return self._plain[key]
        return self._asked(choice, name, fixed)

    def _asked(self, choice: Choice, name: str, fixed: Mapping[str, str]) -> Any:
        composition = self.conf.compose({**fixed, choice.address: name})
        reading = self._reading(composition).read(self.roots)
        return frozenset(
            (other.address, other.path, frozenset(reading.demands[other.address]))
            for other in composition.choices
            if other.address in reading.demands and other.address != choice.address
        )

    def _model_class(self, composition: Composition) -> Any:
        return self.classes.of(composition.tree[MODEL]["_target_"], where=MODEL)

    def _chain_fault(self, composition: Composition) -> str:
        """Why the post-processing that is chosen does not take what the model gives."""
        task = self._model_class(composition).task
        if task not in self._faults_of_chain:
            self._faults_of_chain[task] = _chain_fault(composition, task=task)
        return self._faults_of_chain[task]


def _around(choice: Choice, fixed: Mapping[str, str]) -> set[str]:
    """Options of the same group in which a choice stands; taken again, there would be no end."""
    group, _, place = choice.address.partition("@")
    around = set()
    for address, option in fixed.items():
        outer, _, at = address.partition("@")
        if outer == group and address != choice.address and place.startswith(f"{at or outer}."):
            around.add(option)
    return around


def _node(composition: Composition, path: Steps) -> Any:
    node: Any = composition.tree
    for step in path:
        node = node[step]
    return node


def _chain_fault(composition: Composition, *, task: str) -> str:
    """Why the post-processing that is chosen does not take what the model gives."""
    from geopandas import GeoDataFrame

    from factory_core.kernel.geo import ScoreMap
    from factory_core.postprocess.chain import compose

    node = composition.tree.get("postprocess") or {}
    tasks = node.get("tasks") or {}
    takes = ScoreMap if task == "score_map" else GeoDataFrame
    order = node.get("order")
    names = order if isinstance(order, list) else list(tasks)
    try:
        compose({"tasks": tasks, "order": names}, takes=takes, where="postprocess")
    except ConfigError as error:
        return str(error).split(". ")[0]
    return ""
