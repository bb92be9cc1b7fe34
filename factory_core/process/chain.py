"""The chain of parts that brings a raw scene to what the model takes: fit, apply, keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

import geopandas as gpd

from factory_core.kernel.config import build, files_of
from factory_core.kernel.geo import Raster


class Task(Protocol):
    """One part of the chain."""

    def __call__(self, raster: Raster) -> Raster:
        """The scene after this part; nothing is read yet."""


@runtime_checkable
class Fitted(Protocol):
    """A part that learns from the training ground before it is applied."""

    def fit(self, rasters: Mapping[str, Raster], areas: Mapping[str, gpd.GeoSeries]) -> Task:
        """The part with what it has learnt, in fields."""


def fit_chain(
    tasks: Sequence[Task], rasters: Mapping[str, Raster], areas: Mapping[str, gpd.GeoSeries]
) -> list[Task]:
    """Fit each part that learns, to scenes as the parts before it leave them.

    Args:
        tasks: The parts, in order.
        rasters: Raw scenes with training ground, by id.
        areas: That ground, one (multi)polygon a scene, in a CRS in metres.
    """
    fitted: list[Task] = []
    for task in tasks:
        if isinstance(task, Fitted):
            seen = {name: apply_chain(raster, fitted) for name, raster in rasters.items()}
            task = task.fit(seen, areas)
        fitted.append(task)
    return fitted


def apply_chain(raster: Raster, tasks: Sequence[Task]) -> Raster:
    """The scene after all `tasks`; its pixels are computed when they are read."""
    for task in tasks:
        raster = task(raster)
    return raster


def to_nodes(tasks: Sequence[Any]) -> list[dict[str, Any]]:
    """The parts as plain data, `_target_` and fields, for JSON."""
    return [
        {
            "_target_": f"{type(task).__module__}.{type(task).__qualname__}",
            **asdict(task),
            **{name: path.as_posix() for name, path in files_of(task).items()},
        }
        for task in tasks
    ]


def from_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[Task]:
    """The parts that `to_nodes` wrote down."""
    return [build(dict(node), where=f"tasks[{index}]") for index, node in enumerate(nodes)]
