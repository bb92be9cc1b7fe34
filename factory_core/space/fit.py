"""Whether what is chosen in several sections goes together, before anything runs."""

from __future__ import annotations

from geopandas import GeoDataFrame
from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.chain import compose


def check_chain(config: DictConfig) -> None:
    """Refuse an impossible post-processing of what the model gives, as `dataset.target` tells.

    Unlike `check_fit` it imports no Keras, so it is done wherever a configuration is composed.

    Raises:
        ConfigError: As the stage postprocess raises it.
    """
    target = configuration.build(config.dataset.target, where="dataset.target")
    takes = GeoDataFrame if target.form in ("boxes", "oriented_boxes") else ScoreMap
    compose(config.postprocess, takes=takes, where="postprocess")


def check_fit(config: DictConfig) -> None:
    """Refuse windows that the model does not learn from, and a chain that takes something else.

    Raises:
        ConfigError: Names both, and what to choose.
    """
    model = configuration.build(config.model, where="model")
    target = configuration.build(config.dataset.target, where="dataset.target")
    model.check_windows(form=target.form, window_px=config.dataset.window_px)
    takes = ScoreMap if model.task == "score_map" else GeoDataFrame
    try:
        compose(config.postprocess, takes=takes, where="postprocess")
    except ConfigError as error:
        chain = (
            "`postprocess=[threshold,polygonise,min_area,simplify] evaluate.match=polygon`"
            if model.task == "score_map"
            else "`postprocess=[min_score,non_maximum_suppression] evaluate.match="
            f"{'box' if model.task == 'boxes' else 'polygon'}`"
        )
        raise ConfigError(
            f"`model` is {type(model).__name__}, which gives {model.task.replace('_', ' ')}: "
            f"{error} Choose, say, {chain}."
        ) from error
