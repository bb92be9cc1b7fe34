"""The search itself: ask, run, watch, tell; it may be killed at any moment and goes on."""

from __future__ import annotations

import fcntl
import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from factory_core.kernel import config, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError, OutputError
from factory_core.tune import experiments
from factory_core.tune.curve import read_curve
from factory_core.tune.outcome import describe
from factory_core.tune.plan import Search, metric_of, read_search
from factory_core.tune.values import override
from factory_core.tune.workplace import Workplace, changed_since, git, refuse_uncommitted

FOLDER = Path(".dvc/tmp/tune")
DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
POLL_S = 0.5
FAILED_IN_A_ROW = 3


def tune(file: Path, *, root: Path = Path()) -> Iterator[str]:
    """Run the trials of a TUNE.yaml that are still to run.

    Every trial is a DVC experiment on the last commit. A trial that a kill interrupted is run
    to its end first, from where its stages can go on.

    Args:
        file: The TUNE.yaml.
        root: Root of the detector.

    Yields:
        Lines to show: one a trial, then a table of all.

    Raises:
        ConfigError: The file is wrong, something is not committed, or the study of that name
            was another one.
        OutputError: Trials fail one after the other.
    """
    search = read_search(file)
    plan = search.plan
    folder = root / FOLDER / plan.name
    refuse_uncommitted(root, own=file)
    stage = find_stage(root, plan.metrics)
    config.compose(root, overrides=_first_overrides(search))
    if (root / plan.metrics).is_file():
        metric_of(io.read_json(root / plan.metrics), plan)
    with _alone(folder):
        study = _open_study(search, folder=folder, root=root, own=file)
        place = Workplace(root, folder, study.user_attrs["base"])
        place.open()
        runner = _Runner(search, study, place, stage)
        left = plan.trials - len(study.get_trials(deepcopy=False, states=DONE))
        for _ in progress(range(left), label=f"trials of {plan.name}"):
            yield runner.run_next()
    yield from describe(study, search)


def find_stage(root: Path, metrics: Path) -> str:
    """Address of the stage of dvc.yaml that writes `metrics`.

    Raises:
        ConfigError: No stage does, or DVC keeps the file in its cache.
    """
    with import_module("dvc.repo").Repo(str(root)) as repo:
        outs = {
            Path(out.fs_path).relative_to(Path(repo.root_dir)).as_posix(): (stage, out)
            for stage in repo.index.stages
            for out in stage.outs
            if out.metric
        }
        if metrics.as_posix() not in outs:
            known = ", ".join(sorted(outs)) or "none"
            raise ConfigError(
                f"No stage of dvc.yaml has the metrics {metrics}. There are: {known}."
            )
        stage, out = outs[metrics.as_posix()]
        if out.use_cache:
            raise ConfigError(f"{metrics} must be `cache: false` in dvc.yaml: Git then shows it.")
        return str(stage.addressing).rpartition(":")[2]


def _first_overrides(search: Search) -> list[str]:
    first = [override(key, tried.first) for key, tried in search.space.items()]
    return [*search.plan.overrides, *first]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one search of a study at a time; the system ends the lock of one that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder.name} is being searched by another process.") from error
        yield


def _open_study(search: Search, *, folder: Path, root: Path, own: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=f"sqlite:///{(folder / 'study.db').resolve()}",
            study_name=search.plan.name,
            direction=search.plan.direction,
            pruner=search.build_pruner(),
            load_if_exists=True,
        )
    base = study.user_attrs.get("base") or git("rev-parse", "HEAD", root=root)
    changed = changed_since(base, root=root, own=own)
    if changed:
        raise ConfigError(
            f"The study {search.plan.name!r} was begun at commit {base[:10]}, since when "
            f"{', '.join(changed[:8])} changed: its trials do not compare with new ones. Give this "
            f"one another `name`, or go back to that commit; of {own.name}, commits do not matter."
        )
    if study.user_attrs.get("digest", search.digest) != search.digest:
        raise ConfigError(
            f"The study {search.plan.name!r} was begun with another {own.name}: its trials do not "
            "compare with new ones. Give this one another `name`, or put back what was there; "
            "only `trials` may be changed."
        )
    study.set_user_attr("base", base)
    study.set_user_attr("digest", search.digest)
    return study


