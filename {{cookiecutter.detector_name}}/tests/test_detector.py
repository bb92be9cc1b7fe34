"""The repository is in order: params.yaml is current, and every part builds."""

import pytest
from factory_core.kernel import config
from omegaconf import DictConfig

PARAMS = config.load()
SECTIONS = {name: node for name, node in PARAMS.items() if isinstance(node, DictConfig)}
CHAINS = [name for name, node in SECTIONS.items() if "tasks" in node]
PARTS = [name for name, node in SECTIONS.items() if "_target_" in node]


def test_params_are_what_conf_composes_to():
    current = config.PARAMS.read_text(encoding="utf-8")
    assert current == config.to_yaml(config.compose()), "run `factory compose`"


@pytest.mark.parametrize("name", CHAINS)
def test_chain_builds(name):
    assert config.build_chain(PARAMS[name], where=name)


@pytest.mark.parametrize("name", PARTS)
def test_part_builds(name):
    assert config.build(PARAMS[name], where=name)


def test_taxonomy_is_a_tree():
    assert config.taxonomy(PARAMS).names
