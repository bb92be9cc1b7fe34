"""The whole search, without DVC: its numbers are those of the stages, and nothing is done twice."""

import itertools

import optuna
import pandas as pd
import pytest
import yaml
from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.running_points import evaluator, search
from factory_core.running_points.measure import number_of
from tests.running_points.conftest import (
    SCENES,
    compose_quickly,
    measure,
    overrides_of,
    searched,
    write_params,
    write_points,
    write_scores,
)

pytestmark = pytest.mark.usefixtures("plain")

AREA = "postprocess.tasks.min_area.min_area_m2"
METRICS = ("f1", "precision", "recall", "found", "missed", "false")


def by_stages(overrides, composed=None):
    """What the stages postprocess and evaluate write for a configuration."""
    composed = composed or config.load()
    for override in overrides:
        key, _, text = override.partition("=")
        OmegaConf.update(composed, key, yaml.safe_load(text))
    return measure(composed)


def test_numbers_are_those_of_the_stages(detector):
    text, table = searched(write_points(detector))
    assert len(table) == 6
    assert table["f1"].nunique() > 3
    for _, row in table.iloc[[0, 3, 5]].iterrows():
        written = by_stages(overrides_of(row))
        assert {name: row[name] for name in METRICS} == {name: written[name] for name in METRICS}
    best = table.loc[table["f1"].idxmax(), "point"]
    assert f"best: {best}, f1 {table['f1'].max():.4g}" in text


def test_numbers_of_candidates_and_of_a_class_are_those_of_the_stages(box_detector):
    file = write_points(
        box_detector,
        space="{postprocess.tasks.min_score.min_score: [0.1, 0.5],"
        " postprocess.tasks.non_maximum_suppression.max_iou: [0.2, 0.9]}",
        objectives="{by_class/house/f1: maximize, ap50: maximize}",
    )
    _, table = searched(file)
    assert len(table) == 4
    for _, row in table.iloc[[0, 3]].iterrows():
        written = by_stages(overrides_of(row))
        for name in ("by_class/house/f1", "ap50", "precision"):
            assert row[name] == number_of(written, name)


def test_a_number_is_asked_of_the_metric_that_gives_it(detector):
    """`by_size` gives an F1 too, of objects of a size."""
    text = (detector / "conf/config.yaml").read_text()
    text = text.replace("[matches, average_precision]", "[matches, average_precision, by_size]")
    (detector / "conf/config.yaml").write_text(text)
    write_params(detector)
    small = "by_size_m2/10_to_100/f1"
    few = {"space": "{postprocess.tasks.min_area.min_area_m2: [1.0, 30.0]}"}
    _, table = searched(write_points(detector, objectives="{f1: maximize}", **few))
    assert table["f1"].notna().all()
    assert "by_size_m2" not in (detector / "running_points/first/kept.jsonl").read_text()
    _, table = searched(write_points(detector, objectives=f"{{{small}: maximize}}", **few))
    assert table[small].notna().all()
    with pytest.raises(ConfigError, match=r"'by_size_m2/huge/f1'. Did you mean 'by_size_m2/"):
        list(search.search(write_points(detector, objectives="{by_size_m2/huge/f1: maximize}")))


def test_what_points_begin_with_alike_is_worked_out_once(detector):
    text, table = searched(write_points(detector))
    # gaussian once, 3 thresholds and their polygons, 6 least areas; 6 chains of 4 parts alone.
    assert f"called {3 * (1 + 3 + 3 + 6)} times on a scene in place of {3 * 6 * 4}" in text
    thresholds = table["postprocess.tasks.threshold.min_score"].tolist()
    assert thresholds == sorted(thresholds), "points of a branch come one after the other"


@pytest.mark.slow
def test_without_memory_the_numbers_are_the_same(detector, monkeypatch):
    _, table = searched(write_points(detector))
    monkeypatch.setattr(search, "Prefixes", lambda _: evaluator.Prefixes(0))
    text, again = searched(write_points(detector, name="second"))
    again = pd.read_parquet("running_points/second/points.parquet").iloc[:-1]
    pd.testing.assert_frame_equal(again.drop(columns="point"), table.drop(columns="point"))
    assert "saved" not in text


