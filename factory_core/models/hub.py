"""The one door to keras-hub, which takes seconds to import and may be missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from factory_core.kernel.errors import ConfigError


def keras_hub() -> ModuleType:
    """The package keras_hub.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module("keras_hub")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "The chosen `model` or `encoder` is one of keras-hub, which is not installed here. "
            "Install the extra `hub` (`pip install 'factory-core[hub]'`), or choose another."
        ) from error
