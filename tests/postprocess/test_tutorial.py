"""The tutorial does what it says: its files, written as they stand there, are a part."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from geopandas import GeoDataFrame
from omegaconf import OmegaConf

from factory_core.kernel.parts import list_parts, load_part
from factory_core.postprocess.chain import compose

PAGE = Path(__file__).parents[2] / "docs/tutorials/postprocess.md"


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """A detector with the files of the tutorial."""
    monkeypatch.chdir(tmp_path)
    files = dict(re.findall(r'```\w+ title="(.+?)"\n(.+?)```', PAGE.read_text(), re.DOTALL))
    assert len(files) == 3
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    Path("tree_detector/__init__.py").touch()
    OmegaConf.save(OmegaConf.create({"package": "tree_detector"}), "params.yaml")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    _forget()  # other tests bake a detector of this name
    yield tmp_path
    _forget()


def _forget():
    for name in [name for name in sys.modules if name.split(".")[0] == "tree_detector"]:
        del sys.modules[name]


def test_the_part_of_the_tutorial_is_found_and_fits_a_chain(detector):
    (part,) = [part for part in list_parts("postprocess") if part.name == "drop_nested"]
    assert part.help.startswith("After a suppression")
    names = ["min_score", "non_maximum_suppression", "drop_nested"]
    tasks = {name: load_part("postprocess", name) for name in names}
    node = {"tasks": tasks, "order": names}
    chain = compose(node, takes=GeoDataFrame, where="postprocess")
    assert [name for name, _ in chain.tasks] == names


def test_the_test_of_the_tutorial_passes(detector):
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_drop_nested.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout
