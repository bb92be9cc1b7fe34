"""The scenes that a query in SQL keeps; it sees the table of scenes and nothing else."""

from __future__ import annotations

import difflib
import re

import duckdb
import pandas as pd

from factory_core.kernel.errors import ConfigError, SelectionError


def choose_scenes(scenes: pd.DataFrame, *, where: str) -> list[str]:
    """Ids of the scenes for which `where` holds.

    Args:
        scenes: The table of the catalogue; its columns are the names that `where` may use.
        where: One SQL condition: `snow > 0.5 AND labels.aircraft > 0`.

    Raises:
        ConfigError: It is not one SQL condition, or names no column; names the nearest.
        SelectionError: It keeps no scene.
    """
    plain = pd.DataFrame(scenes.drop(columns="geometry", errors="ignore"))
    with duckdb.connect() as database:
        database.register("given", plain)
        database.execute("CREATE TABLE scenes AS SELECT * FROM given")
        database.unregister("given")
        for name, value in LOCKS.items():
            database.execute(f"SET {name} = {value}")
        try:
            kept = database.table("scenes").filter(where).project("id").fetchall()
        except duckdb.Error as error:
            raise ConfigError(_explain(where, error, list(plain.columns))) from error
    if not kept:
        raise SelectionError(
            f"`select.where` ({where}) keeps none of the {len(scenes)} scenes. Loosen it; what the "
            "scenes are like stands in scenes.parquet of the catalogue."
        )
    return sorted(scene_id for (scene_id,) in kept)


# A query comes with a detector from anywhere: no files, no network, no Python variables.
LOCKS = {
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


def _explain(where: str, error: duckdb.Error, columns: list[str]) -> str:
    message = str(error).split("\n")[0]
    missing = re.search(r'column "?([^"\s]+)"? not found', message)
    if missing is None:
        missing = re.search(r'[Cc]ould not find key "([^"]+)" in struct', message)
    hint = ""
    if missing:
        near = difflib.get_close_matches(missing[1], columns, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"`select.where` is not a condition on the scenes: {message}.{hint} "
        f"Received: {where!r}. Its columns: {', '.join(columns)}."
    )
