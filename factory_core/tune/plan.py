"""What a search tries, and what it makes large or small: the file TUNE.yaml."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.tune.values import Choices, Range, read_part, read_tried

SAMPLERS = ("optuna.samplers.",)
PRUNERS = ("optuna.pruners.",)
# They keep their place in the study by numbers that their seed gives a meaning.
ONE_SEED = ("GridSampler", "QMCSampler")


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
    parts = {name: read_part(content, name) for name in ("sampler", "pruner")}
    plain = {key: value for key, value in content.items() if key not in parts}
    plan: Plan = config.section(OmegaConf.create({"tune": plain}), "tune", Plan)
    space = {key: read_tried(value, where=f"tune.space.{key}") for key, value in plan.space.items()}
    search = Search(plan, space, **parts)
    search.build_sampler(0)
    search.build_pruner()
    return search


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
