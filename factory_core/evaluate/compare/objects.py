"""What one version finds and the other misses, object by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame

from factory_core.evaluate.comparison import Comparison, comparisons
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results

LONGITUDE_LATITUDE = "EPSG:4326"
# What can change about an object from the first version to the second, and where it comes from.
CHANGES = {
    "gained": "labels that only the second version finds",
    "lost": "labels that only the first version finds",
    "newly_false": "false detections of the second version alone",
    "no_more_false": "false detections of the first version alone",
}


@dataclass(frozen=True)
class Change:
    """A scene under two versions, at the level of training.

    Attributes:
        first: Matched by the first version.
        second: Matched by the second; its labels are the same.
        objects: Objects that came out otherwise: `change` (of `CHANGES`), `label`, `score` (of
            false detections), `scene_id`, geometry in the CRS of the scene.
    """

    first: Comparison
    second: Comparison
    objects: GeoDataFrame


def find_changes(first: Results, second: Results) -> list[Change]:
    """Compare what two versions make of the same labels, scene by scene.

    A label counts as found where a detection of its class overlaps it enough; two false
    detections are one where they overlap as much and are of one class.

    Args:
        first: Results of the first version.
        second: Of the second: the same scenes in the same order, with the same labels.
    """
    pairs = zip(first.shared(comparisons), second.shared(comparisons), strict=True)
    false = _false_in_both(first, second)
    return [
        Change(one, two, _changed(one, two, both))
        for (one, two), both in zip(pairs, false, strict=True)
    ]


def _false_in_both(first: Results, second: Results) -> list[Comparison]:
    """False detections of the second, matched to those of the first as if these were labels."""
    scenes = []
    for one, two in zip(first.shared(comparisons), second.shared(comparisons), strict=True):
        old, new = _false(one), _false(two)
        scenes.append(
            replace(
                two.scene,
                named_labels=old[["label", "geometry"]],
                labels=old[["label", "geometry"]],
                named_detections=new,
                detections=new,
            )
        )
    return comparisons(replace(second, scenes=scenes, _of_labels={}, _of_all={}))


def _false(comparison: Comparison) -> GeoDataFrame:
    chosen = comparison.scene.detections[comparison.label_of == NONE]
    return chosen.reset_index(drop=True)


def _changed(one: Comparison, two: Comparison, false: Comparison) -> GeoDataFrame:
    labels, old = two.scene.labels, _false(one)
    frames = {
        "gained": labels[two.found & ~one.found],
        "lost": labels[one.found & ~two.found],
        "newly_false": false.scene.detections[false.label_of == NONE],
        "no_more_false": old[~false.found],
    }
    return GeoDataFrame(
        {
            "change": np.repeat(np.array(list(frames), object), [len(f) for f in frames.values()]),
            "label": np.concatenate([frame["label"].to_numpy(object) for frame in frames.values()]),
            "score": np.concatenate(
                [
                    frame["score"].to_numpy(float)
                    if "score" in frame
                    else np.full(len(frame), np.nan)
                    for frame in frames.values()
                ]
            ),
            "scene_id": two.scene.scene_id,
        },
        geometry=np.concatenate([frame.geometry.to_numpy() for frame in frames.values()]),
        crs=two.scene.crs,
    )


def count_by_class(changes: Sequence[Change], *, classes: Sequence[str]) -> pd.DataFrame:
    """How the labels and false detections of each class came out under both versions.

    Returns:
        A row a class that has any, those with most labels first: `label`, `labels`, `both`
            (found by both), `lost`, `gained`, `neither`, `false_both`, `no_more_false`,
            `newly_false`.
    """
    counts = pd.DataFrame(
        0,
        index=list(classes),
        columns=[
            *("labels", "both", "lost", "gained", "neither", "false"),
            *("no_more_false", "newly_false"),
        ],
    )
    for change in changes:
        labels = change.second.scene.labels["label"]
        first, second = change.first.found, change.second.found
        _add(counts, "labels", labels)
        _add(counts, "both", labels[first & second])
        _add(counts, "neither", labels[~first & ~second])
        _add(counts, "false", _false(change.second)["label"])
        for name in CHANGES:
            _add(counts, name, change.objects["label"][change.objects["change"] == name])
    counts.insert(5, "false_both", counts.pop("false") - counts["newly_false"])
    counts = counts[counts.any(axis=1)].sort_values("labels", ascending=False, kind="stable")
    return counts.rename_axis("label").reset_index()


def _add(counts: pd.DataFrame, column: str, labels: pd.Series) -> None:
    found = labels.value_counts()
    counts.loc[found.index, column] += found.to_numpy()


def as_one(changes: Sequence[Change]) -> GeoDataFrame:
    """The changed objects of all scenes in longitude and latitude, for a file."""
    frames = [change.objects.to_crs(LONGITUDE_LATITUDE) for change in changes]
    return GeoDataFrame(pd.concat(frames, ignore_index=True), crs=LONGITUDE_LATITUDE)
