"""`factory compare` between revisions, experiments and the workspace of a real repository."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from html import unescape
from io import StringIO

import geopandas as gpd
import pytest
from omegaconf import OmegaConf
from typer.testing import CliRunner

from factory_core.cli import app
from factory_core.evaluate.compare.command import compare
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.kernel.revisions import open_revision
from tests.evaluate.compare.conftest import SCENES, commit, git


@pytest.fixture
def told(versions, capsys):
    """Compare two versions, and give what `--json` prints."""

    def told(first, second=None, **options):
        compare(first, second, root=versions, as_json=True, **options)
        return json.loads(capsys.readouterr().out)

    return told


@pytest.fixture(scope="module")
def better(versions):
    """What `--json` prints of v1 and v2."""
    with redirect_stdout(StringIO()) as printed:
        compare("v1", "v2", root=versions, as_json=True)
    return json.loads(printed.getvalue())


def number(found, name, context=""):
    (one,) = [d for d in found["differences"] if (d["name"], d["context"]) == (name, context)]
    return one


def test_says_which_is_better_and_by_how_much(better):
    found = better
    assert found["verdict"]["outcome"] == "better"
    assert found["verdict"]["decided_by"] == "f1"
    assert found["scenes"] == list(SCENES)
    # Of 32 houses v1 finds 0 + 1 + 2 + 0 + 1 + 2 + 0 + 1, v2 one more on each of 8 scenes.
    recall = number(found, "recall")
    assert (recall["first"], recall["second"]) == (7 / 32, 15 / 32)
    # On every scene the same: no draw of scenes gives another difference.
    assert recall["low"] == pytest.approx(0.25)
    assert recall["high"] == pytest.approx(0.25)
    assert recall["real"]
    assert recall["better"]
    assert number(found, "missed")["better"]  # 8 less, and less is better
    assert number(found, "found")["better"] is None  # a count is neither
    (house,) = found["objects"]
    assert house == {
        "label": "house",
        "labels": 32,
        "both": 7,
        "lost": 0,
        "gained": 8,
        "neither": 17,
        "false_both": 8,
        "no_more_false": 8,
        "newly_false": 8,
    }


def test_the_other_way_round_is_worse(told):
    found = told("v2", "v1", by="missed")
    assert found["verdict"]["decided_by"] == "missed"
    assert found["verdict"]["outcome"] == "worse"
    assert "v1 is worse than v2." in found["verdict"]["headline"]
    recall = number(found, "recall")
    assert recall["difference"] == -0.25
    assert recall["better"] is False
    assert found["objects"][0]["lost"] == 8


def test_the_same_is_exactly_no_difference(told):
    found = told("v2")
    assert found["second"] == "workspace"
    assert found["verdict"]["outcome"] == "the same"
    compared = [d for d in found["differences"] if d["difference"] is not None]
    assert compared
    for difference in compared:
        assert difference["difference"] == 0
        assert difference["low"] in (0, None)
        assert difference["high"] in (0, None)
        assert not difference["real"]


@pytest.mark.slow
def test_takes_an_experiment_by_its_name(told):
    assert told("v1", "tried")["verdict"]["outcome"] == "the same"
    assert told("tried", "v2")["verdict"]["outcome"] == "better"


@pytest.mark.slow
def test_refuses_to_decide_by_a_number_that_there_is_not(told):
    with pytest.raises(ConfigError, match=r"No number 'recal'.*'recall'"):
        told("fewer", "v2", by="recal")


def test_only_scenes_of_both_tests_are_compared(told):
    found = told("fewer", "v2")
    assert found["scenes"] == ["s0", "s1"]
    assert found["left_out"] == dict.fromkeys(SCENES[2:], "in val of fewer")
    assert found["area_km2"] == {"common": 0.024, "first": 0.024, "second": 0.096}
    # Two scenes that agree agree by chance half the time: no interval, no verdict.
    assert found["verdict"]["outcome"] == "no difference shown"
    assert "2 scenes are too few" in found["verdict"]["headline"]
    f1 = number(found, "f1")
    assert f1["difference"] > 0
    assert f1["low"] is None
    assert not f1["real"]
    assert any("Only 2 scenes" in warning for warning in found["warnings"])
    assert any("6 left out" in warning for warning in found["warnings"])


def test_says_what_was_changed(better):
    changed = {"key": "postprocess.min_score", "first": "0.2", "second": "0.3"}
    assert better["parameters"] == [changed]


@pytest.mark.slow
def test_writes_the_objects_that_differ(told, tmp_path):
    for name in ("differ.geojson", "differ.parquet"):
        told("v1", "v2", objects=tmp_path / name)
    frames = [
        io.read_vectors(tmp_path / "differ.geojson"),
        gpd.read_parquet(tmp_path / "differ.parquet"),
    ]
    for frame in frames:
        assert frame["change"].value_counts().to_dict() == {
            "gained": 8,
            "newly_false": 8,
            "no_more_false": 8,
        }
        assert frame.crs == "EPSG:4326"
        assert set(frame["scene_id"]) == set(SCENES)
        assert frame["score"].isna().sum() == 8


@pytest.mark.slow
def test_the_page_needs_nothing_beside_itself_and_escapes_names(versions, tmp_path):
    git(versions, "tag", "-f", "a<b>&c", "v1")
    out = tmp_path / "compare.html"
    compare("a<b>&c", "v2", root=versions, out=out)
    page = out.read_text()
    for outside in ("http://", "https://", "<script", "@import", "<link", 'src="/'):
        assert outside not in page
    assert "<b>&c" not in page
    page = unescape(page)
    assert page.index("v2 is better than a<b>&c.") < page.index("<h2>Metrics")
    assert page.count('src="data:image/jpeg') == 2 * 2  # two of each place
    assert "s0: 3 objects came out otherwise" in page  # a house found, a false one gone, one new


@pytest.mark.slow
def test_the_terminal_shows_it_in_100_columns(versions, monkeypatch):
    monkeypatch.chdir(versions)
    done = CliRunner().invoke(app, ["compare", "v1", "v2"], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("v2 is better than v1.")
    assert re.search(r"F1 +│ +0\.255 │ +0\.476 │ +\+0\.222 │ .*better", done.output)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        pytest.param("v9", None, "There is no revision 'v9'.*dvc exp list", id="unknown"),
        pytest.param("v1", "v9", "There is no revision 'v9'", id="the second is unknown"),
        pytest.param(
            "v0", "v2", r"'v0' has no data/selection.*dvc fetch", id="older than its data"
        ),
    ],
)
def test_names_a_revision_that_it_cannot_read(told, first, second, said):
    with pytest.raises(OutputError, match=said):
        told(first, second)


def test_refuses_versions_without_a_scene_in_common(told):
    with pytest.raises(
        SelectionError,
        match=r"no ground of the split 'test' in common: 0 scenes in elsewhere, 8 in v2",
    ):
        told("elsewhere", "v2")


def test_refuses_another_split(told):
    with pytest.raises(ConfigError, match=r"`--split` is val or test\. Received: 'train'"):
        told("v1", "v2", split="train")


@pytest.mark.slow
def test_says_what_is_missing_in_the_cache(versions, told):
    files = open_revision(versions, "v1").files
    md5 = files.info("data/detections/test.parquet")["md5"]
    cached = versions / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    content = cached.read_bytes()
    cached.unlink()
    try:
        with pytest.raises(
            OutputError, match=r"detections/test\.parquet of the revision 'v1'.*dvc fetch"
        ):
            told("v1", "v2")
    finally:
        cached.write_bytes(content)


def _lock(**stages):
    """Text of a dvc.lock by which stages ran with these settings."""
    entries = {
        name.replace("_of_", "@"): {"cmd": "factory", "params": {"params.yaml": params}}
        for name, params in stages.items()
    }
    return OmegaConf.to_yaml(OmegaConf.create({"schema": "2.0", "stages": entries}))


OTHERS = _lock(postprocess_of_test={"postprocess": {"min_score": 0.2}})


@pytest.mark.slow
def test_refuses_a_promoted_point_on_test_that_has_run_on_val_alone(versions, told):
    """What it holds of test its parent has made: it would come out the same as that."""
    file = versions / "dvc.lock"
    file.write_text(OTHERS)
    commit(versions, "promoted")
    git(versions, "reset", "-q", "--hard", "HEAD~1")
    said = r"In promoted the detections of test.*postprocess@test ran with postprocess.min_score "
    said += r"0.2 in place of 0.3.*`dvc exp apply promoted`.*--split val"
    for pair in (("v1", "promoted"), ("promoted", "v1")):
        with pytest.raises(OutputError, match=said):
            told(*pair)


@pytest.mark.slow
def test_refuses_a_workspace_whose_settings_were_changed_since(versions, told):
    file = versions / "dvc.lock"
    file.write_text(OTHERS)
    try:
        with pytest.raises(OutputError, match=r"In workspace .*Run `dvc repro`, or take back"):
            told("v1")
        file.write_text(
            _lock(
                postprocess_of_test={"postprocess": {"min_score": 0.3}},
                predict_of_test={"fingerprint.predict": "of an older factory"},
                postprocess_of_val={"postprocess": {"min_score": 0.2}},
                evaluate_of_test={"evaluate": {"iou": 0.9}},
            )
        )
        assert told("v1")["verdict"]["outcome"] == "better"
    finally:
        file.unlink()


def test_a_workspace_without_data_says_pull(versions, told):
    file = versions / "data/detections/test.parquet"
    content = file.read_bytes()
    file.unlink()
    try:
        with pytest.raises(OutputError, match=r"test\.parquet is not in the workspace.*`dvc pull`"):
            told("v1")
    finally:
        file.write_bytes(content)
