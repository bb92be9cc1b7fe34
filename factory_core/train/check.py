"""Whether there is something to learn from the windows of a dataset."""

from __future__ import annotations

from factory_core.dataset.shards import Shards, Stats
from factory_core.kernel.errors import LabelError, ModelError


def check_windows(shards: Shards, stats: Stats, *, split: str) -> None:
    """Refuse windows that are missing, or of other bands than is stated.

    Raises:
        ModelError: A shard is empty, or there are fewer or more windows than `stats` states, or
            they have fewer or more bands.
    """
    again = "It was cut short or copied in part: run the stage dataset, or `dvc pull`, again."
    for name, count in shards.counts.items():
        if count == 0:
            raise ModelError(f"{shards.folder / name} holds no window. {again}")
    if len(shards) != stats.windows[split]:
        raise ModelError(
            f"{shards.folder} holds {len(shards)} windows, and its stats.json states "
            f"{stats.windows[split]}. {again}"
        )
    bands = shards[0].image.shape[-1] if len(shards) else len(stats.bands)
    if bands != len(stats.bands):
        raise ModelError(
            f"The windows in {shards.folder} have {bands} bands, and its stats.json states "
            f"{len(stats.bands)} ({', '.join(stats.bands)}). {again}"
        )


def check_labels(shards: Shards, stats: Stats) -> None:
    """Refuse windows of train from which no class, or only one of several, can be learnt.

    Raises:
        LabelError: There is no label, or none of all classes but one.
    """
    seen = [name for number, name in enumerate(stats.classes) if number in shards.classes_seen]
    if not seen:
        raise LabelError(
            f"{shards.folder} has no label of {', '.join(stats.classes)}: there is nothing to "
            "learn. Label more, or select scenes that have labels (`select.where`)."
        )
    if len(seen) == 1 and len(stats.classes) > 1:
        raise LabelError(
            f"{shards.folder} has labels of {seen[0]} only, and the detector has "
            f"{len(stats.classes)} classes ({', '.join(stats.classes)}): nothing tells them apart. "
            "Label the others, select scenes that have them, or lower `taxonomy.level`."
        )
