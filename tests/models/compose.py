"""Models from their YAML alone, as a detector composes them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import DictConfig

from factory_core.kernel import config

CLASSES = ("vehicle/car", "vehicle/truck")
CONFIG = """
defaults: [{{model: {name}}}, _self_]
taxonomy: {{classes: [{classes}], level: 2}}
hydra: {{searchpath: ["pkg://factory_core.conf"]}}
"""
# Chosen where the model has the group or the field, so that it builds in a second.
SMALL = (
    "encoder=resnet",
    "encoder.width=2",
    "encoder.depth=3",
    "model.width=4",
    "model.depth=1",
    "model.extra_levels=0",
    "model.modules=[1,1]",
)


@lru_cache(maxsize=256)
def compose(name: str, *overrides: str) -> DictConfig:
    """The configuration that `conf/model/<name>.yaml` alone gives."""
    with TemporaryDirectory() as folder:
        conf = Path(folder) / "conf"
        conf.mkdir()
        text = CONFIG.format(name=name, classes=", ".join(CLASSES))
        (conf / "config.yaml").write_text(text, encoding="utf-8")
        return config.compose(Path(folder), overrides=overrides)


def model_from_yaml(name: str, *overrides: str, small: bool = True) -> Any:
    """Build a model from its YAML alone.

    Args:
        name: File in `conf/model/`.
        overrides: As on the command line of Hydra.
        small: First take `SMALL`, as far as the model has what it sets.
    """
    plain = compose(name)
    chosen = []
    for override in SMALL if small else ():
        section, _, field = override.partition("=")[0].partition(".")
        if section in plain and (section == "encoder" or field in plain[section]):
            chosen.append(override)
    return config.build(compose(name, *chosen, *overrides).model, where="model")
