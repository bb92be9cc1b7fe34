"""Curves of DVCLive, as it writes them itself."""

from __future__ import annotations

import math

import pytest
from dvclive import Live

from factory_core.evaluate.figures import draw_training
from factory_core.evaluate.training_curves import read_curves
from factory_core.kernel.errors import OutputError


def test_reads_what_dvclive_writes(tmp_path):
    with Live(str(tmp_path / "0"), save_dvc_exp=False, dvcyaml=None, report=None) as live:
        for loss in (2.0, 1.0, math.nan):
            live.log_metric("train/loss", loss)
            live.log_metric("learning_rate", 0.1)
            live.next_step()
    rate, loss = sorted(read_curves(tmp_path), key=lambda curve: curve.metric)
    assert (rate.name, loss.metric, loss.name) == ("learning_rate", "loss", "train")
    assert loss.steps == (0, 1, 2)
    assert loss.values[:2] == (2.0, 1.0)
    assert math.isnan(loss.values[2])
    assert draw_training([rate, loss])[:4] == b"\x89PNG"


def test_members_are_told_apart(tmp_path):
    for member in ("0", "1"):
        file = tmp_path / member / "plots/metrics/loss.tsv"
        file.parent.mkdir(parents=True)
        file.write_text("step\tloss\n0\t1\n")
    assert [curve.name for curve in read_curves(tmp_path)] == ["member 0", "member 1"]


def test_no_curves_draw_nothing(tmp_path):
    assert read_curves(tmp_path) == []
    assert draw_training([]) is None


@pytest.mark.parametrize(
    "text", ["step\n0\n", "step\tloss\n0\tx\n", "loss\n1\n", "step\tloss\n0\n"]
)
def test_a_damaged_table_is_named(tmp_path, text):
    file = tmp_path / "0/plots/metrics/train/loss.tsv"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(OutputError, match=r"train/loss\.tsv is not a table of DVCLive"):
        read_curves(tmp_path)
