"""What a worker does before it works: it enters the detector's folder, or says why it cannot."""

import pickle
import sys
from concurrent.futures import CancelledError
from importlib.metadata import version
from pathlib import Path

import pytest
from distributed.scheduler import KilledWorker

from factory_core.kernel.cluster import Workers, _InFolder
from factory_core.kernel.errors import ComputeError, FactoryError

OWN = "def read(name):\n    from pathlib import Path\n    return Path(name).read_text()\n"


def test_a_worker_works_in_the_folder_with_the_detector_s_own_package(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "aircraft_parts.py").write_text(OWN)
    (tmp_path / "scene.txt").write_text("seen")
    from aircraft_parts import read

    function = _InFolder(str(tmp_path), version("factory-core"), pickle.dumps(read))
    sys.path.remove(str(tmp_path))
    monkeypatch.delitem(sys.modules, "aircraft_parts")
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    sent = pickle.loads(pickle.dumps(function))  # noqa: S301 (made here)
    assert sent("scene.txt") == "seen"
    assert Path.cwd() == tmp_path


def test_says_that_a_worker_does_not_see_the_folder(tmp_path):
    function = _InFolder(str(tmp_path / "gone"), version("factory-core"), pickle.dumps(len))
    with pytest.raises(ComputeError, match=r"does not see the folder .*gone.*mount it there"):
        function("x")


def test_says_that_a_worker_has_another_version(tmp_path):
    function = _InFolder(str(tmp_path), "0.0.1", pickle.dumps(len))
    with pytest.raises(ComputeError, match=r"and this stage 0\.0\.1"):
        function("x")


class Ended:
    """A future that ended with an error."""

    def __init__(self, error):
        self.error = error

    def result(self):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        pytest.param(KilledWorker("block", None, 3), FactoryError, "4 of them.*memory", id="item"),
        pytest.param(CancelledError(), ComputeError, "scheduler was lost", id="scheduler"),
    ],
)
def test_tells_a_task_that_kills_its_workers_from_a_lost_cluster(error, kind, words):
    """The first is the fault of one scene, and the others go on; the second ends the stage."""
    with pytest.raises(FactoryError, match=words) as raised:
        Workers(None, ({}, {}), 1.0).result(Ended(error))
    assert type(raised.value) is kind
