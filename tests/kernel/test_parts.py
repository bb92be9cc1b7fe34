"""The register of parts: every YAML states its part whole, with advice, and its part builds."""

import dataclasses
import json
from importlib import import_module

import pytest

from factory_core.kernel import parts
from factory_core.kernel.errors import ConfigError

ALL = parts.list_parts()
NEEDS_KERAS = ("factory_core.models", "factory_core.train", "keras.")


@pytest.mark.parametrize("part", ALL, ids=lambda part: f"{part.kind}-{part.name}")
def test_states_its_advice(part):
    assert len(part.help.split()) >= 4
    assert part.help.endswith(".")


@pytest.mark.parametrize(
    "part",
    [part for part in ALL if not part.target.startswith("keras.")],
    ids=lambda part: f"{part.kind}-{part.name}",
)
def test_states_every_field_of_its_class(part):
    module, _, name = part.target.rpartition(".")
    cls = getattr(import_module(module), name)
    assert set(part.fields) == {field.name for field in dataclasses.fields(cls) if field.init}
    assert cls.__doc__


def test_an_unknown_kind_or_part_names_what_there_is():
    with pytest.raises(ConfigError, match=r"Kinds: .*compute"):
        parts.list_parts("computer")
    with pytest.raises(ConfigError, match="There are: dask, local"):
        parts.load_part("compute", "slurmy")


def test_is_plain_data():
    assert json.loads(json.dumps([part.as_dict() for part in ALL]))


def test_a_detector_s_own_part_is_listed(tmp_path, monkeypatch):
    (tmp_path / "conf/compute").mkdir(parents=True)
    (tmp_path / "conf/compute/ours.yaml").write_text(
        "# @package _global_\n# The big machine in the cellar.\n"
        "compute: {_target_: factory_core.kernel.compute.Local, workers: 64}\n"
    )
    monkeypatch.chdir(tmp_path)
    (ours,) = (part for part in parts.list_parts("compute") if part.name == "ours")
    assert ours.key == "compute"
    assert ours.help == "The big machine in the cellar."
    assert ours.fields == {"workers": 64}
