"""The contexts of scenes, as the catalogue measured them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError


def read_contexts(config: DictConfig, table: Path) -> pd.DataFrame:
    """The contexts of each scene that the configuration names, indexed by `scene_id`."""
    scenes = io.read_table(table)
    names = list(config.catalogue.get("contexts") or {})
    missing = [name for name in names if name not in scenes]
    if missing:
        raise OutputError(
            f"{table} lacks the contexts {', '.join(missing)} of `catalogue.contexts`. "
            "Run `catalogue` again."
        )
    return pd.DataFrame(scenes.set_index("id")[names])
