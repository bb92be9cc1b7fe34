"""The tables of a catalogue as the page needs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from factory_core.catalogue.table import FIRST, OBSERVED
from factory_core.kernel import io
from factory_core.kernel.errors import OutputError


@dataclass(frozen=True)
class Collection:
    """What a catalogue holds.

    Attributes:
        scenes: A row a scene, indexed by id, with `labels_count` and `taken` (the middle of
            its time; NaT where that is not known); geometry in EPSG:4326.
        labels: A row a label: `leaf` (its class), `class_path`, `scene_id`, `length_m`,
            `area_m2`, `aspect`, `neighbour_m`, `length_px`.
        contexts: Names of the contexts, in the order of the catalogue.
        empty_classes: Classes of the taxonomy, at any level, without a label.
    """

    scenes: gpd.GeoDataFrame
    labels: pd.DataFrame
    contexts: tuple[str, ...]
    empty_classes: tuple[str, ...]


def read_collection(catalogue: Path) -> Collection:
    """Read what the stage catalogue wrote.

    Raises:
        OutputError: A table is missing or damaged, or of an older make.
    """
    scenes = gpd.GeoDataFrame(io.read_table(catalogue / "scenes.parquet")).set_index("id")
    labels = pd.DataFrame(io.read_table(catalogue / "labels.parquet"))
    missing = [name for name in ("class_path", "length_m", "neighbour_m") if name not in labels]
    missing += [name for name in ("area_km2", "labels_per_km2") if name not in scenes]
    if missing:
        raise OutputError(
            f"{catalogue} was written by an older version: it lacks {', '.join(missing)}. "
            "Run `factory catalogue` again."
        )
    contexts = tuple(
        str(name)
        for name in scenes
        if name not in (*FIRST, *OBSERVED, "geometry", "collection")
        and pd.api.types.is_numeric_dtype(scenes[name])
    )
    labels = labels.drop(columns=["geometry", "crs"])
    labels = labels.astype({"class_path": object, "scene_id": object})
    labels["leaf"] = labels["class_path"].str.split("/").str[-1]
    gsd = scenes["gsd"].reindex(labels["scene_id"]).to_numpy()
    labels["length_px"] = labels["length_m"] / gsd
    counts = labels["scene_id"].value_counts().reindex(scenes.index, fill_value=0)
    totals = pd.DataFrame(list(scenes["labels"])).fillna(0).sum()
    return Collection(
        scenes=scenes.assign(labels_count=counts, taken=_taken(scenes)),
        labels=labels,
        contexts=contexts,
        empty_classes=tuple(str(name) for name in totals.index[totals == 0]),
    )


def _taken(scenes: pd.DataFrame) -> pd.Series:
    start, end = scenes["start_datetime"], scenes["end_datetime"]
    middle = start + (end - start) / 2
    return middle.where(end - start < pd.Timedelta(days=366))
