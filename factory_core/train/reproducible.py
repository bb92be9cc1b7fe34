"""What makes two trainings give the same bits, and what is promised where."""

from __future__ import annotations

import keras

from factory_core.kernel.errors import ModelError


def pin(*, seed: int, threads: int, deterministic: bool = True) -> str:
    """Fix the seed and, if `deterministic`, all else that bits depend on; say what holds then.

    On CPUs it is the number of threads, which changes the order of sums; on GPUs it is how
    operations are computed. Whether oneDNN is used counts too; `factory_core` itself sets that.

    Args:
        seed: Of the first weights and of dropout.
        threads: Of the libraries.
        deterministic: Whether the same seed must give the same weights.

    Returns:
        One sentence for the user.

    Raises:
        ModelError: The libraries have started with another number of threads.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() != "tensorflow":
        return (
            f"The same seed gives the same weights on CPUs of one kind; on a GPU, "
            f"{keras.backend.backend()} promises nothing."
        )
    gpus = _pin_tensorflow(threads, deterministic=deterministic)
    if not deterministic:
        return "The same seed may give other weights the next time: `train.deterministic` is false."
    if gpus:
        return "The same seed gives the same weights on GPUs of this kind with these drivers."
    return f"The same seed gives the same weights on CPUs of this kind, with {threads} thread(s)."


def _pin_tensorflow(threads: int, *, deterministic: bool) -> bool:
    """Whether there is a GPU."""
    import tensorflow as tf

    gpus = bool(tf.config.list_physical_devices("GPU"))
    if not deterministic:
        return gpus
    if gpus:
        tf.config.experimental.enable_op_determinism()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise ModelError(
            f"`train.threads` is {threads}, but TensorFlow has already started with "
            f"{tf.config.threading.get_intra_op_parallelism_threads()} in this process. Train "
            "each model in a process of its own, as `factory train` does."
        ) from error
    return gpus
