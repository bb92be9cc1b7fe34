import subprocess
import sys

PROGRAM = """
import sys
import factory_core.cli
import factory_core.bundle.predict
heavy = {"tensorflow", "keras", "tf2onnx", "onnx", "pystac", "hydra", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_predicting_with_a_bundle_needs_no_training_library():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
