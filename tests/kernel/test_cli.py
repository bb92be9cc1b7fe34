"""The command line: one clear message and a non-zero exit for a user's mistake."""

import json
import subprocess
import sys

import pytest


def factory(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "factory_core.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def detector(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(
        "defaults: [compute: local, _self_]\nhydra: {searchpath: [pkg://factory_core.conf]}\n"
    )
    return tmp_path


def test_compose_writes_and_checks_params(detector):
    assert "written" in factory("compose", cwd=detector).stdout
    assert factory("compose", "--check", cwd=detector).returncode == 0
    params = detector / "params.yaml"
    params.write_text(params.read_text() + "by_hand: 1\n")
    before = params.read_text()
    refused = factory("compose", "--check", cwd=detector)
    assert refused.returncode == 1
    assert "edited by hand" in refused.stderr
    assert params.read_text() == before


def test_an_error_has_no_traceback(tmp_path):
    done = factory("compose", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_misspelt_kind_of_part_is_told_the_nearest(tmp_path):
    done = factory("parts", "postproces", cwd=tmp_path)
    assert done.returncode == 1
    assert "no kind of part 'postproces'. Did you mean 'postprocess'?" in done.stderr


def test_parts_as_json_is_an_array_with_fields_and_help(tmp_path):
    done = factory("parts", "compute", "--json", cwd=tmp_path)
    listed = json.loads(done.stdout)
    assert [part["name"] for part in listed] == ["dask", "local", "slurm"]
    assert listed[1]["fields"] == {"workers": 1}
    assert listed[1]["help"]


def test_parts_of_an_unknown_kind(tmp_path):
    done = factory("parts", "no_such_kind", cwd=tmp_path)
    assert done.returncode == 1
    assert "Kinds: " in done.stderr
