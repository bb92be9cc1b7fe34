"""All that the network finds on val, kept once for every search, and merged point by point."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, cast

from geopandas import GeoDataFrame, GeoSeries
from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config, io
from factory_core.kernel.errors import ConfigError, ModelError, OutputError
from factory_core.postprocess.predictions import check_detections, read_predictions
from factory_core.predict.change import REPORT, identity_of_change
from factory_core.predict.merge import Merge
from factory_core.predict.model import find_models, load_ensemble
from factory_core.predict.settings import read_settings
from factory_core.running_points.plan import SPLIT, Plan
from factory_core.running_points.prefixes import SceneFile

# Beside the folders of the searches: what the network gives is the same for all of them.
FOLDER = Path("running_points/.kept/candidates")
STATE = "state.json"
UNMERGED = {"_target_": "factory_core.predict.merge.Unmerged"}


@dataclass(frozen=True)
class Merged:
    """First part of the chains of a search that tries merging.

    Attributes:
        merge: The part of `predict`.
        voters: How many boxes a window gives of an object.
    """

    merge: Merge
    voters: int

    def __call__(self, found: GeoDataFrame) -> GeoDataFrame:
        """What post-processing reads of a scene that predict has merged so.

        Args:
            found: All boxes of the windows of the scene, with `in_core`.

        Raises:
            OutputError: A column is missing, or a shape or score is none.
        """
        merged = self.merge.of(found, voters=self.voters).reset_index(drop=True)
        check_detections(merged, where=f"What `predict.merge` makes ({self.merge})")
        return merged


def write_merged(merged: Merged, *, kept: Path, out: Path) -> None:
    """Write what the stage predict writes with a merge, to the byte, without the network.

    Args:
        merged: The merge.
        kept: Folder of all that the network finds.
        out: Folder to write.
    """
    with io.staged(out, key={"merged": repr(merged)}) as work:
        for file in sorted(kept.glob("*.parquet")):
            found = cast(GeoDataFrame, read_predictions(file))
            io.write_by_scene([merged(found)], work / file.name)
        if (kept / REPORT).is_file():
            shutil.copy(kept / REPORT, work / REPORT)


@dataclass(frozen=True)
class Network:
    """The models over the scenes of val, up to where boxes are merged.

    Attributes:
        plan: Of the search.
        params: The configuration of the detector.
        paths: Of the models.
        areas: Of each scene, what of it belongs to val.
        voters: How many boxes a window gives of an object.
        takes: What it finds on a scene: candidates.
    """

    plan: Plan
    params: DictConfig
    paths: tuple[Path, ...]
    areas: dict[str, GeoSeries]
    voters: int
    takes: ClassVar[type] = GeoDataFrame

    @property
    def is_kept(self) -> bool:
        """Whether all that it finds is there, and nothing has changed since."""
        state = FOLDER / STATE
        return state.is_file() and io.read_json(state) == self._state()

    def find_scenes(self, *, compute: DictConfig) -> list[SceneFile]:
        """What it finds on each scene; it runs where that is not kept, killed it goes on.

        Args:
            compute: The section of the configuration: where it is done.

        Raises:
            SceneError: Scenes are missing or damaged; all others are done then.
            ModelError: A model is damaged, or a scene does not fit it.
            ComputeError: The machine cannot be worked on.
        """
        if not self.is_kept:
            state = self._state()
            settings = OmegaConf.merge(self.params, {"compute": compute})
            OmegaConf.update(settings, "predict.merge", UNMERGED, merge=False, force_add=True)
            # The stage itself: where it is killed, what is finished is not computed again.
            import_module("factory_core.predict.stage").run(
                settings,
                models=self.plan.models,
                weights=self.plan.weights,
                scenes=self.plan.scenes,
                selection=self.plan.selection,
                split=SPLIT,
                out=FOLDER,
            )
            io.write_json(state, FOLDER / STATE)
        return [
            SceneFile(FOLDER / f"{scene_id}.parquet", area)
            for scene_id, area in sorted(self.areas.items())
        ]

    def _state(self) -> dict[str, Any]:
        """What the boxes hang on: the models, the scenes, and all of predict but the merge."""
        plan = self.plan
        settings: Any = OmegaConf.to_container(self.params.predict, resolve=True)
        settings.pop("merge", None)
        scenes = [plan.scenes / f"{scene_id}.tif" for scene_id in sorted(self.areas)]
        inputs = [*self.paths, *scenes, plan.selection / "selection.parquet"]
        state = {
            "predict": settings,
            "code": self.params.fingerprint.predict,
            "inputs": io.identity([*inputs, *([plan.weights] if plan.weights else [])]),
            "changed_by": identity_of_change(
                read_settings(self.params), scenes=plan.scenes, selection=plan.selection
            ),
        }
        as_written: dict[str, Any] = json.loads(json.dumps(state))
        return as_written


def open_network(plan: Plan, areas: dict[str, GeoSeries]) -> Network:
    """Find the models whose boxes are merged.

    Args:
        plan: Of the search.
        areas: Of each scene, what of it belongs to val.

    Raises:
        ModelError: There is no model, or one is damaged.
        OutputError: The weights of the models are missing.
        ConfigError: The models give score maps, or `predict` is wrong or has no merge.
    """
    params = config.load()
    if "merge" not in params.predict:
        raise ConfigError(
            "conf/config.yaml chooses no `merge`. Put `- merge: core` into its defaults list, then "
            "`factory compose`."
        )
    try:
        paths = tuple(find_models(plan.models))
    except ModelError as error:
        raise ModelError(
            f"{error} To try how boxes are merged, the network runs once over {SPLIT}: `dvc repro "
            "train` and `dvc repro ensemble`, or `dvc pull`."
        ) from error
    if plan.weights and not plan.weights.is_file():
        raise OutputError(
            f"{plan.weights} does not exist, by which the models are weighed. Run `dvc repro "
            "ensemble`, or state `weights: null` where predict has none."
        )
    voters = len(paths) * len(read_settings(params).views.all())
    network = Network(plan, params, paths, areas, voters)
    if not network.is_kept and load_ensemble(paths[:1]).signature.task == "score_map":
        raise ConfigError(
            f"{paths[0]} gives score maps, which have no boxes to merge: where windows overlap, "
            "`predict.blend` weights them before they are kept, and that needs the network "
            "(`factory tune`). Drop the keys `merge` and `predict.merge.*` from `space`."
        )
    return network
