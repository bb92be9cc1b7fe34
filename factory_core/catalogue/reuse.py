"""What was measured before and is still true, so that only new scenes are measured.

A scene is known by what its files hold, not by when they were written: a checkout of DVC gives
the same bytes other times. To read every byte of an archive at every run would be slow, so the
hash of each file is remembered beside the output with its size and time of change, as DVC
itself does; where those differ, the file is hashed again, which costs far less than measuring.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from factory_core.catalogue.sources import Source
from factory_core.catalogue.table import to_items
from factory_core.kernel import io
from factory_core.kernel.compute import Compute
from factory_core.kernel.errors import FactoryError

DIGITS = 16


def hash_files(files: Iterable[Path], *, remembered: Path, machine: Compute) -> dict[Path, str]:
    """Hash of the content of each file.

    Args:
        files: Any, also twice.
        remembered: JSON file with the hashes of the last time; written anew. Without it
            nothing is lost but time.
        machine: Where files are read.
    """
    known = _read_remembered(remembered)
    states = {file: _state(file) for file in dict.fromkeys(files)}
    hashes = {
        file: known[str(file)][-1]
        for file, state in states.items()
        if known.get(str(file), [None])[:-1] == state
    }
    new = [file for file in states if file not in hashes]
    if new:
        fresh = machine.map(hash_file, new, label="catalogue: new files")
        hashes |= zip(new, fresh, strict=True)
    io.write_json({str(f): [*state, hashes[f]] for f, state in states.items()}, remembered)
    return hashes


def _read_remembered(remembered: Path) -> dict[str, list[Any]]:
    try:
        found = io.read_json(remembered)
    except FactoryError:
        return {}
    return found if isinstance(found, dict) else {}


def _state(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]


def hash_file(file: Path) -> str:
    """Hash of the content of one file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def identify(
    source: Source, *, raw: Path, hashes: Mapping[Path, str], settings: Mapping[str, Any]
) -> str:
    """What a measurement depends on, in 16 hex digits: files, their names, settings, code."""
    held = {os.path.relpath(file, raw): hashes[file] for file in source.files}
    text = json.dumps([held, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def files_of_parts(node: Any) -> list[Path]:
    """Files that the settings of contexts name: an elevation model, a map of land cover."""
    if isinstance(node, Mapping):
        return [file for value in node.values() for file in files_of_parts(value)]
    if isinstance(node, str) and Path(node).is_file():
        return [Path(node)]
    return []


def read_measured(catalogue: Path) -> dict[str, dict[str, Any]]:
    """What an earlier run has measured, by identity: what `describe_scene` gave.

    An earlier catalogue that is missing, damaged or of another make gives nothing.
    """
    try:
        scenes = io.read_table(catalogue / "scenes.parquet")
        contexts = io.read_table(catalogue / "contexts.parquet")
    except FactoryError:
        return {}
    if "identity" not in scenes:
        return {}
    names = [name for name in contexts if name not in ("scene_id", "geometry", "crs")]
    cells = {
        str(scene_id): {name: _known(rows[name].tolist()) for name in names}
        for scene_id, rows in contexts.groupby("scene_id", sort=False)
    }
    return {
        item["properties"]["identity"]: {"item": item, "cells": cells.get(item["id"], {})}
        for item in to_items(scenes)
    }


def _known(values: list[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]
