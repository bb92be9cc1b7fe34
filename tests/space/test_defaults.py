"""The quick reading of defaults lists gives what Hydra gives."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from factory_core.kernel.errors import ConfigError
from factory_core.space.defaults import Conf


def hydra(root, overrides):
    with initialize_config_dir(str(root / "conf"), version_base=None):
        found = compose("config", overrides=overrides, return_hydra_config=True)
    choices = OmegaConf.to_container(found.hydra.runtime.choices)
    tree = OmegaConf.to_container(found, resolve=False)
    del tree["hydra"]
    return tree, {key: value for key, value in choices.items() if not key.startswith("hydra/")}


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({}, id="as it is"),
        pytest.param({"encoder": "blocks"}, id="an option with a list of its own"),
        pytest.param(
            {"encoder": "blocks", "block@encoder.block": "deep"}, id="a group at another place"
        ),
        pytest.param({"loss": "sum", "loss@loss.one": "sum"}, id="a group within itself"),
        pytest.param({"experiment": "other"}, id="an experiment that overrides a group"),
        pytest.param({"optimizer": "steady"}, id="an option that extends another"),
    ],
)
def test_equals_hydra(detector, overrides):
    (detector / "conf/experiment/other.yaml").write_text(
        "# @package _global_\ndefaults: [override /encoder: blocks, override /optimizer: sgd]\n"
        "optimizer: {momentum: 0.5}\nextra: ${optimizer.momentum}\n"
    )
    (detector / "conf/optimizer/steady.yaml").write_text(
        "# @package optimizer\ndefaults: [sgd, _self_]\nmomentum: 0.99\n"
    )
    found = Conf(detector).compose(overrides)
    tree, choices = hydra(detector, [f"{key}={value}" for key, value in overrides.items()])
    assert found.tree == tree
    assert {c.address: c.option for c in found.choices if not c.many} == {
        key: value for key, value in choices.items() if not isinstance(value, list)
    }


def test_the_package_comes_after_the_detector(detector):
    config = detector / "conf/config.yaml"
    config.write_text(config.read_text().replace("[]", "[pkg://factory_core.conf]"))
    conf = Conf(detector)
    assert {"adam", "sgd", "adamw"} <= set(conf.options("optimizer"))
    assert conf.read("optimizer", "adam").body == {"_target_": "little_parts.parts.Adam"}


def test_an_option_that_is_not_there_is_named(detector):
    with pytest.raises(ConfigError, match=r"conf/optimizer has no option 'adan'. It has: adam"):
        Conf(detector).compose({"optimizer": "adan"})
