"""The networks of a split, made once for all metrics that walk on them."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.evaluate.lines.network import Network, build_network
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene


@dataclass(frozen=True)
class Networks:
    """What is true and what was found on a scene, lines of every class together.

    Attributes:
        labels: The labels.
        detections: The detections.
    """

    labels: Network
    detections: Network


def build_networks(results: Results) -> list[Networks]:
    """One a scene; to be called by `Results.shared`."""
    return results.compute.map(_of_scene, list(results.scenes), label="evaluate: networks")


def _of_scene(scene: Scene) -> Networks:
    return Networks(
        *(build_network(frame.geometry.to_numpy()) for frame in (scene.labels, scene.detections))
    )
