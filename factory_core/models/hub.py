"""The one door to keras-hub, which takes seconds to import and may be missing."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar

import keras

from factory_core.kernel.errors import ConfigError
from factory_core.models.interface import Model, Tensor

PACKAGE = "keras_hub"


def keras_hub() -> ModuleType:
    """The package keras_hub.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module(PACKAGE)
    except ModuleNotFoundError as error:
        raise ConfigError(
            "The chosen `model` or `encoder` is one of keras-hub, which is not installed here. "
            "Install the extra `hub` (`pip install 'factory-core[hub]'`), or choose another."
        ) from error


class HubModel(Model):
    """An architecture of keras-hub, over any encoder of ours.

    What keras-hub builds is taken apart into plain layers, so that a saved model says what it
    is without the arguments it was built with.
    """

    needs: ClassVar[str] = PACKAGE

    def image_encoder(self, image: Tensor) -> keras.Model:
        """Our encoder as keras-hub wants it, features `P1`, `P2`, ... of `1/2`, `1/4`, ..."""
        seen = keras.Input(image.shape[1:])
        features = self.encoder.features(seen)
        found = keras.Model(seen, features, name="encoder")
        found.pyramid_outputs = {f"P{n}": x for n, x in enumerate(features, start=1)}
        return found

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the encoder, wherever keras-hub put it, its pretrained weights."""
        self.encoder.load_pretrained(_holder_of_encoder(network), bands=bands)


def plain(model: keras.Model) -> keras.Model:
    """The layers of a model of keras-hub without the class around them."""
    return keras.Model(model.inputs[0], model.output, name="hub")


def _holder_of_encoder(network: keras.Model) -> keras.Model:
    """The model inside `network` whose layers are those of the encoder."""
    for layer in network.layers:
        if layer.name.startswith("encoder_"):
            return network
        if isinstance(layer, keras.Model):
            found = _holder_of_encoder(layer)
            if found is not layer or any(x.name.startswith("encoder_") for x in layer.layers):
                return found
    return network
