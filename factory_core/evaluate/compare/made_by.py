"""Whether what a version holds was made by the settings that it states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.evaluate.compare.verdict import changed_parameters
from factory_core.kernel import config as configuration
from factory_core.kernel.errors import OutputError
from factory_core.kernel.revisions import Revision, Workspace

LOCK = "dvc.lock"
PARAMS = str(configuration.PARAMS)
# What comes behind detections; a comparison evaluates by itself.
BEHIND = ("evaluate", "bundle")


def check_made_by(
    version: Workspace | Revision, params: DictConfig, *, split: str, folder: Path
) -> None:
    """Refuse detections that other settings made than those of the params.yaml beside them.

    A promoted running point has run on val alone: on test it would be its parent again.
    Fingerprints are passed over; a version without dvc.lock says nothing.

    Args:
        version: That is compared.
        params: Its params.yaml.
        split: That is compared; stages of another one do not count.
        folder: For a copy of its dvc.lock.

    Raises:
        OutputError: Names the stage, the settings, and what to do.
    """
    if not version.has(LOCK):
        return
    version.bring(LOCK, folder / LOCK)
    lock = OmegaConf.to_container(configuration.load(folder / LOCK))
    for stage, used, stated in _recorded(lock, params):
        name, _, of_split = stage.partition("@")
        if name in BEHIND or (of_split in ("val", "test") and of_split != split):
            continue
        rows = changed_parameters(used, stated)
        if rows:
            told = "; ".join(f"{key} {old} in place of {new}" for key, old, new in rows[:3])
            more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise OutputError(
                f"In {version.name} the detections of {split} are not of its own {PARAMS}: "
                f"{stage} ran with {told}{more} ({LOCK}). {_advice(version, split)}"
            )


def _recorded(
    lock: Any, params: DictConfig
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each stage with the settings that it ran with, and the same ones as they are stated."""
    for stage, entry in (lock.get("stages") or {}).items():
        used = entry.get("params", {}).get(PARAMS, {})
        used = {key: value for key, value in used.items() if not key.startswith("fingerprint")}
        yield stage, used, {key: _stated(params, key) for key in used}


def _stated(params: DictConfig, key: str) -> Any:
    found = OmegaConf.select(params, key)
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


def _advice(version: Workspace | Revision, split: str) -> str:
    if isinstance(version, Workspace):
        return f"Run `dvc repro`, or take back what was changed in {PARAMS}."
    val = " Or compare on `--split val`, on which running points run." if split == "test" else ""
    return (
        f"Bring the rest (`dvc exp apply {version.name}` or a checkout, then `dvc repro`, and "
        f"commit) and name that commit.{val}"
    )
