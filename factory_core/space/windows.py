"""The windows that a network is built for: those of the dataset, or as the settings say."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from factory_core.dataset.shards import Stats, read_stats
from factory_core.kernel import config as configuration

DATASET = Path("data/dataset")
COLOURS = ("red", "green", "blue")


def windows_of(config: DictConfig, *, form: str, root: Path = Path()) -> tuple[Stats, str]:
    """What windows share, and where it is from, in words.

    The size is always that of `dataset.window_px`; bands and classes are those of
    `data/dataset/stats.json` where the stage dataset has written it.

    Args:
        config: A composed configuration.
        form: What the model learns from.
        root: Root of the detector.
    """
    size = int(config.dataset.window_px)
    if (root / DATASET / "stats.json").is_file():
        found = read_stats(root / DATASET)
        known = {**vars(found), "form": form, "window_px": size}
        return Stats(**known), f"{len(found.bands)} bands as in {DATASET}/stats.json"
    bands = tuple(config.catalogue.bands) or COLOURS
    taxonomy = configuration.taxonomy(config)
    made_up = Stats(
        form=form,  # type: ignore[arg-type]  # of a model, which declares it
        bands=bands,
        dtype="uint8",
        nodata=0.0,
        classes=tuple(taxonomy.names),
        resolution_m=1.0,
        window_px=size,
        mean=(127.0,) * len(bands),
        deviation=(60.0,) * len(bands),
        windows={},
        labelled={},
    )
    return made_up, f"{len(bands)} bands, for {DATASET}/stats.json is not there yet"
