"""The graph that is trained, and the one that is deployed around the same weights."""

from __future__ import annotations

import keras
from keras import layers, ops

from factory_core.dataset.shards import Stats
from factory_core.kernel.errors import ConfigError
from factory_core.models.interface import Model


def build_network(model: Model, stats: Stats) -> keras.Model:
    """Pixels as processed, float32, to raw outputs: normalisation and the architecture.

    Raises:
        ConfigError: The windows do not fit the architecture, or its labels are of another form.
    """
    if stats.form != model.form:
        raise ConfigError(
            f"`model` is {type(model).__name__}, which learns from {model.form}, and the windows "
            f"have labels as {stats.form}. Choose `target: {model.form}`, or another model."
        )
    if stats.window_px % model.divisor_px:
        below = stats.window_px // model.divisor_px * model.divisor_px
        raise ConfigError(
            f"`dataset.window_px` must be divisible by {model.divisor_px} for this `model` and "
            f"`encoder`. Received: {stats.window_px}. Use {max(below, model.divisor_px)} or "
            f"{below + model.divisor_px}."
        )
    image = keras.Input((stats.window_px, stats.window_px, len(stats.bands)), name="pixels")
    # Not layers.Normalization: its mean would become an input of the ONNX file.
    normalised = layers.Rescaling(
        scale=[1 / deviation for deviation in stats.deviation],
        offset=[-m / deviation for m, deviation in zip(stats.mean, stats.deviation, strict=True)],
        dtype="float32",  # pixels of 16 bits are no float16
        name="normalise",
    )(image)
    output = model.network(normalised, num_classes=len(stats.classes))
    if output.dtype != "float32":
        output = ops.cast(output, "float32")  # of mixed precision, for the loss
    network = keras.Model(image, output, name="network")
    model.load_pretrained(network, bands=stats.bands)
    return network


def build_deployed(network: keras.Model, model: Model, stats: Stats) -> keras.Model:
    """Pixels as processed, in their own type, to named scores and boxes."""
    shape = (stats.window_px, stats.window_px, len(stats.bands))
    image = keras.Input(shape, dtype=stats.dtype, name="image")
    # A model that was compiled would be saved with its loss and its optimiser.
    plain = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    outputs = model.decode(plain(ops.cast(image, "float32")))
    return keras.Model(image, outputs, name="deployed")