def test_a_search_that_was_killed_repeats_nothing(detector, monkeypatch):
    calls = []
    detect = evaluator.detect

    def counted(scene, chains, **given):
        calls.extend(chains)
        if len(calls) > 9:
            raise KeyboardInterrupt
        return detect(scene, chains, **given)

    monkeypatch.setattr(evaluator, "detect", counted)
    monkeypatch.setattr(evaluator, "FIRST_BRANCH", 2)
    monkeypatch.setattr(evaluator, "BRANCH_POINTS", (1, 1))
    with pytest.raises(KeyboardInterrupt):
        list(search.search(write_points(detector)))
    assert not (detector / "running_points/first").exists()
    done, calls = len(calls), []
    monkeypatch.setattr(evaluator, "detect", detect)
    text, table = searched(write_points(detector))
    assert "3 points are kept from before." in text
    assert "3 were measured now" in text
    for _, row in table.iloc[[0, 5]].iterrows():
        assert row["f1"] == by_stages(overrides_of(row))["f1"]
    assert done == 10


@pytest.mark.slow
def test_a_half_written_line_is_not_read(detector):
    searched(write_points(detector))
    kept = detector / "running_points/first/kept.jsonl"
    kept.write_bytes(kept.read_bytes()[:-20])
    text, table = searched(write_points(detector))
    assert "5 points are kept from before." in text
    assert table["f1"].notna().all()


@pytest.mark.slow
def test_a_finer_grid_takes_what_is_kept_and_other_predictions_do_not(detector):
    searched(write_points(detector))
    finer = "{postprocess.tasks.threshold.min_score: {low: 0.3, high: 0.7, step: 0.1}," + (
        " postprocess.tasks.min_area.min_area_m2: [1.0, 30.0]}"
    )
    text, table = searched(write_points(detector, space=finer))
    assert len(table) == 10
    assert "6 points are kept from before." in text
    assert "4 were measured now" in text
    write_scores(detector / "data/predictions/val", "a", SCENES["a"], seed=7)
    text, again = searched(write_points(detector, space=finer))
    assert "predictions changed since. All points are measured anew." in text
    assert "10 were measured now" in text
    assert again["f1"].tolist() != table["f1"].tolist()


@pytest.mark.slow
def test_chains_are_chosen_too_and_a_value_of_no_part_is_left_out(detector):
    chains = "[[gaussian, threshold, polygonise], [gaussian, threshold, polygonise, min_area]]"
    space = f"{{postprocess: {chains}, postprocess.tasks.min_area.min_area_m2: [1.0, 30.0]}}"
    _, table = searched(write_points(detector, space=space))
    assert table["postprocess.tasks.min_area.min_area_m2"].isna().tolist() == [True, False, False]
    assert table["f1"].iloc[1] != table["f1"].iloc[2]
    for place, parts in enumerate(["threshold, polygonise", "threshold, polygonise, min_area"]):
        composed = compose_quickly(overrides=[f"postprocess=[gaussian, {parts}]"])
        values = ["postprocess.tasks.min_area.min_area_m2=30.0"] if place else []
        assert table["f1"].iloc[2 * place] == by_stages(values, composed)["f1"]


@pytest.mark.slow
def test_random_points_differ_and_lie_in_the_space(detector):
    space = "{postprocess.tasks.threshold.min_score: {low: 0.2, high: 0.8}}"
    file = write_points(detector, space=space, sampler="random", points="7", seed="3")
    _, table = searched(file)
    values = table["postprocess.tasks.threshold.min_score"]
    assert values.nunique() == 7
    assert values.between(0.2, 0.8).all()
    few = "{postprocess.tasks.threshold.min_score: [0.3, 0.4]}"
    _, table = searched(write_points(detector, space=few, sampler="random", points="9"))
    assert len(table) == 2


