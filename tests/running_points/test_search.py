"""The whole search, without DVC: its numbers are those of the stages, and nothing is done twice."""

import itertools
import re

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from geopandas import GeoDataFrame
from omegaconf import OmegaConf

from factory_core.kernel import config, io
from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.running_points import evaluator, search
from factory_core.running_points.measure import number_of
from factory_core.running_points.plan import read_points
from factory_core.running_points.points import Space
from tests.running_points.conftest import (
    SCENES,
    compose_quickly,
    grid,
    measure,
    write_params,
    write_points,
    write_scores,
)

pytestmark = pytest.mark.usefixtures("plain")

AREA = "postprocess.tasks.min_area.min_area_m2"
TABLE = "running_points/first/points.parquet"
METRICS = ("f1", "precision", "recall", "found", "missed", "false")


def searched(file):
    """Lines of a search, and its table of points, without what is set now."""
    lines = list(search.search(file))
    table = pd.read_parquet(TABLE)
    return "\n".join(lines), table[table["point"] != "now"]


def by_stages(overrides, composed=None):
    """What the stages postprocess and evaluate write for a configuration."""
    composed = composed or config.load()
    for override in overrides:
        key, _, text = override.partition("=")
        OmegaConf.update(composed, key, yaml.safe_load(text))
    return measure(composed)


def overrides_of(row):
    return [f"{key}={row[key]}" for key in row.index if key.startswith("postprocess")]


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


def test_what_is_set_now_is_measured_beside_the_points_and_is_none_of_them(detector):
    """The points of this grid are worse than it."""
    poor = f"{{postprocess.tasks.threshold.min_score: [0.9, 0.95], {AREA}: [1.0, 90.0]}}"
    text, table = searched(write_points(detector, space=poor))
    now = pd.read_parquet(TABLE).set_index("point").loc["now"]
    expected = measure(config.load())
    assert {name: now[name] for name in METRICS} == {name: expected[name] for name in METRICS}
    assert now["f1"] > table["f1"].max(skipna=True)
    assert now[AREA] == config.load().postprocess.tasks.min_area.min_area_m2
    assert not now["front"]
    assert f"now: f1 {now['f1']:.4g}; none of the points beats what is set now" in text
    assert "4 points, of which" in text
    assert "4 were measured now" in text
    assert len(table) == 4
    again, _ = searched(write_points(detector, space=poor))
    assert "4 points are kept from before" in again
    assert "0 were measured now" in again


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({}, r"now: f1 [\d.]+; the best is better by 0\.\d+ \(whether", id="better"),
        pytest.param(
            {"constraints": "{found: {at_least: 1000}}"},
            r"now: f1 [\d.]+, found \d+ \(does not hold found at least 1000\)\nnone",
            id="it breaks a constraint, as do all",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: [0.5, 0.95]}"},
            "the best is what is set now",
            id="it is the best",
        ),
    ],
)
def test_says_whether_the_best_is_better_than_what_is_set_now(detector, changed, said):
    params = OmegaConf.load("params.yaml")
    if not changed.get("space"):
        params.postprocess.tasks.min_area.min_area_m2 = 90.0
    (detector / "params.yaml").write_text(config.to_yaml(params))
    lines = []
    try:
        for line in search.search(write_points(detector, **changed)):
            lines.append(line)  # noqa: PERF402  # those before the error count too
    except ConfigError:  # no point will do
        lines.append("none")
    assert re.search(said, "\n".join(lines))


def test_a_misspelt_part_is_named_with_the_key_of_the_plan(detector):
    space = "{postprocess: [[gaussian, threshold, polygonise], [gaussian, treshold, polygonise]]}"
    with pytest.raises(ConfigError) as raised:
        list(search.search(write_points(detector, space=space)))
    said = str(raised.value)
    assert "POINTS.yaml: `space.postprocess` has" in said
    assert "Did you mean 'threshold'" in said
    assert "does not compose" not in said


def test_a_misspelt_merge_is_named_with_the_key_of_the_plan(box_detector):
    wanted = read_points(write_points(box_detector, space="{merge: [core, supression]}"))
    with pytest.raises(ConfigError, match=r"POINTS.yaml: `space.merge` has .*'suppression'"):
        Space(wanted, takes=GeoDataFrame, voters=1)


