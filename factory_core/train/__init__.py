"""Step 5, windows -> model.keras and model.onnx."""

import factory_core.models  # noqa: F401 - starts Keras without its noise
