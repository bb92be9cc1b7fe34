"""The AI factory: everything that a detector repository's stages call."""

import os

# Set before any stage imports the libraries that read them: no telemetry from
# ONNX Runtime or DVC, and one arithmetic for training on every machine (the
# weights differ with and without oneDNN, so its use must not depend on the CPU).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# GDAL would keep up to a twentieth of the machine's memory of what it reads and writes (in MB).
os.environ.setdefault("GDAL_CACHEMAX", "128")

__version__ = "0.1.0"
