"""What is set now, measured beside the points of a search."""

import re

import pandas as pd
import pytest
from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.running_points import search
from tests.running_points.conftest import (
    TABLE,
    measure,
    searched,
    write_points,
)

pytestmark = pytest.mark.usefixtures("plain")

AREA = "postprocess.tasks.min_area.min_area_m2"
METRICS = ("f1", "precision", "recall", "found", "missed", "false")


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


def test_says_why_what_is_set_now_cannot_be_measured(detector):
    params = OmegaConf.load("params.yaml")
    params.postprocess.tasks.threshold.min_score = 7.0
    (detector / "params.yaml").write_text(config.to_yaml(params))
    text, table = searched(write_points(detector, objectives="{recall: maximize}"))
    assert re.search("now: cannot be measured: .*threshold.* is wrong.*min_score=7.0", text)
    assert table["recall"].notna().any()
    assert len(pd.read_parquet(TABLE)) == len(table) == 6


def test_several_objectives_have_a_first_and_no_best(detector):
    """Each of them is said against what is set now."""
    params = OmegaConf.load("params.yaml")
    params.postprocess.tasks.min_area.min_area_m2 = 90.0
    (detector / "params.yaml").write_text(config.to_yaml(params))
    aims = "{precision: maximize, recall: maximize, false: minimize}"
    text, table = searched(write_points(detector, objectives=aims))
    now = pd.read_parquet(TABLE).set_index("point").loc["now"]
    front = int(table["front"].sum())
    found = re.search(r"^first by precision, of (\d+) on the front: (\S+), precision", text, re.M)
    assert int(found[1]) == front
    first = table.set_index("point").loc[found[2]]
    for name, sign in (("precision", 1), ("recall", 1), ("false", -1)):
        gain = (first[name] - now[name]) * sign
        told = f"{'better' if gain > 0 else 'worse'} in {name} by {abs(gain):.4g}"
        lead = "the first is " if name == "precision" else ", "
        assert lead + (told if gain else f"as good in {name}") in text
    assert "best" not in text


def test_the_page_of_several_objectives_says_how_many_are_on_the_front(detector):
    write = write_points(detector, objectives="{precision: maximize, recall: maximize}")
    _, table = searched(write)
    page = (detector / TABLE).with_name("report.html").read_text()
    count = int(table["front"].sum())
    assert "on the front of precision, recall. The first by precision is" in page
    assert re.search(rf"points, {count} (is|are) on the front", page)
    assert "The best of" not in page
