"""What a search may try: ranges and choices of values, and who asks for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError


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

    def suggest(self, trial: Any, key: str) -> int | float:
        """The value that an Optuna trial suggests; six digits of a fraction."""
        if self._whole:
            step = int(self.step or 1)
            found: int = trial.suggest_int(key, self.low, self.high, log=self.log, step=step)
            return found
        return _short(trial.suggest_float(key, self.low, self.high, log=self.log, step=self.step))

    @property
    def all_values(self) -> list[Any] | None:
        """Every value there is, rising; None where there is no end of them."""
        if not self._whole and self.step is None:
            return None
        step = self.step or 1
        count = int((self.high - self.low) / step + 1e-9) + 1
        values = [self.low + index * step for index in range(count)]
        return values if self._whole else [_short(value) for value in values]

    @property
    def first(self) -> int | float:
        """A value that the configuration must take."""
        return self.low

    @property
    def _whole(self) -> bool:
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


def _short(value: float) -> float:
    """Six digits: a step of 0.1 gives 0.3, and not 0.30000000000000004."""
    return float(f"{value:.6g}")


@dataclass(frozen=True)
class Choices:
    """Values one of which is taken; options of a group of `conf/` among them."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"There must be two values or more. Received: {list(self.values)}.")

    def suggest(self, trial: Any, key: str) -> Any:
        """The value that an Optuna trial suggests."""
        texts = [written(value) for value in self.values]
        return self.values[texts.index(trial.suggest_categorical(key, texts))]

    @property
    def all_values(self) -> list[Any]:
        """Every value there is."""
        return list(self.values)

    @property
    def first(self) -> Any:
        """A value that the configuration must take."""
        return self.values[0]


def override(key: str, value: Any) -> str:
    """What `dvc exp run -S` takes to set `key` to `value`."""
    return f"{key}={written(value)}"


def written(value: Any) -> str:
    """A value as Hydra reads it on a command line."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{written(item)}' for key, item in value.items())}}}"
    return json.dumps(value)


def read_tried(value: Any, *, where: str) -> Range | Choices:
    """A range from a mapping, or choices from a list.

    Raises:
        ConfigError: It is neither, or wrong as such; names `where`.
    """
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


def read_part(content: DictConfig, name: str) -> dict[str, Any]:
    """The mapping of Optuna's `name`, `sampler` or `pruner`; empty where there is none.

    Raises:
        ConfigError: It is no mapping with `_target_`.
    """
    node = OmegaConf.to_container(content, resolve=True)
    found = node.get(name) if isinstance(node, dict) else None
    if found is None:
        return {}
    if not isinstance(found, dict) or "_target_" not in found:
        raise ConfigError(
            f"`{name}` must be a mapping with `_target_: optuna.{name}s....`. Received: {found!r}."
        )
    return {str(key): value for key, value in found.items()}
