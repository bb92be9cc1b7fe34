"""The best points as DVC experiments: `dvc exp show` lists them, `dvc exp apply` adopts one."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from factory_core.kernel import config, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError, OutputError
from factory_core.running_points import candidates
from factory_core.running_points.choose import Tried
from factory_core.running_points.kept import Numbers
from factory_core.running_points.keys import tries_merging
from factory_core.running_points.measure import number_of
from factory_core.running_points.outcome import Outcome
from factory_core.running_points.plan import SPLIT, Plan
from factory_core.tune import experiments
from factory_core.tune.workplace import Workplace, git, refuse_uncommitted

FOLDER = Path(".dvc/tmp/running_points")
PREDICT = "predict"
STEPS = ("postprocess", "evaluate")
# What the stage predict reads, as its options and a plan name it.
READ = ("models", "weights", "scenes", "selection")


def promote_points(outcome: Outcome, *, count: int, file: Path) -> Iterator[str]:
    """Make experiments of the best points.

    The stages postprocess and evaluate of val run for each in a clone of the last commit, what
    they write goes into the cache of DVC, and Git gets all experiments by one `git fast-import`.
    Where merging was tried, what the stage predict would write is merged of what the search kept.

    Args:
        outcome: Of the search.
        count: How many points, the best first.
        file: The POINTS.yaml, which need not be committed.

    Yields:
        Lines to show.

    Raises:
        ConfigError: Something is not committed, or there are other experiments of these names.
        OutputError: What the stages need is not in the cache of DVC, their numbers are not those
            of the search, what it kept is not of the commit, or the installed DVC does not list
            what was written.
    """
    root = Path()
    refuse_uncommitted(root, own=file)
    steps: tuple[str, ...] = STEPS
    if tries_merging(outcome.wanted.space):
        steps = (PREDICT, *STEPS)
        _refuse_other_inputs(outcome.plan)
    best = {one.name(outcome.plan): one for one in outcome.ranked[:count]}
    place = _open_workplace(root)
    _refuse_others(place, outcome, best)
    made = []
    kept = candidates.FOLDER.resolve()
    with chdir(place.work):
        _check_out(steps)
        for name, one in progress(list(best.items()), label="promote"):
            made.append(_make(name, one, outcome, base=place.base, steps=steps, kept=kept))
    experiments.write(place, made)
    missing = sorted(best.keys() - experiments.listed(place))
    if missing:
        experiments.remove(place, list(best))
        commands = "\n".join(
            f"  {outcome.command(one)} --name {name}" for name, one in best.items()
        )
        raise OutputError(
            "The installed DVC does not list experiments as they were written "
            f"({', '.join(missing)}); they are removed again. Run them instead:\n{commands}"
        )
    yield ""
    for name in best:
        yield f"promoted: {name}   # dvc exp apply {name}"
    yield "`dvc exp show` lists them; after an apply, `dvc repro` brings test and the bundle."


def _refuse_other_inputs(plan: Plan) -> None:
    """Refuse where the network has run on other models or scenes than those of the commit."""
    with _repo() as repo:
        stage = _stages(repo, (PREDICT,))[PREDICT]
        options = _options(shlex.split(stage.cmd))
        stated = {name: getattr(plan, name) for name in READ}
        changed = [
            str(path)
            for name, path in stated.items()
            if options.get(name) != (path.as_posix() if path else None)
        ]
        own = [dep for dep in stage.deps if dep not in stage.params]
        changed += [dep.def_path for dep in own if dep.workspace_status()]
    if changed:
        raise OutputError(
            f"The network has run on what is not of the last commit: {', '.join(changed)} "
            f"differs from what {stage.addressing} has in dvc.yaml and dvc.lock. Run `dvc repro`, "
            "commit, and search again."
        )


def _open_workplace(root: Path) -> Workplace:
    """A clone of the last commit; those of earlier ones go."""
    base = git("rev-parse", "HEAD", root=root)
    folder = root / FOLDER / base[:12]
    for old in folder.parent.glob("*"):
        if old != folder:
            shutil.rmtree(old)
    place = Workplace(root, folder, base)
    place.open()
    return place


def _refuse_others(place: Workplace, outcome: Outcome, best: dict[str, Tried]) -> None:
    """Refuse names that experiments of other values have."""
    for name, one in best.items():
        if experiments.exists(place, name):
            composed = config.to_yaml(config.compose(overrides=outcome.overrides(one)))
            if experiments.read(place, name, config.PARAMS).strip() != composed.strip():
                raise ConfigError(
                    f"There is an experiment {name} of other values. Give this search another "
                    f"`name`, or forget that one: `dvc exp remove {name}`."
                )


def _check_out(steps: Sequence[str]) -> None:
    """Bring what the stages read into the clone, from the cache of DVC."""
    with _repo() as repo:
        stages = _stages(repo, steps)
        made = {out.fs_path for stage in stages.values() for out in stage.outs}
        needed = {d.fs_path for s in stages.values() for d in s.deps} - made
        outs = [out.fs_path for out in repo.index.outs]
        # Files that are there are Git's, params.yaml say. Of a folder of several outputs, as
        # `curves` is, DVC knows these and not the folder.
        targets = sorted(
            os.path.relpath(target)
            for path in needed
            if not Path(path).is_file()
            for target in [out for out in outs if Path(path) in Path(out).parents] or [path]
        )
        try:
            repo.checkout(targets=targets, recursive=True, force=True)
        except Exception as error:
            raise OutputError(
                f"Of the last commit not all is in the cache of DVC that {' and '.join(steps)} "
                f"read ({error}). Run `dvc repro` and commit, or `dvc pull`."
            ) from error


def _make(
    name: str, one: Tried, outcome: Outcome, *, base: str, steps: Sequence[str], kept: Path
) -> experiments.Experiment:
    """Run the stages in the clone, which is the current folder, and take what they changed."""
    composed = config.compose(overrides=outcome.overrides(one))
    config.PARAMS.write_text(config.to_yaml(composed), encoding="utf-8")
    with _repo() as repo:
        stages = _stages(repo, steps)
        for step in steps:
            if step == PREDICT:
                merged = outcome.evaluator.parts[one.point.chain[0]]
                out = Path(_options(shlex.split(stages[step].cmd))["out"])
                candidates.write_merged(merged, kept=kept, out=out)
            else:
                _run(step, stages[step].cmd, composed)
            repo.commit(target=stages[step].addressing, force=True)
        (metrics,) = [out.fs_path for out in stages["evaluate"].outs if out.metric]
    _check_numbers(name, outcome.plan.metrics, one.numbers, io.read_json(Path(metrics)))
    listed = git("diff", "--name-only", "-z", base, root=Path()).split("\0")
    listed += git("ls-files", "--others", "--exclude-standard", "-z", root=Path()).split("\0")
    files = {Path(path): Path(path).read_bytes() for path in listed if path}
    return experiments.Experiment(name, files, f"{name}: {' '.join(one.point.overrides)}")


def _repo() -> Any:
    return import_module("dvc.repo").Repo()


def _stages(repo: Any, steps: Sequence[str]) -> dict[str, Any]:
    """The stages of `steps` that work on val, as dvc.yaml has them.

    Raises:
        ConfigError: There is none of a step, or one that the factory does not run.
    """
    found = {}
    for stage in repo.index.stages:
        words = shlex.split(stage.cmd) if isinstance(stage.cmd, str) else []
        if words[:1] == ["factory"] and words[1] in steps and _options(words)["split"] == SPLIT:
            found[words[1]] = stage
    missing = [step for step in steps if step not in found]
    if missing:
        raise ConfigError(
            f"dvc.yaml has no stage that runs `factory {missing[0]} --split {SPLIT} ...`: points "
            "cannot become experiments. Put it back, or run the best point by `dvc exp run -S`."
        )
    return found


def _options(words: Sequence[str]) -> dict[str, str]:
    return {
        name.removeprefix("--"): value for name, value in zip(words[2::2], words[3::2], strict=True)
    }


def _run(step: str, command: str, composed: DictConfig) -> None:
    """What `factory STEP ...` does, without a start of Python."""
    options = _options(shlex.split(command))
    split = options.pop("split")
    paths = {name: Path(value) for name, value in options.items()}
    import_module(f"factory_core.{step}.stage").run(composed, split=split, **paths)


def _check_numbers(name: str, asked: Sequence[str], numbers: Numbers, written: Any) -> None:
    """Refuse an experiment whose numbers are not those by which it was chosen."""
    for metric in asked:
        found = number_of(written, metric)
        if found != numbers[metric]:
            raise OutputError(
                f"{name} has {metric} {found} by the stages of the last commit, and "
                f"{numbers[metric]} by the search: predictions or labels in the workspace are not "
                "those of the commit. Run `dvc repro`, commit, and search again."
            )
