"""What a search tries, and what it makes large or small: the file TUNE.yaml."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError

SAMPLERS = ("optuna.samplers.",)
PRUNERS = ("optuna.pruners.",)
# They keep their place in the study by numbers that their seed gives a meaning.
ONE_SEED = ("GridSampler", "QMCSampler")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: whole ones where both are.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Whether factors count, and not differences.
        step: Distance of neighbouring values; not together with `log`.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(
                "`low` must be below `high`, and above 0 with `log`. "
                f"Received: low={self.low}, high={self.high}."
            )
        if self.step is not None and (self.log or self.step <= 0):
            raise ValueError(f"`step` must be above 0 and without `log`. Received: {self.step}.")

    def ask(self, trial: Any, key: str) -> str:
        """The override that an Optuna trial suggests; six digits of a fraction."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if whole and (self.step is None or isinstance(self.step, int)):
            step = self.step or 1
            return f"{key}={trial.suggest_int(key, self.low, self.high, log=self.log, step=step)}"
        value = trial.suggest_float(key, self.low, self.high, log=self.log, step=self.step)
        return f"{key}={float(f'{value:.6g}')!r}"

    def first(self, key: str) -> str:
        """An override that the configuration must take."""
        return f"{key}={self.low!r}"


@dataclass(frozen=True)
class Choices:
    """Values one of which is taken; options of a group of `conf/` among them."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"There must be two values or more. Received: {list(self.values)}.")

    def ask(self, trial: Any, key: str) -> str:
        """The override that an Optuna trial suggests."""
        return f"{key}={trial.suggest_categorical(key, [_written(v) for v in self.values])}"

    def first(self, key: str) -> str:
        """An override that the configuration must take."""
        return f"{key}={_written(self.values[0])}"


def _written(value: Any) -> str:
    """A value as Hydra reads it on a command line."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_written(item)}' for key, item in value.items())}}}"
    return json.dumps(value)


@dataclass(frozen=True)
class Plan:
    """The plain settings of a search.

    Args:
        name: Of the study; its experiments are `<name>-000`, `<name>-001`, ...
        metric: Key in the file of metrics; dots lead into mappings.
        trials: How many there are to be in all.
        space: What is tried: a key of params.yaml, or a group of conf/, with its range or choices.
        metrics: File that holds the metric, written by a stage without cache.
        direction: What is better.
        curve: Table of DVCLive that grows while a trial runs, for the pruner; its values must be
            better in the same direction. None: no trial is pruned.
        overrides: What all trials have in common, as `dvc exp run -S` takes it.
    """

    name: str
    metric: str
    trials: int
    space: Mapping[str, Any]
    metrics: Path = Path("evaluation/val/metrics.json")
    direction: Literal["maximize", "minimize"] = "maximize"
    curve: Path | None = Path("curves/0/plots/metrics/val/quality.tsv")
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", self.name):
            raise ValueError(
                "`name` must be lower-case letters, digits, - and _, and begin with a letter. "
                f"Received: {self.name!r}."
            )
        if self.trials < 1 or not self.space:
            raise ValueError("There must be at least one trial, and one key in `space`.")
        for file in (self.metrics, self.curve):
            if file is not None and "test" in re.split(r"[/._-]", file.as_posix()):
                raise ValueError(
                    f"{file} is of test, which gives the figures of a release and steers no "
                    "choice: the figures would be of what was chosen by them. Take val."
                )

    def digest(self, parts: Mapping[str, Any]) -> str:
        """Changes with everything that makes trials comparable; their number does not."""
        content = {**asdict(self), "parts": dict(parts)}
        del content["trials"]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Search:
    """A plan with what it names: ranges, sampler, pruner.

    Attributes:
        plan: The plain settings.
        space: What is tried, by key.
        sampler: The mapping of the sampler, empty for Optuna's own choice.
        pruner: The mapping of the pruner, empty for Optuna's own choice.
    """

    plan: Plan
    space: Mapping[str, Range | Choices]
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Changes with everything that makes trials comparable."""
        return self.plan.digest({"sampler": self.sampler, "pruner": self.pruner})

    def build_sampler(self, number: int) -> Any:
        """The sampler that asks for trial `number`.

        Each trial has a seed of its own, so that a search that was interrupted asks for the same
        as one that was not.
        """
        node = dict(self.sampler)
        if not node:
            return None
        if isinstance(node.get("seed"), int) and not node["_target_"].endswith(ONE_SEED):
            node["seed"] += number
        return config.build(node, where="sampler", also=SAMPLERS)

    def build_pruner(self) -> Any:
        """The pruner, or None for Optuna's own choice."""
        if not self.pruner:
            return None
        return config.build(self.pruner, where="pruner", also=PRUNERS)


def read_search(file: Path) -> Search:
    """Read and check a TUNE.yaml.

    Raises:
        ConfigError: A key, a value, a range, the sampler or the pruner is wrong, or the metric is
            one of test.
    """
    content = config.load(file)
    parts = {name: _part(content, name) for name in ("sampler", "pruner")}
    plain = {key: value for key, value in content.items() if key not in parts}
    plan: Plan = config.section(OmegaConf.create({"tune": plain}), "tune", Plan)
    space = {key: _tried(value, where=f"tune.space.{key}") for key, value in plan.space.items()}
    search = Search(plan, space, **parts)
    search.build_sampler(0)
    search.build_pruner()
    return search


def _part(content: DictConfig, name: str) -> dict[str, Any]:
    node = OmegaConf.to_container(content, resolve=True)
    found = node.get(name) if isinstance(node, dict) else None
    if found is None:
        return {}
    if not isinstance(found, dict) or "_target_" not in found:
        raise ConfigError(
            f"`{name}` must be a mapping with `_target_: optuna.{name}s....`. Received: {found!r}."
        )
    return {str(key): value for key, value in found.items()}


def _tried(value: Any, *, where: str) -> Range | Choices:
    if isinstance(value, Mapping):
        node = OmegaConf.create({"it": dict(value)})
        try:
            found: Range | Choices = config.section(node, "it", Range)
        except ConfigError as error:
            raise ConfigError(str(error).replace("`it", f"`{where}")) from error
        return found
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(
            f"`{where}` must be a list of choices, or a mapping with low and high. "
            f"Received: {value!r}."
        )
    try:
        return Choices(tuple(value))
    except ValueError as error:
        raise ConfigError(f"`{where}` is wrong: {error}") from error


def metric_of(content: Any, plan: Plan) -> float:
    """The metric in the content of its file.

    Raises:
        ConfigError: It is not there, or no number.
    """
    node = content
    for step in plan.metric.split("."):
        if not isinstance(node, Mapping) or step not in node:
            known = ", ".join(_numbers(content)) or "none"
            raise ConfigError(
                f"`metric` is {plan.metric!r}, which {plan.metrics} does not have. It has: {known}."
            )
        node = node[step]
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise ConfigError(f"{plan.metrics} has {node!r} for {plan.metric!r}, which is no number.")
    return float(node)


def _numbers(node: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(node, Mapping):
        return [name for key, value in node.items() for name in _numbers(value, (*path, str(key)))]
    return [".".join(path)] if isinstance(node, int | float) else []
