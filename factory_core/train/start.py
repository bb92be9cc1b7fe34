"""A training as it is configured: its network, its optimiser, and where its steps are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from factory_core.dataset.shards import Stats
from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.models.interface import Model
from factory_core.train.devices import Placement
from factory_core.train.fit import Plan, Training
from factory_core.train.graph import build_network, join_batch_statistics
from factory_core.train.schedules import Constant, Schedule


def start_training(
    config: DictConfig,
    model: Model,
    stats: Stats,
    placement: Placement,
    *,
    steps: int,
    folder: Path,
) -> Training:
    """A training from its start, or from its checkpoint in `folder`.

    Args:
        config: Its section `train` as the settings of the stage have checked it.
        model: The architecture.
        stats: Of the dataset.
        placement: Where steps are computed.
        steps: Batches of an epoch.
        folder: For the checkpoint.

    Raises:
        ConfigError: The windows do not fit the model, or the optimiser or its schedule is wrong.
    """
    settings = config.train
    plan = Plan(
        epochs=settings.epochs,
        patience=settings.patience,
        cycles=_schedule(config).cycles,
        average=configuration.build(settings.get("average"), where="train.average"),
        save_minutes=settings.save_minutes,
        feed_threads=settings.feed_threads,
    )
    with placement.scope():
        network = build_network(model, stats, precision=settings.precision)
        if placement.count > 1:
            join_batch_statistics(network)
        network.compile(optimizer=build_optimizer(config, steps=steps), loss=model.loss)
        network.optimizer.build(network.trainable_variables)
    same = placement.count == 1 and settings.precision == "float32"
    return Training(
        network,
        measured=network if same else build_network(model, stats),
        plan=plan,
        steps=steps,
        folder=folder,
        placement=placement,
    )


def build_optimizer(config: DictConfig, *, steps: int) -> Any:
    """The optimiser of Keras with its learning rate over the steps of the training.

    Args:
        config: A composed configuration.
        steps: Batches of an epoch.

    Raises:
        ConfigError: It is wrong, or its schedule, or they do not go together.
    """
    schedule = _schedule(config)
    node: Any = OmegaConf.to_container(config.optimizer, resolve=True)
    rate = node.get("learning_rate")
    if node.get("use_ema"):
        raise ConfigError(
            "`optimizer.use_ema` is not for here: choose `average: moving` in the defaults list, "
            "which is measured, kept and resumed."
        )
    if isinstance(rate, float | int):
        if not rate > 0:
            raise ConfigError(
                f"`optimizer.learning_rate` must be above 0. Received: {rate}. Use 0.001."
            )
        node["learning_rate"] = schedule(float(rate), epochs=config.train.epochs, steps=steps)
    elif not isinstance(schedule, Constant):
        raise ConfigError(
            "`optimizer.learning_rate` must be a number for `schedule` to move, or a schedule of "
            "Keras (counted in steps) beside `schedule: constant`. Received: "
            f"{config.optimizer.get('learning_rate')} beside {type(schedule).__name__}."
        )
    return configuration.build(node, where="optimizer")


def _schedule(config: DictConfig) -> Schedule:
    schedule: Schedule = configuration.build(config.schedule, where="schedule")
    return schedule
