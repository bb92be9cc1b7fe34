"""Sample imagery with labels, written by `factory sample`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.sources import neon_trees
from factory_core.sources.airfield import sample as airfield

SAMPLES: Mapping[str, Callable[..., None]] = {
    "airfield": airfield.write,
    "neon_trees": neon_trees.write,
}
# Written into a sample, so that a finished one is known from another or an unfinished one.
RECEIPT = "sample.json"


def write_sample(name: str, *, out: Path, size_px: int | None, seed: int) -> None:
    """Write a sample to `out`: `scenes/`, `labels/`, `README.md` and `detectors/`.

    A finished sample of the same name, size and seed is left as it is; the folder is
    written whole or not at all.

    Args:
        name: `airfield` or `neon_trees`.
        out: Folder to write.
        size_px: Side of a generated scene; None takes what the sample is meant for.
        seed: Of a generated sample.

    Raises:
        ConfigError: There is no such sample, or it has no size to choose.
        SceneError: Imagery cannot be fetched, or is not what it should be.
    """
    if name not in SAMPLES:
        near = difflib.get_close_matches(name, SAMPLES, n=1, cutoff=0.0)
        raise ConfigError(
            f"There is no sample {name!r}. There are: {', '.join(SAMPLES)}. "
            f"Did you mean {near[0]!r}?"
        )
    receipt = {"sample": name, "size_px": size_px, "seed": seed}
    kept = out / RECEIPT
    if kept.is_file() and io.read_json(kept) == receipt:
        return
    with io.staged(out, key=receipt) as work:
        SAMPLES[name](work, size_px=size_px, seed=seed)
        io.write_json(receipt, work / RECEIPT)
