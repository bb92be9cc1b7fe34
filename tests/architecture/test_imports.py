"""The house keeps its order: imports go one way, and Keras stays in its rooms."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import factory_core
from factory_core.cli.stages import STAGES

PACKAGE = Path(factory_core.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(file.relative_to(PACKAGE)) for file in FILES]
STEPS = {folder.name for folder in PACKAGE.iterdir() if folder.is_dir()} - {"kernel", "conf"}
# What stands on stages may use their pure modules.
ABOVE_STAGES = {"bundle", "cli", "running_points", "sources", "space", "tune"}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_no_step_imports_another(file):
    room = file.relative_to(PACKAGE).parts[0]
    if room in ABOVE_STAGES or room.endswith(".py"):
        return
    # Models learn from the samples that dataset cuts, training brings the two together; an
    # ensemble is weighed by what its models give for windows.
    beside = {
        "models": {"dataset"},
        "train": {"dataset", "models"},
        "ensemble": {"dataset", "predict"},
    }
    may_use = {room, "kernel"} | beside.get(room, set())
    for name in imports(file):
        if name.startswith("factory_core."):
            used = name.split(".")[1]
            assert used not in STEPS - may_use, f"{name} is another step's"


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_no_part_imports_a_stage(file):
    names = list(imports(file))
    assert not [name for name in names if name.endswith(".stage") or ".stage." in name]


def test_there_is_a_stage_for_each_step_and_no_other():
    assert {file.parent.name for file in PACKAGE.glob("*/stage.py")} == set(STAGES)


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_a_module_says_what_it_is_for(file):
    assert ast.get_docstring(ast.parse(file.read_text()))


def test_no_circle_of_imports():
    graph = {}
    modules = {
        ".".join(("factory_core", *f.relative_to(PACKAGE).with_suffix("").parts)) for f in FILES
    }
    for file in FILES:
        name = ".".join(("factory_core", *file.relative_to(PACKAGE).with_suffix("").parts))
        graph[name] = {
            found
            for imported in imports(file)
            for found in (imported, f"{imported}.__init__")
            if found in modules and found != name
        }
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for other in sorted(graph[name]):
            visit(other)
        path.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


def modules_after(code):
    listing = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stdout.split())


LIGHT = [
    ".".join(("factory_core", *file.relative_to(PACKAGE).with_suffix("").parts))
    for file in FILES
    if file.relative_to(PACKAGE).parts[0] not in {"models", "train"}
] + ["factory_core.train.settings"]


def test_nothing_but_models_and_train_imports_keras():
    code = "\n".join(f"import {name}" for name in LIGHT)
    assert not modules_after(code) & {"keras", "tensorflow", "tf2onnx"}


def test_help_needs_no_heavy_library():
    heavy = {"geopandas", "rasterio", "pandas", "onnxruntime", "hydra", "matplotlib", "dask"}
    assert not modules_after("import factory_core.cli") & heavy


def test_no_telemetry():
    code = "import os, factory_core\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    modules_after(f"{code}\nassert os.environ['DVC_NO_ANALYTICS'] == '1'")
