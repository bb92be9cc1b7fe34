"""What a search for running points tries and what it wants: the file POINTS.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.tune.values import Choices, Range, read_part, read_tried

SAMPLERS = ("optuna.samplers.",)
BY_NAME = ("grid", "random")
SPLIT = "val"


@dataclass(frozen=True)
class Bound:
    """What a metric may be.

    Args:
        at_most: Largest value that will do.
        at_least: Smallest value that will do.
    """

    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("State one of `at_most` and `at_least`.")

    @property
    def limit(self) -> float:
        """The value that it may just have."""
        return float(self.at_most if self.at_most is not None else self.at_least or 0.0)

    def excess(self, value: float) -> float:
        """How far `value` is on the wrong side; 0 or below where it will do."""
        return (value - self.limit) * (1 if self.at_most is not None else -1)

    def __str__(self) -> str:
        """In words, `at most 0.1`."""
        return f"{'at most' if self.at_most is not None else 'at least'} {self.limit:g}"


@dataclass(frozen=True)
class Plan:
    """The plain settings of a search.

    Args:
        name: Of the search: of its folder, and of the experiments that are made of its best.
        space: Keys of the section `postprocess`, and `predict.merge.FIELD`, with their range or
            choices; the key `postprocess` itself has lists of parts to choose from, and `merge`
            has merges.
        objectives: Metrics to maximise or minimise.
        constraints: What other metrics (or these) may be.
        points: How many to try; a grid tries all.
        seed: Of `random`.
        ask_at_once: How many points a sampler of Optuna gives before it hears of the first.
        overrides: What all points have in common, as `dvc exp run -S` takes it.
        cache_mb: Memory for what points share, in each process.
        predictions: What the stage predict wrote for the scenes of val.
        models: What the stage train wrote; read where merging is tried, as are the weights.
        weights: What the stage ensemble wrote; None: models count alike.
        scenes: What the stage process wrote.
        catalogue: What the stage catalogue wrote.
        selection: What the stage select wrote.
    """

    name: str
    space: Mapping[str, Any]
    objectives: Mapping[str, Literal["maximize", "minimize"]]
    constraints: Mapping[str, Bound] = field(default_factory=dict)
    points: int | None = None
    seed: int = 0
    ask_at_once: int = 1
    overrides: tuple[str, ...] = ()
    cache_mb: int = 1024
    predictions: Path = Path("data/predictions/val")
    models: Path = Path("models")
    weights: Path | None = Path("data/ensemble.json")
    scenes: Path = Path("data/processed")
    catalogue: Path = Path("data/catalogue")
    selection: Path = Path("data/selection")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", self.name):
            raise ValueError(
                "`name` must be lower-case letters, digits, - and _, and begin with a letter. "
                f"Received: {self.name!r}."
            )
        if not self.space or not self.objectives:
            raise ValueError("There must be one key in `space`, and one in `objectives`.")
        for name in ("points", "ask_at_once", "cache_mb"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"`{name}` must be 1 or more. Received: {value}.")
        if "test" in re.split(r"[/._-]", self.predictions.as_posix()):
            raise ValueError(
                f"`predictions` {self.predictions} are of test, which gives the figures of a "
                "release and steers no choice: the figures would be of what was chosen by them. "
                f"Take those of {SPLIT}."
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that it asks for."""
        return tuple(dict.fromkeys([*self.objectives, *self.constraints]))


@dataclass(frozen=True)
class Wanted:
    """A plan with what it names.

    Attributes:
        plan: The plain settings.
        space: What is tried, by key.
        sampler: `grid`, `random`, or the mapping of a sampler of Optuna.
        file: Where it is written.
    """

    plan: Plan
    space: Mapping[str, Range | Choices]
    sampler: str | Mapping[str, Any]
    file: Path


def read_points(file: Path) -> Wanted:
    """Read and check a POINTS.yaml.

    Raises:
        ConfigError: A key, a value, a range or the sampler is wrong, or it asks for test.
    """
    content = config.load(file)
    if "split" in content:
        raise ConfigError(
            f"{file} names a split. Running points are searched on {SPLIT} and nothing else: test "
            "gives the figures of a release and steers no choice. Drop `split`."
        )
    plain = OmegaConf.create({key: value for key, value in content.items() if key != "sampler"})
    for name in ("objectives", "constraints"):
        if isinstance(plain.get(name), DictConfig):
            plain[name] = {_metric(key): value for key, value in plain[name].items()}
    node = OmegaConf.create({"points": plain})
    plan: Plan = config.section(node, "points", Plan)
    space = {key: read_tried(value, where=f"space.{key}") for key, value in plan.space.items()}
    return Wanted(plan, space, _read_sampler(content, plan), file)


def _metric(key: object) -> str:
    """A metric as it was written: YAML takes the name `false` for a truth value."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _read_sampler(content: DictConfig, plan: Plan) -> str | Mapping[str, Any]:
    named = content.get("sampler", "grid")
    sampler: str | Mapping[str, Any] = named
    if not isinstance(named, str):
        sampler = read_part(content, "sampler")
    elif named not in BY_NAME:
        raise ConfigError(
            f"`sampler` must be {' or '.join(BY_NAME)}, or a mapping with `_target_: "
            f"optuna.samplers....`. Received: {named!r}.{nearest(named, BY_NAME)}"
        )
    if (sampler == "grid") != (plan.points is None):
        wrong = "is for other samplers: a grid tries all" if plan.points else "is missing"
        raise ConfigError(
            f"`points` {wrong}. State with `sampler: random`, or one of Optuna's, how many to try."
        )
    return sampler
