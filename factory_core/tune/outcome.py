"""What a search found: a table, and the lines to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import optuna
from optuna.trial import FrozenTrial, TrialState

from factory_core.tune.plan import Search


def describe(study: optuna.Study, search: Search) -> Iterator[str]:
    """Lines of a table of all trials, best first, and what to do with the best."""
    plan = search.plan
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    ranked = sorted(done, key=lambda trial: _rank(trial, sign=-1 if _rises(study) else 1))
    yield ""
    yield f"{'experiment':<{len(plan.name) + 6}} {plan.metric:>10}  overrides"
    for trial in ranked:
        name = trial.user_attrs.get("experiment", str(trial.number))
        overrides = " ".join(trial.user_attrs.get("overrides", ()))
        yield f"{name:<{len(plan.name) + 6}} {_shown(trial):>10}  {overrides}"
    counts = [sum(trial.state == state for trial in done) for state in TrialState]
    told = [
        f"{count} {state.name.lower()}" for state, count in zip(TrialState, counts, strict=True)
    ]
    yield f"{len(done)} trials: {', '.join(text for text in told if not text.startswith('0'))}"
    if not any(trial.state == TrialState.COMPLETE for trial in done):
        return
    best = study.best_trial
    common = [*plan.overrides, *best.user_attrs["overrides"]]
    yield ""
    yield f"best: {best.user_attrs['experiment']}, {plan.metric} {best.value:.4g}"
    yield f"  dvc exp apply {best.user_attrs['experiment']}   # then: dvc repro"
    yield f"  dvc exp run {' '.join(f'-S {shlex.quote(item)}' for item in common)}"
    yield from _importances(study)


def _rises(study: optuna.Study) -> bool:
    return study.direction == optuna.study.StudyDirection.MAXIMIZE


def _rank(trial: FrozenTrial, *, sign: int) -> tuple[int, float]:
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return 0, sign * trial.value
    return 1 + (trial.state == TrialState.FAIL), trial.number


def _shown(trial: FrozenTrial) -> str:
    if trial.state == TrialState.COMPLETE:
        return f"{trial.value:.4g}"
    return {"PRUNED": "pruned", "FAIL": "failed"}[trial.state.name]


def _importances(study: optuna.Study) -> Iterator[str]:
    """Share of the spread of the metric that each key explains, where there is enough to say.

    PED-ANOVA (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255).
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 10 or len({trial.value for trial in complete}) < 2:
        return
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    yield "importance: " + ", ".join(f"{key} {share:.2f}" for key, share in shares.items())
