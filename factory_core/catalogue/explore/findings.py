"""What a collection lacks or has too much of, said in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from factory_core.catalogue.explore.read import Collection
from factory_core.catalogue.explore.words import (
    conditions,
    counted,
    listed,
    number,
    percent,
)

FEW_LABELS = 20
SMALL_PX = 10.0


def find_imbalances(collection: Collection) -> list[str]:
    """The sentences, what matters most first; empty where nothing stands out."""
    if collection.labels.empty:
        return ["There is no label: nothing can be learnt or measured yet.", *_scenes(collection)]
    return [
        *_classes(collection),
        *_places(collection),
        *_states(collection),
        *_sizes(collection),
        *_scenes(collection),
    ]


def _classes(collection: Collection) -> Iterator[str]:
    """Classes that outweigh the rest, or hardly exist."""
    counts = collection.labels["leaf"].value_counts()
    share = counts.iloc[0] / counts.sum()
    if len(counts) > 1 and share >= 0.5:
        yield f"{percent(share)} of all labels are {counts.index[0]}."
    few = counts[counts < FEW_LABELS]
    if len(few) and len(counts) > 1:
        named = [f"{name} ({count})" for name, count in few.items()]
        have = "class has" if len(few) == 1 else "classes have"
        yield f"{len(few)} {have} fewer than {FEW_LABELS} labels: {listed(named)}."
    if collection.empty_classes:
        yield f"No label at all: {listed(list(collection.empty_classes))}."


def _places(collection: Collection) -> Iterator[str]:
    """Labels that sit in few scenes: no split can have them on both sides."""
    labels, scenes = collection.labels, collection.scenes
    if len(scenes) < 2:
        yield "There is one scene: train, val and test can only be parts of it."
        return
    per_class = labels.groupby("leaf")["scene_id"].nunique()
    alone = [str(name) for name in per_class.index[per_class == 1]]
    if alone and len(per_class) > 1:
        yield (
            f"In one scene only: {listed(alone)}. What is tested there cannot be trained elsewhere."
        )
    counts = np.sort(scenes["labels_count"].to_numpy())[::-1]
    half = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2) + 1)
    if half <= max(1, 0.2 * len(scenes)):
        hold = "holds" if half == 1 else "hold"
        yield f"{half} of {counted(len(scenes), 'scene')} {hold} half of all labels."
    bare = int((counts == 0).sum())
    if bare:
        yield (
            f"{number(bare)} of {counted(len(scenes), 'scene')} "
            f"{'has' if bare == 1 else 'have'} no label: good as background if nothing was "
            "overlooked there."
        )


def _states(collection: Collection) -> Iterator[str]:
    """Classes that are never seen in a state of the scenes, and states that no scene is in."""
    labels, scenes = collection.labels, collection.scenes
    never: list[str] = []
    unseen: dict[str, list[str]] = {}
    for condition in conditions(collection.contexts):
        holds = condition.holds(scenes)
        if scenes[condition.context].isna().all():
            continue
        if not holds.any():
            never.append(condition.phrase)
            continue
        inside = holds.reindex(labels["scene_id"]).to_numpy(bool)
        share = inside.mean()
        within = f"({number(holds.sum())} of {counted(len(scenes), 'scene')})"
        if holds.all() or not 0 < share < 1:
            if not inside.any():
                yield f"Nothing labelled is seen {condition.phrase} {within}."
            continue
        table = pd.crosstab(labels["leaf"], inside).reindex(columns=[False, True], fill_value=0)
        total = table.sum(axis=1)
        # With so many labels in such a share of all, none in it is no accident.
        surprising = (table[True] == 0) & (total * share >= 3)
        if surprising.any():
            names = [str(name) for name in total[surprising].sort_values(ascending=False).index]
            unseen.setdefault(listed(names, last="or"), []).append(f"{condition.phrase} {within}")
    for names_said, phrases in unseen.items():
        yield f"No {names_said} is seen {listed(phrases, most=6, last='or')}."
    if never:
        yield f"Nothing at all was taken {listed(never, most=8, last='or')}."


def _sizes(collection: Collection) -> Iterator[str]:
    """Objects of so few pixels that they can hardly be found."""
    lengths = collection.labels[collection.labels["length_px"] > 0]
    for name, rows in lengths.groupby("leaf"):
        if len(rows) >= FEW_LABELS and rows["length_px"].median() < SMALL_PX:
            yield f"Half of all {name} are shorter than {rows['length_px'].median():.1f} pixels."


def _scenes(collection: Collection) -> Iterator[str]:
    """Scenes that are alike, empty, or of no known time."""
    scenes = collection.scenes
    hashes = scenes["image_hash"].dropna() if "image_hash" in scenes else pd.Series(dtype=object)
    alike = hashes[hashes.duplicated(keep=False)]
    if len(alike):
        names = [
            listed([str(i) for i in ids], most=3) for ids in alike.groupby(alike).groups.values()
        ]
        yield f"Scenes that look alike: {'; '.join(names[:3])}{' ...' if len(names) > 3 else ''}."
    if "nodata_share" in scenes and (hollow := int((scenes["nodata_share"] > 0.5).sum())):
        yield f"{counted(hollow, 'scene')} {'is' if hollow == 1 else 'are'} more than half empty."
    unknown = int(scenes["taken"].isna().sum())
    if unknown == len(scenes):
        yield "The time of no scene is known: seasons and years cannot be told apart."
    elif unknown:
        yield f"The time of {number(unknown)} of {counted(len(scenes), 'scene')} is not known."
