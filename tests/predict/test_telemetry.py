import subprocess
import sys

PROGRAM = """
import os, sys
os.environ.pop("ORT_DISABLE_TELEMETRY", None)
import factory_core.predict.model
assert "onnxruntime" in sys.modules
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
"""


def test_onnx_runtime_never_starts_with_telemetry():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
