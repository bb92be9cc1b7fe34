"""What points are tried on: what predict wrote for val, or all that the network finds there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config, io
from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.predictions import KINDS, find_predictions, read_predictions
from factory_core.running_points.candidates import Network, open_network
from factory_core.running_points.keys import MERGE, SECTION, tries_merging
from factory_core.running_points.plan import SPLIT, Wanted
from factory_core.running_points.points import Space
from factory_core.running_points.prefixes import SceneFile

# Sections that predictions do not hang on.
FREE = (SECTION, "evaluate", "compute", "bundle")


@dataclass(frozen=True)
class Predictions:
    """What predict wrote; beside `Network`, which has the same to say of itself.

    Attributes:
        scenes: A file a scene.
        voters: None: boxes are merged already.
        is_kept: Nothing is left to be computed.
    """

    scenes: list[SceneFile]
    voters: None = None
    is_kept: bool = True

    @property
    def takes(self) -> type:
        """What is found on a scene."""
        kind: type = KINDS[self.scenes[0].path.suffix]
        return kind

    def find_scenes(self, *, compute: DictConfig) -> list[SceneFile]:  # noqa: ARG002
        """The files."""
        return self.scenes


def open_source(wanted: Wanted) -> Predictions | Network:
    """Find what the points of a plan are tried on; nothing is computed yet.

    Raises:
        SelectionError: There is no scene of val.
        OutputError: Predictions, or the weights of models, are missing.
        ModelError: Merging is tried, and there is no model, or one is damaged.
        ConfigError: Merging is tried, and the models give no boxes.
    """
    plan = wanted.plan
    areas = io.read_areas(plan.selection / "selection.parquet", SPLIT)
    if not areas:
        raise SelectionError(
            f"{plan.selection / 'selection.parquet'} has nothing for the split {SPLIT!r}, on which "
            "running points are searched. Give it a share in the section `select`."
        )
    if tries_merging(wanted.space):
        return open_network(plan, areas)
    if not plan.predictions.is_dir():
        raise OutputError(
            f"{plan.predictions} does not exist. Run the stage predict first: "
            f"`dvc repro predict@{SPLIT}`."
        )
    files = find_predictions(plan.predictions, sorted(areas))
    return Predictions([SceneFile(file, areas[file.stem]) for file in files])


def check_not_empty(scenes: Sequence[SceneFile]) -> None:
    """Refuse scenes on none of which anything is found.

    Raises:
        OutputError: Names their folder.
    """
    if not any(_holds_something(scene.path) for scene in scenes):
        raise OutputError(
            f"{scenes[0].path.parent} is empty: no scene of {SPLIT} has a score above 0, so all "
            "points would detect nothing. Look at the training curves of the model, and run the "
            "stages train and predict again."
        )


def _holds_something(file: Path) -> bool:
    found = read_predictions(file)
    return bool(found.scores.any()) if isinstance(found, ScoreMap) else len(found) > 0


def check_current(space: Space) -> None:
    """Refuse if what points are tried on was made by other settings than theirs.

    Raises:
        ConfigError: Names what differs between params.yaml and what conf/ composes to.
    """
    plan, merging = space.wanted.plan, space.voters is not None
    # Points that differ in the merge have it in common that they do not hang on the stated one.
    composed = config.compose(overrides=plan.overrides) if MERGE in space.wanted.space else None
    stated, now = (
        _upstream(one, merging=merging) for one in (config.load(), composed or space.config)
    )
    differ = sorted(
        name for name in stated.keys() | now.keys() if stated.get(name) != now.get(name)
    )
    if differ:
        common = f" with {' '.join(plan.overrides)}" if plan.overrides else ""
        raise ConfigError(
            f"{config.PARAMS} and what conf/ composes to{common} differ in {', '.join(differ)}: "
            "points would be tried on what other settings gave. What `dvc exp run -S` has set, "
            "state under `overrides` of the search too, or write it into conf/; else compose "
            f"(`factory compose`) and predict (`dvc repro predict@{SPLIT}`) first."
        )


def _upstream(composed: DictConfig, *, merging: bool) -> dict[str, Any]:
    """Sections that predictions hang on, and the code of the stages up to them, flat."""
    content: Any = OmegaConf.to_container(composed, resolve=True)
    code = content.pop("fingerprint", {})
    if merging:
        content["predict"].pop("merge", None)
    return {key: value for key, value in content.items() if key not in FREE} | {
        f"fingerprint.{stage}": value for stage, value in code.items() if stage not in FREE
    }