def test_says_why_what_is_set_now_cannot_be_measured(detector):
    params = OmegaConf.load("params.yaml")
    params.postprocess.tasks.threshold.min_score = 7.0
    (detector / "params.yaml").write_text(config.to_yaml(params))
    text, table = searched(write_points(detector, objectives="{recall: maximize}"))
    assert re.search("now: cannot be measured: .*threshold.* is wrong.*min_score=7.0", text)
    assert table["recall"].notna().any()
    assert len(pd.read_parquet(TABLE)) == len(table) == 6


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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"split": "test"}, "searched on val and nothing else", id="split"),
        pytest.param({"predictions": "data/predictions/test"}, "are of test", id="test"),
        pytest.param({"objectves": "{}"}, "Did you mean 'objectives'", id="misspelt key"),
        pytest.param({"objectives": "{f2: maximize}"}, "'f2'. Did you mean 'f1'", id="metric"),
        pytest.param(
            {"constraints": "{false_alarms_per_km2: {at_most: 0.1}}"},
            r"false_alarms does: choose it in the defaults list.*metric: \[..., false_alarms\]",
            id="metric that is not chosen",
        ),
        pytest.param({"objectives": "{f1: up}"}, "must be one of 'maximize'", id="direction"),
        pytest.param(
            {"objectives": "{by_class/hose/f1: maximize}"}, "Did you mean 'house'", id="class"
        ),
        pytest.param({"constraints": "{f1: {}}"}, "State one of", id="empty constraint"),
        pytest.param({"constraints": "{f1: {at_mots: 1}}"}, "'at_most'", id="misspelt bound"),
        pytest.param({"space": "{}"}, "one key in `space`", id="nothing to try"),
        pytest.param({"sampler": "gird"}, "Did you mean 'grid'", id="misspelt sampler"),
        pytest.param({"sampler": "random"}, "`points` is missing", id="random without points"),
        pytest.param({"points": "5"}, "a grid tries all", id="grid with points"),
        pytest.param(
            {"sampler": "{_target_: os.system}", "points": "5"}, "may only name", id="forbidden"
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: {low: 0.1, high: 0.9}}"},
            "needs a `step` in the range of postprocess.tasks.threshold.min_score",
            id="grid of an endless range",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.treshold.min_score: [0.1, 0.2]}"},
            r"'treshold', which is not in the chain \(gaussian, .*Did you mean 'threshold'",
            id="misspelt part",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.simplify.tolerance_m: [0.1, 0.2]}"},
            "'simplify', which is not in the chain.*lists of parts to choose from",
            id="part that is not in the chain",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_scor: [0.1, 0.2]}"},
            "Did you mean 'postprocess.tasks.threshold.min_score'",
            id="misspelt field",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: [0.1, 2.0]}"},
            r"postprocess.tasks.threshold` is wrong.*min_score=2.0",
            id="value that the part refuses",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: {low: 0.1, high: 1.5, step: 0.1}}"},
            r"postprocess.tasks.threshold` is wrong.*min_score=1.5",
            id="range that the part refuses",
        ),
        pytest.param(
            {"space": "{postprocess: [[polygonise, threshold], [threshold, polygonise]]}"},
            "`postprocess.tasks.threshold` takes a score map",
            id="impossible chain",
        ),
        pytest.param({"space": "{predict.blend: [a, b]}"}, "needs the network", id="predict"),
        pytest.param({"space": "{model.width: [4, 8]}"}, "`factory tune`", id="model"),
        pytest.param({"space": "{evaluate.iou: [0.4, 0.5]}"}, "it is the ruler", id="ruler"),
        pytest.param({"space": "{postproces.order: [1, 2]}"}, "'postprocess'", id="room"),
        pytest.param({"overrides": "[predict.overlap_px=3]"}, "differ in predict", id="upstream"),
    ],
)
def test_refuses_before_a_point_is_measured(detector, changed, message):
    changed.setdefault("name", "second")
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        list(search.search(write_points(detector, **changed)))
    assert not (detector / "running_points").exists()


def test_says_how_close_the_best_came(detector):
    file = write_points(detector, constraints="{precision: {at_least: 1.5}, recall: {at_least: 0}}")
    with pytest.raises(ConfigError) as caught:
        list(search.search(file))
    table = pd.read_parquet(TABLE)
    closest = table.loc[table["precision"].idxmax()]
    message = str(caught.value)
    assert "None of 6 points has precision at least 1.5 and recall at least 0" in message
    assert f"The closest, {closest['point']}, has precision {closest['precision']:.4g}" in message
    assert overrides_of(closest)[0] in message
    assert not table["feasible"].any()
    assert "No point will do" in (detector / "running_points/first/report.html").read_text()


@pytest.mark.slow
def test_a_metric_with_too_few_samples_is_none(detector):
    text = (detector / "conf/config.yaml").read_text()
    (detector / "conf/config.yaml").write_text(text.replace("min_labels: 1", "min_labels: 999"))
    write_params(detector)
    with pytest.raises(ConfigError, match=r"None of 6 points has a number for f1.*999"):
        list(search.search(write_points(detector)))


def test_refuses_empty_and_missing_predictions(detector):
    folder = detector / "data/predictions/val"
    empty = np.zeros((2, 60, 80), np.uint8)
    for name, crs in SCENES.items():
        io.write_cog(
            folder / f"{name}.tif",
            geobox=grid(crs),
            bands=("house", "shed"),
            dtype="uint8",
            nodata=None,
            blocks=[(grid(crs), empty)],
        )
    with pytest.raises(OutputError, match="val is empty: no scene of val has a score above 0"):
        list(search.search(write_points(detector)))
    (folder / "a.tif").unlink()
    with pytest.raises(OutputError, match="0 predictions for the scene 'a'"):
        list(search.search(write_points(detector)))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(OutputError, match="dvc repro predict@val"):
        list(search.search(write_points(detector)))


@pytest.mark.slow
def test_refuses_a_selection_without_val(detector):
    selection = detector / "data/selection/selection.parquet"
    table = io.read_table(selection)
    io.write_table(table.assign(split="test"), selection)
    with pytest.raises(SelectionError, match="'val'"):
        list(search.search(write_points(detector)))


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