@pytest.mark.slow
@pytest.mark.parametrize("at_once", ["1", "5"])
def test_a_sampler_hears_of_objectives_and_constraints(detector, at_once, monkeypatch):
    studies, create = [], optuna.create_study
    monkeypatch.setattr(
        optuna, "create_study", lambda **given: studies.append(create(**given)) or studies[-1]
    )
    file = write_points(
        detector,
        space="{postprocess.tasks.threshold.min_score: {low: 0.1, high: 0.9}}",
        sampler="{_target_: optuna.samplers.NSGAIISampler, population_size: 5}",
        points="15",
        ask_at_once=at_once,
        objectives="{precision: maximize, recall: maximize}",
        constraints="{precision: {at_least: 0.5}}",
    )
    _, table = searched(file)
    assert len(table) == 15
    feasible = table[table["precision"] >= 0.5]
    assert feasible["feasible"].all()
    assert len(feasible) == table["feasible"].sum() > 0
    (study,) = studies
    thresholds = table["postprocess.tasks.threshold.min_score"]
    for trial in study.trials:
        (asked,) = trial.params.values()
        row = table.loc[(thresholds - asked).abs().idxmin()]
        assert trial.constraints["precision"] == pytest.approx(0.5 - row["precision"])
    front = table[table["front"]].sort_values("precision")
    assert front["recall"].is_monotonic_decreasing
    again, table_again = searched(file)
    assert "15 points are kept from before." in again
    pd.testing.assert_frame_equal(table, table_again)


@pytest.mark.slow
def test_processes_give_the_same(detector):
    _, table = searched(write_points(detector))
    text = (detector / "conf/config.yaml").read_text()
    (detector / "conf/config.yaml").write_text(f"{text}\ncompute: {{workers: 2}}\n")
    write_params(detector)
    lines, _ = searched(write_points(detector, name="second"))
    again = pd.read_parquet("running_points/second/points.parquet").iloc[:-1]
    pd.testing.assert_frame_equal(again.drop(columns="point"), table.drop(columns="point"))
    assert "6 were measured now" in lines
    assert not (detector / "running_points/second/branches").exists()


@pytest.mark.slow
def test_the_page_says_what_was_found_and_needs_no_other_file(detector):
    text, table = searched(write_points(detector, constraints="{precision: {at_least: 0.1}}"))
    text_of_page = (detector / "running_points/first/report.html").read_text()
    best = table.loc[table["f1"].idxmax()]
    assert f"<b>{best['point']}</b>" in text_of_page
    command = f"dvc exp run {' '.join(f'-S {one}' for one in overrides_of(best))}"
    assert command in text_of_page
    assert command in text
    assert text_of_page.count("data:image/png;base64,") == 3
    assert 'src="http' not in text_of_page
    assert "href" not in text_of_page
    assert "95 % interval" not in text_of_page
    assert "val has 3 scenes, fewer than 6" in text_of_page
    assert "Pareto" not in text_of_page
    assert "<small>threshold.<wbr>min_score</small>" in text_of_page
    (now,) = [line for line in text.splitlines() if line.startswith("now: ")]
    assert f"Now: {now.removeprefix('now: ')}" in text_of_page
    for name in ("points", "sensitivity", "interaction"):
        assert (detector / f"running_points/first/{name}.png").stat().st_size > 10_000
    csv = pd.read_csv(detector / "running_points/first/points.csv")
    assert csv["f1"].tolist()[:-1] == table["f1"].tolist()
    assert csv["point"].iloc[-1] == "now"
    before = (detector / "running_points/first/report.html").read_bytes()
    searched(write_points(detector, constraints="{precision: {at_least: 0.1}}"))
    again = (detector / "running_points/first/report.html").read_text()
    assert again.split("<footer>")[0] == before.decode().split("<footer>")[0]


@pytest.mark.slow
def test_all_values_of_a_grid_are_tried(detector):
    _, table = searched(write_points(detector))
    keys = ["postprocess.tasks.threshold.min_score", "postprocess.tasks.min_area.min_area_m2"]
    tried = set(table[keys].itertuples(index=False, name=None))
    assert tried == set(itertools.product([0.3, 0.5, 0.7], [1.0, 30.0]))
    assert OmegaConf.load("params.yaml").postprocess.tasks.threshold.min_score == 0.5
