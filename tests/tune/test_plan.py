"""A TUNE.yaml is checked whole before the first trial runs."""

import optuna
import pytest

from factory_core.kernel.errors import ConfigError
from factory_core.tune.plan import Plan, metric_of, read_search
from factory_core.tune.values import Choices, Range, override
from tests.tune.conftest import write_tune


def test_reads_ranges_choices_and_what_optuna_is_to_use(tmp_path):
    search = read_search(write_tune(tmp_path))
    assert search.space == {
        "net": Choices(("plain", "deep")),
        "train.rate": Range(low=0.01, high=1.0, log=True),
    }
    assert isinstance(search.build_sampler(0), optuna.samplers.TPESampler)
    assert isinstance(search.build_pruner(), optuna.pruners.MedianPruner)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param(
            {"metrics": "evaluation/test/metrics.json"}, "is of test", id="metrics of test"
        ),
        pytest.param({"curve": "curves/test.tsv"}, "is of test", id="curve of test"),
        pytest.param({"metrik": "f1"}, r"no field 'metrik'. Did you mean 'metric'", id="misspelt"),
        pytest.param({"direction": "up"}, "must be one of 'maximize'", id="direction"),
        pytest.param({"trials": "0"}, "at least one trial", id="no trial"),
        pytest.param({"name": "A b"}, "`name` must be lower-case", id="name"),
        pytest.param({"space": "{}"}, "one key in `space`", id="nothing to try"),
        pytest.param({"space": "{a: [1]}"}, "`tune.space.a` is wrong.*two values", id="one choice"),
        pytest.param({"space": "{a: 5}"}, "must be a list of choices", id="a number"),
        pytest.param(
            {"space": "{a: {low: 2, high: 1}}"}, "`tune.space.a` is wrong.*below", id="empty range"
        ),
        pytest.param(
            {"space": "{a: {low: 0, high: 1, log: true}}"}, "above 0 with `log`", id="log of 0"
        ),
        pytest.param(
            {"space": "{a: {low: 1, hihg: 2}}"}, "Did you mean 'high'", id="misspelt range"
        ),
        pytest.param({"sampler": "{_target_: os.system}"}, "may only name", id="forbidden sampler"),
        pytest.param(
            {"pruner": "{_target_: optuna.samplers.TPESampler}"}, "may only name", id="no pruner"
        ),
        pytest.param(
            {"sampler": "tpe"}, "must be a mapping with `_target_: optuna", id="name alone"
        ),
    ],
)
def test_refuses(tmp_path, changed, message):
    with pytest.raises(ConfigError, match=message):
        read_search(write_tune(tmp_path, **changed))


@pytest.mark.parametrize(
    ("tried", "values"),
    [
        pytest.param(Range(1, 4), {"1", "2", "3", "4"}, id="whole numbers"),
        pytest.param(Range(8, 32, step=8), {"8", "16", "24", "32"}, id="steps"),
        pytest.param(Range(0.1, 0.4, step=0.1), {"0.1", "0.2", "0.3", "0.4"}, id="clean fractions"),
        pytest.param(
            Choices(("a", 2, 0.5, True, None)), {"a", "2", "0.5", "true", "null"}, id="plain values"
        ),
        pytest.param(Choices((["a", "b"], ["b"])), {"[a,b]", "[b]"}, id="lists of parts"),
        pytest.param(
            Choices(("two words", "a")), {'"two words"', "a"}, id="text that needs quotes"
        ),
    ],
)
def test_asks_for_overrides_that_hydra_reads(tried, values):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = {override("key", tried.suggest(study.ask(), "key")) for _ in range(60)}
    assert asked == {f"key={value}" for value in values}
    assert {override("key", value) for value in tried.all_values} == asked
    assert override("key", tried.first) in asked


def test_each_trial_has_a_seed_of_its_own_but_a_grid_keeps_its_order(tmp_path):
    random = "{_target_: optuna.samplers.RandomSampler, seed: 3}"
    search = read_search(write_tune(tmp_path, sampler=random))

    def asked(number):
        study = optuna.create_study(sampler=search.build_sampler(number))
        return search.space["train.rate"].suggest(study.ask(), "train.rate")

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)
    grid = "{_target_: optuna.samplers.GridSampler, search_space: {a: [1, 2]}, seed: 3}"
    search = read_search(write_tune(tmp_path, sampler=grid))
    assert search.build_sampler(0)._all_grids == search.build_sampler(1)._all_grids


def test_more_trials_are_the_same_search_and_another_range_is_not(tmp_path):
    first = read_search(write_tune(tmp_path)).digest
    assert read_search(write_tune(tmp_path, trials="9")).digest == first
    assert read_search(write_tune(tmp_path, space="{net: [plain, deep]}")).digest != first
    other = "{_target_: optuna.samplers.TPESampler, seed: 1}"
    assert read_search(write_tune(tmp_path, sampler=other)).digest != first


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        pytest.param("f1", 0.5, id="at the top"),
        pytest.param("classes.car", 1.0, id="in a mapping"),
        pytest.param("f2", r"It has: f1, classes.car", id="not there"),
        pytest.param("classes", "no number", id="a mapping"),
    ],
)
def test_finds_the_metric(metric, found):
    plan = Plan("a", metric, 1, {"a": [1, 2]})
    content = {"f1": 0.5, "classes": {"car": 1}}
    if isinstance(found, float):
        assert metric_of(content, plan) == found
    else:
        with pytest.raises(ConfigError, match=found):
            metric_of(content, plan)
