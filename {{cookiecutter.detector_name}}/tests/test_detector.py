"""The repository is in order: params.yaml is current, and every part builds."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from factory_core.kernel import config

PARAMS = config.load()
CHAINS = [name for name, node in PARAMS.items() if isinstance(node, dict | type(PARAMS)) and "tasks" in node]
PARTS = [
    name for name, node in PARAMS.items() if isinstance(node, dict | type(PARAMS)) and "_target_" in node
]


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
