"""The count equals that of going through every configuration and building it."""

import json
from itertools import product

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.space.command import run_count
from factory_core.space.defaults import Conf
from factory_core.space.enumerate import enumerate_space, tracked

OPTIONS = {
    "model": ["map", "whole"],
    "target": ["mask", "boxes"],
    "encoder": ["fixed", "blocks"],
    "block": ["plain", "deep"],
    "block@encoder.block": ["plain", "deep"],
    "loss": ["dice", "centre", "sum"],
    "loss@loss.one": ["dice", "centre"],
    "activation": ["relu", "gelu"],
}


def built(conf, choices):
    """What the stages read of a configuration, or None where it does not build."""
    try:
        found = OmegaConf.create(conf.compose(choices).tree)
        model = config.build(found.model, where="model")
        target = config.build(found.dataset.target, where="target")
        config.build(found.optimizer, where="optimizer")
    except (ConfigError, InterpolationKeyError):
        return None
    if target.form != model.form:
        return None
    read = OmegaConf.to_container(found, resolve=True)
    return json.dumps([read[key] for key in ("dataset", "model", "optimizer")], sort_keys=True)


def test_counts_what_going_through_all_of_them_counts(detector):
    # The optimiser combines with all: it is left as it is here and multiplied below.
    conf = Conf(detector)
    rows = [asked(dict(zip(OPTIONS, row, strict=True))) for row in product(*OPTIONS.values())]
    distinct = {tuple(row.items()): row for row in rows}
    every = {built(conf, row) for row in distinct.values()}
    every.discard(None)
    space = enumerate_space(detector)
    assert space.count == 2 * len(every)
    rows = {tuple(row.items()): row for row in space.draw(400, seed=0)}
    drawn = {built(conf, row) for row in rows.values()}
    assert None not in drawn
    assert len(drawn) == space.count


def asked(choices):
    """The choices of a row whose groups are in the defaults lists that it has."""
    has = {"model", "target", "loss", "activation"}
    has |= {"block"} if choices["model"] == "whole" else {"encoder"}
    if "encoder" in has and choices["encoder"] == "blocks":
        has.add("block@encoder.block")
    if choices["loss"] == "sum":
        has.add("loss@loss.one")
    return {at: option for at, option in choices.items() if at in has}


def test_says_what_is_left_out_and_why(detector):
    left_out = dict(enumerate_space(detector).left_out)
    assert "changes no result" in left_out["compute"]
    assert "presets" in left_out["experiment"]
    assert "list of any length" in left_out["chain"]
    assert "predictions are polygons" in left_out["model=boxes"]
    assert left_out["loss=centre with model=map"] == "is no MapLoss"
    assert left_out["target=boxes with model=map"] == "gives boxes; the model learns from mask"
    assert left_out["loss@loss.one=sum with model=map"] == "stands in itself"


def test_a_choice_that_nothing_reads_is_no_factor(detector):
    addresses = [set(found.options) for found in enumerate_space(detector).products]
    assert all("activation" not in found or "block@encoder.block" in found for found in addresses)
    assert any("activation" in found for found in addresses)


def test_a_value_that_an_option_does_not_have_rules_the_option_out(detector):
    whole = enumerate_space(detector).count
    with (detector / "conf/config.yaml").open("a") as file:
        file.write("optimizer: {momentum: 0.5}\n")
    space = enumerate_space(detector)
    assert space.count == whole / 2
    assert "no field 'momentum'" in dict(space.left_out)["optimizer=adam with model=map"]


def test_a_part_whose_package_is_missing_is_left_out(detector, monkeypatch):
    whole = enumerate_space(detector).count
    adam = config.part_class("little_parts.parts.Adam", where="optimizer")
    monkeypatch.setattr(adam, "needs", "no_such_package", raising=False)
    space = enumerate_space(detector)
    assert space.count == whole / 2
    assert "needs no_such_package" in dict(space.left_out)["optimizer=adam with model=map"]


def test_a_stage_that_does_not_track_a_key_does_not_count_it(detector):
    whole = enumerate_space(detector).count
    dvc = detector / "dvc.yaml"
    dvc.write_text(dvc.read_text().replace("[model, optimizer]", "[model]"))
    assert ("optimizer",) not in tracked(detector)
    assert enumerate_space(detector).count == whole / 2


def test_holds_a_choice(detector):
    found = json.loads(run_count(hold=["optimizer", "loss=sum"], as_json=True))
    assert found["common"]["optimizer"] == ["adam"]
    assert found["count"] == sum(factor["count"] for factor in found["factors"])
    assert all(factor["options"]["loss"] == ["sum"] for factor in found["factors"])
    with pytest.raises(ConfigError, match="Did you mean 'optimizer'"):
        run_count(hold=["optimiser"], as_json=True)


def test_the_table_names_factors_and_total(detector):
    text = run_count(hold=(), as_json=False)
    assert f"{enumerate_space(detector).count:,} valid configurations of 2 models" in text
    assert "optimizer 2: adam, sgd" in text


def test_needs_a_detector(tmp_path):
    with pytest.raises(ConfigError, match="Start in the root of a detector"):
        enumerate_space(tmp_path)