@dataclass(frozen=True)
class _Runner:
    """Runs one trial after the other."""

    search: Search
    study: optuna.Study
    place: Workplace
    stage: str

    def run_next(self) -> str:
        """Finish the trial that was interrupted, or run a new one; a line about it."""
        trial = self._next()
        name = f"{self.search.plan.name}-{trial.number:03d}"
        overrides = [
            override(key, tried.suggest(trial, key)) for key, tried in self.search.space.items()
        ]
        trial.set_user_attr("experiment", name)
        trial.set_user_attr("overrides", overrides)
        if self.place.work.is_dir():
            experiments.fetch(self.place)
        if not experiments.exists(self.place, name):
            self._run(trial, name, overrides=[*self.search.plan.overrides, *overrides])
        shown = self._tell(trial, name)
        return f"{name}  {shown}  {' '.join(overrides)}"

    def _next(self) -> Trial:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if running:
            return Trial(self.study, running[0]._trial_id)
        count = len(self.study.get_trials(deepcopy=False))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = self.search.build_sampler(count)
        if sampler is not None:
            self.study.sampler = sampler
        return self.study.ask()

    def _run(self, trial: Trial, name: str, *, overrides: list[str]) -> None:
        """Run the experiment, and record it where DVC does not: pruned, or failed."""
        since_ns = time.time_ns()
        process = self.place.start(name, stage=self.stage, overrides=overrides)
        try:
            while (status := process.poll()) is None:
                time.sleep(POLL_S)
                if self._hopeless(trial, since_ns=since_ns):
                    break
        finally:
            self.place.end()
            process.wait()
        if status == 0:
            experiments.fetch(self.place)
        if not experiments.exists(self.place, name):
            state = "pruned" if status is None else "failed"
            self._record(trial, name, overrides=overrides, state=state)

    def _hopeless(self, trial: Trial, *, since_ns: int) -> bool:
        """Tell the pruner what is new on the curve, and ask it."""
        curve = self.search.plan.curve
        if curve is None:
            return False
        known = self._frozen(trial).intermediate_values
        for step, value in read_curve(curve, root=self.place.work, since_ns=since_ns).items():
            if step not in known:
                trial.report(value, step)
        return bool(trial.should_prune())

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[trial.number]

    def _record(self, trial: Trial, name: str, *, overrides: list[str], state: str) -> None:
        seen = self._frozen(trial).intermediate_values
        figures: dict[str, Any] = {"tune": {state: 1, "epochs": len(seen)}}
        if seen and self.search.plan.curve:
            figures["tune"][self.search.plan.curve.stem] = seen[max(seen)]
        files = {self.search.plan.metrics: f"{json.dumps(figures, indent=2)}\n".encode()}
        with suppress(ConfigError):  # a trial may have failed because it does not compose
            composed = config.compose(self.place.root, overrides=overrides)
            files[config.PARAMS] = config.to_yaml(composed).encode()
        experiment = experiments.Experiment(name, files, f"{name}: {state}")
        experiments.write(self.place, [experiment])

    def _tell(self, trial: Trial, name: str) -> str:
        plan = self.search.plan
        content = json.loads(experiments.read(self.place, name, plan.metrics) or "{}")
        state = content.get("tune", {})
        if "pruned" in state:
            self.study.tell(trial, state=TrialState.PRUNED)
            return f"pruned after {state['epochs']} epochs"
        if "failed" in state:
            self.study.tell(trial, state=TrialState.FAIL)
            self._stop_if_all_fail(name)
            return f"failed, see {self.place.log(name)}"
        value = metric_of(content, plan)
        self.study.tell(trial, value)
        return f"{plan.metric} {value:.4g}"

    def _stop_if_all_fail(self, name: str) -> None:
        last = self.study.get_trials(deepcopy=False)[-FAILED_IN_A_ROW:]
        if len(last) == FAILED_IN_A_ROW and all(t.state == TrialState.FAIL for t in last):
            lines = self.place.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            raise OutputError(
                f"{FAILED_IN_A_ROW} trials failed one after the other; {name} ended with:\n"
                + "\n".join(lines[-15:])
            )
