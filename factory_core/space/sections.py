"""Every section of a configuration, read as its stage reads it, where the whole is composed."""

from __future__ import annotations

from importlib import import_module

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config as configuration
from factory_core.predict.settings import check_overlap, read_settings
from factory_core.space.fit import check_chain

SETTINGS = ("catalogue", "select", "dataset", "train", "ensemble", "evaluate")
PARTS = ("compute", "select.split")
CHAINS = ("process", "evaluate.metrics")


def check_sections(config: DictConfig) -> None:
    """Refuse what a stage would refuse of its settings, hours before it comes to run.

    The parts that need Keras (model, augmentations, optimizer, schedule, sampler, devices) are
    left to `train`, and to `factory price` and `factory space --check`.

    Args:
        config: Sections that it lacks are not looked at.

    Raises:
        ConfigError: A key or a value is wrong, or sections do not go together.
        TaxonomyError: The classes are no tree.
    """
    if "taxonomy" in config:
        configuration.taxonomy(config)
    for name in SETTINGS:
        if name in config:
            settings = import_module(f"factory_core.{name}.settings").Settings
            configuration.section(config, name, settings)
    if "predict" in config:
        read_settings(config)
        if "dataset" in config:
            check_overlap(config.predict.overlap_px, window_px=config.dataset.window_px)
    for path in PARTS:
        if (part := OmegaConf.select(config, path)) is not None:
            configuration.build(part, where=path)
    for path in CHAINS:
        if (chain := OmegaConf.select(config, path)) is not None:
            configuration.build_chain(chain, where=path)
    if "postprocess" in config and "dataset" in config:
        check_chain(config)
