"""Split as a file says, that of a benchmark, say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from factory_core.kernel.errors import SelectionError, nearest
from factory_core.select.units import SPLITS, Pool, Unit

ENDINGS = (".csv", ".parquet", ".json")


@dataclass(frozen=True)
class GivenFile:
    """Split by scene as a file says; a scene that it does not name is left out.

    Nothing is moved to make it right: where scenes of two splits overlap on the ground or
    look alike, or a scene was test before, the stage stops.

    Attributes:
        file: CSV, Parquet or JSON (a list of objects, or one object scene -> split) in the
            folder `conf/query`, with the columns `scene_id` and `split`.
    """

    file: str

    @property
    def gap_m(self) -> float:
        """None: the file decides."""
        return 0.0

    @property
    def shares(self) -> Mapping[str, float]:
        """None: the file decides."""
        return {}

    def __call__(self, pool: Pool) -> list[Unit]:
        """A unit for each scene.

        Raises:
            SelectionError: The file cannot be read, lacks a column, names a scene twice, or
                a scene or a split that does not exist; names the row.
        """
        splits = read_splits(pool.files / self.file, known=list(pool.known or pool.outlines))
        return [
            Unit({name: outline.iloc[0]}, split=splits[name], firm=True, whole=True)
            if name in splits
            else Unit({name: outline.iloc[0]}, reason=f"not in {self.file}", whole=True)
            for name, outline in pool.outlines.items()
        ]


def read_splits(path: Path, *, known: list[str]) -> dict[str, str]:
    """The split of each scene that a file names.

    Raises:
        SelectionError: As `GivenFile`.
    """
    table = _read(path)
    columns = {"scene_id", "split"}
    if not columns <= set(table.columns):
        raise SelectionError(
            f"{path} must have the columns scene_id and split. It has: "
            f"{', '.join(map(str, table.columns)) or 'none'}."
        )
    found: dict[str, str] = {}
    for row, (scene_id, split) in enumerate(
        zip(table["scene_id"], table["split"], strict=True), start=1
    ):
        if str(split) not in SPLITS:
            raise SelectionError(
                f"{path}, row {row}: {split!r} is no split.{nearest(str(split), SPLITS)} "
                f"Expected one of {', '.join(SPLITS)}."
            )
        if str(scene_id) not in known:
            raise SelectionError(
                f"{path}, row {row}: there is no scene {scene_id!r} in the catalogue."
                f"{nearest(str(scene_id), known)}"
            )
        if str(scene_id) in found:
            raise SelectionError(
                f"{path}, row {row}: the scene {scene_id!r} stands there twice, the first time as "
                f"{found[str(scene_id)]}. Keep one row."
            )
        found[str(scene_id)] = str(split)
    if not found:
        raise SelectionError(f"{path} names no scene. Give it a row for each.")
    return found


def _read(path: Path) -> pd.DataFrame:
    if path.suffix not in ENDINGS:
        raise SelectionError(
            f"{path} has the ending {path.suffix!r}. Expected one of {', '.join(ENDINGS)}."
        )
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix in ENDINGS)
        raise SelectionError(
            f"{path}, which `select.split.file` names, does not exist."
            f"{nearest(path.name, there)} Put it there, so that DVC sees it change."
        )
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            content = [{"scene_id": name, "split": split} for name, split in content.items()]
        return pd.DataFrame(content)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise SelectionError(
            f"{path} cannot be read as a table: {error}. Export it again as CSV."
        ) from error
