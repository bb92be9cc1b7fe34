"""The graph that is trained, and the one that is deployed around the same weights."""

from __future__ import annotations

import keras
from keras import layers, ops

from factory_core.dataset.shards import Stats
from factory_core.models.interface import Model


def build_network(model: Model, stats: Stats, *, precision: str = "float32") -> keras.Model:
    """Pixels as processed, float32, to raw outputs: normalisation and the architecture.

    Args:
        model: The architecture.
        stats: Of the dataset.
        precision: Policy of Keras for the layers that have none of their own.

    Raises:
        ConfigError: The windows do not fit the architecture, or its labels are of another form.
    """
    model.check_windows(form=stats.form, window_px=stats.window_px)
    image = keras.Input((stats.window_px, stats.window_px, len(stats.bands)), name="pixels")
    # Not layers.Normalization: its mean would become an input of the ONNX file.
    normalised = layers.Rescaling(
        scale=[1 / deviation for deviation in stats.deviation],
        offset=[-m / deviation for m, deviation in zip(stats.mean, stats.deviation, strict=True)],
        dtype="float32",  # pixels of 16 bits are no float16
        name="normalise",
    )(image)
    keras.config.set_dtype_policy(precision)
    try:
        output = model.network(normalised, num_classes=len(stats.classes))
        if output.dtype != "float32":
            output = ops.cast(output, "float32")  # for the loss
        network = keras.Model(image, output, name="network")
    finally:
        keras.config.set_dtype_policy("float32")
    model.load_pretrained(network, bands=stats.bands)
    return network


def join_batch_statistics(network: keras.Model) -> None:
    """Let batch normalisation see the whole batch where several devices have a part each."""
    for layer in network._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.synchronized = True


def build_deployed(network: keras.Model, model: Model, stats: Stats) -> keras.Model:
    """Pixels as processed, in their own type, to named scores and boxes."""
    shape = (stats.window_px, stats.window_px, len(stats.bands))
    image = keras.Input(shape, dtype=stats.dtype, name="image")
    # A model that was compiled would be saved with its loss and its optimiser.
    plain = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    # Said, for a layer whose default is another would turn those after it to training.
    outputs = model.decode(plain(ops.cast(image, "float32"), training=False))
    return keras.Model(image, outputs, name="deployed")
