"""What makes two trainings give the same bits, on the same kind of processor."""

from __future__ import annotations

import keras

from factory_core.kernel.errors import ModelError


def pin(*, seed: int, threads: int) -> None:
    """Fix the seed and the number of threads, which changes the order of sums.

    Whether oneDNN is used changes them too; `factory_core` itself sets that.

    Raises:
        ModelError: The libraries have started with another number of threads.
    """
    keras.utils.clear_session()
    if keras.backend.backend() == "tensorflow":
        _pin_tensorflow(threads)
    keras.utils.set_random_seed(seed)


def _pin_tensorflow(threads: int) -> None:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise ModelError(
            f"`train.threads` is {threads}, but TensorFlow has already started with "
            f"{tf.config.threading.get_intra_op_parallelism_threads()} in this process. Train "
            "each model in a process of its own, as `factory train` does."
        ) from error
