"""Where the steps of a training are computed: one device, several, or several machines."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from factory_core.kernel.errors import ConfigError


class Placement:
    """One device, which Keras finds.

    Attributes:
        count: Devices that share a batch.
        chief: Whether this process writes what comes of it.
    """

    count: int = 1
    chief: bool = True

    def scope(self) -> AbstractContextManager[Any]:
        """Within it networks and optimisers are made."""
        return nullcontext()

    def step(self, network: keras.Model, images: np.ndarray, target: np.ndarray) -> float:
        """Learn from one batch; gives its loss before."""
        return float(network.train_on_batch(images, target, return_dict=True)["loss"])

    def agree(self, numbers: Sequence[float]) -> list[float]:
        """The numbers as the first device has them."""
        return list(numbers)


class Distributed(Placement):
    """The devices of a strategy of TensorFlow; each learns from its part of every batch.

    Keras' step of training runs on each device. What Keras 3.15 builds around it fails with
    several workers (it takes the mean of a loss, a single number, over a dimension), and its `fit`
    would split the batches of a dataset of TensorFlow; here they are those of one device.

    Args:
        strategy: Of `tf.distribute`.
        chief: Whether this process writes what comes of it.
    """

    def __init__(self, strategy: Any, *, chief: bool) -> None:
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync
        self.chief = chief
        self._compiled: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """That of the strategy."""
        return self.strategy.scope()  # type: ignore[no-any-return]

    def step(self, network: keras.Model, images: np.ndarray, target: np.ndarray) -> float:
        """Learn from one batch, a part on each device.

        Raises:
            ConfigError: The batch cannot be shared out evenly.
        """
        if len(images) % self.count:
            fits = -(-len(images) // self.count) * self.count
            raise ConfigError(
                f"`train.batch_size` must be divisible by the {self.count} devices. Received "
                f"batches of {len(images)} windows. Use {fits}, and at most the windows of train."
            )
        with self.strategy.scope():
            if self._compiled is None:
                self._compiled = self._compile(network)
            network.reset_metrics()
            return float(self._compiled(self._shared(images), self._shared(target)))

    def agree(self, numbers: Sequence[float]) -> list[float]:
        """The numbers of the first device: other processors may round otherwise."""
        import tensorflow as tf

        def of_first() -> Any:
            context = tf.distribute.get_replica_context()
            mine = tf.constant(list(numbers), tf.float64)
            first = context.replica_id_in_sync_group == 0
            return context.all_reduce(tf.distribute.ReduceOp.SUM, mine if first else 0 * mine)

        result = self.strategy.run(tf.function(of_first))
        return [float(x) for x in self.strategy.experimental_local_results(result)[0]]

    def _compile(self, network: keras.Model) -> Any:
        """The step of all devices, which gives the mean of their losses."""
        import tensorflow as tf

        def step(images: Any, target: Any) -> Any:
            found = self.strategy.run(network.train_step, args=((images, target),))
            return self.strategy.reduce("MEAN", found["loss"], axis=None)

        return tf.function(step, reduce_retracing=True)

    def _shared(self, values: np.ndarray) -> Any:
        size = len(values) // self.count

        def part(context: Any) -> np.ndarray:
            number = context.replica_id_in_sync_group
            return values[number * size : (number + 1) * size]

        return self.strategy.experimental_distribute_values_from_function(part)


class Devices(ABC):
    """A choice of devices."""

    @abstractmethod
    def start(self) -> Placement:
        """Take hold of them; before anything else is computed in this process.

        Raises:
            ConfigError: They are not there, or not for this backend of Keras.
        """


@dataclass(frozen=True)
class One(Devices):
    """The GPU that Keras finds, or the processor."""

    def start(self) -> Placement:
        """Nothing to do."""
        return Placement()


@dataclass(frozen=True)
class Mirrored(Devices):
    """Several devices of this machine (`tf.distribute.MirroredStrategy`).

    Args:
        names: As TensorFlow calls them, `GPU:0` say; none: every GPU.
    """

    names: tuple[str, ...] = ()

    def start(self) -> Placement:
        """Start the strategy."""
        tf = _tensorflow("mirrored")
        names = list(self.names) or [
            device.name.removeprefix("/physical_device:")
            for device in tf.config.list_physical_devices("GPU")
        ]
        there = [device.name for device in tf.config.list_logical_devices()]
        missing = [name for name in names if not any(d.endswith(name) for d in there)]
        if len(names) < 2 or missing:
            wanted = ", ".join(names) or "GPUs"
            raise ConfigError(
                f"`devices: mirrored` needs two devices or more. Wanted: {wanted}; there are: "
                f"{', '.join(there)}. Choose `devices: one`, or state `devices.names`."
            )
        return Distributed(tf.distribute.MirroredStrategy(names), chief=True)


@dataclass(frozen=True)
class Workers(Devices):
    """Several machines (`tf.distribute.MultiWorkerMirroredStrategy`), told of by `TF_CONFIG`.

    The same command is started on each, over one shared folder: the first worker writes, all
    read its checkpoint.
    """

    def start(self) -> Placement:
        """Wait for the others and start the strategy."""
        tf = _tensorflow("workers")
        try:
            told = json.loads(os.environ["TF_CONFIG"])
            task = told["task"]
            workers = told["cluster"]["worker"]
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                "`devices: workers` needs the environment variable TF_CONFIG, "
                '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": '
                f"0}}}}, another index on each machine. Received: {os.environ.get('TF_CONFIG')!r}."
            ) from error
        if task.get("type") != "worker" or not 0 <= int(task.get("index", -1)) < len(workers):
            raise ConfigError(
                f"TF_CONFIG must name this process as one of its {len(workers)} workers. "
                f"Received: task={task}."
            )
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Distributed(strategy, chief=int(task["index"]) == 0)


def _tensorflow(name: str) -> Any:
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"`devices: {name}` needs TensorFlow, and Keras runs on {keras.backend.backend()}. "
            "Choose `devices: one`, or start with KERAS_BACKEND=tensorflow."
        )
    import tensorflow

    return tensorflow
