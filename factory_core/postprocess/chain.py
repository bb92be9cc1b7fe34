"""The order of post-processing: which kinds of parts may follow each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geopandas import GeoDataFrame, GeoSeries
from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.fences import apart, meets
from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import ANY, SCORE_MAP, shapes_of

RULE = (
    "The rule: score map -> score map (any number), then one score map -> detections, then "
    "detections -> detections (any number); the candidates of a box model, which are polygons, "
    "enter at the last. `polygonise` and `boxes` give polygons, `centre_lines` lines, `points` "
    "points; a task for one of them takes no other."
)
OF_MODELS = {ScoreMap: SCORE_MAP, GeoDataFrame: "polygons"}
# What is taken, and what may come for it, where the two are not the same.
FITS = {(ANY, shape) for shape in ("polygons", "lines", "points")} | {
    (shape, ANY) for shape in ("polygons", "lines", "points")
}


@dataclass(frozen=True)
class Chain:
    """Parts in an order that fits.

    Attributes:
        tasks: Name and part of each task.
        takes: What the first of them takes: `ScoreMap`, or `GeoDataFrame` for candidates.
    """

    tasks: tuple[tuple[str, Any], ...]
    takes: type

    def __call__(self, predictions: ScoreMap | GeoDataFrame) -> GeoDataFrame:
        """Detections from a score map or candidates, as `takes` says."""
        result: Any = predictions
        for _, part in self.tasks:
            result = part(result)
        return result.reset_index(drop=True)

    def fences(self) -> Iterator[tuple[str, GeoSeries]]:
        """Name of each task that looks inside polygons only, and these: what its `fence()` gives.

        Raises:
            ConfigError: A file has no polygon, or one that crosses itself.
            LabelError: It cannot be read, or has no CRS.
        """
        for name, part in self.tasks:
            polygons = part.fence() if hasattr(part, "fence") else None
            if polygons is not None:
                yield name, polygons


def compose(node: DictConfig | Mapping[str, Any], *, takes: type, where: str) -> Chain:
    """Build the tasks of a chain in their order and check that each fits the one before.

    Args:
        node: Mapping with `tasks` and `order`.
        takes: What the predictions are: `ScoreMap`, or `GeoDataFrame` for candidates.
        where: Key of the node, for the messages.

    Raises:
        ConfigError: A part cannot be built, or stands where it does not fit.
    """
    parts = configuration.build_chain(node, where=where)
    names = node.get("order")
    chain = Chain(tuple(zip(names or node.get("tasks") or (), parts, strict=True)), takes)
    check_order(chain, where=where)
    return chain


def check_order(chain: Chain, *, where: str) -> None:
    """Refuse a chain in which a task does not take what the one before it gives.

    Raises:
        ConfigError: Names the task, what came and what it takes.
    """
    comes, giver = OF_MODELS[chain.takes], "the predictions are"
    for name, part in chain.tasks:
        takes, gives = shapes_of(part, where=f"{where}.tasks.{name}")
        if takes != comes and (takes, comes) not in FITS:
            raise ConfigError(
                f"`{where}.tasks.{name}` takes {takes}, but {giver} {comes}. "
                f"Move it in `{where}.order`, or drop it. {RULE}"
            )
        comes, giver = (
            (comes if gives == ANY and takes == ANY else gives),
            f"`{name}` before it gives",
        )
    if comes == SCORE_MAP:
        raise ConfigError(
            f"`{where}` ends with a score map: none of its tasks "
            f"({', '.join(name for name, _ in chain.tasks)}) makes detections of it. Add one that "
            f"does, `polygonise` say. {RULE}"
        )


def check_fences(chain: Chain, areas: Collection[GeoSeries], *, where: str) -> None:
    """Refuse a chain that looks where no scene is: it would find nothing, and say nothing.

    Args:
        chain: What looks.
        areas: What of each scene is looked at.
        where: Key of the chain, for the messages.

    Raises:
        ConfigError: Names the task, where its polygons are and where the scenes.
        LabelError: A file of polygons cannot be read, or has no CRS.
    """
    for name, polygons in chain.fences():
        if not meets(polygons, areas):
            advice = f"leave `{name}` out of `{where}.tasks` for these scenes"
            raise ConfigError(
                apart(polygons, areas, named=f"`{where}.tasks.{name}.file`", advice=advice)
            )
