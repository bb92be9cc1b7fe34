"""The fingerprint of a stage changes with the code it runs and with nothing else."""

import shutil

import pytest
from omegaconf import OmegaConf

import factory_core
from factory_core.kernel import fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of factory_core, whose files a test may change."""
    home = tmp_path / "factory_core"
    for name, text in {
        "kernel/io.py": '"""Files."""\nLIMIT = 1\n',
        "kernel/other.py": "LIMIT = 1\n",
        "predict/page.jinja": "<i>",
        "predict/stage.py": "from factory_core.kernel import io\nrun = io.LIMIT\n",
        "postprocess/used.py": "A = 1\n",
        "postprocess/unused.py": "B = 1\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    monkeypatch.setattr(fingerprint, "PACKAGE", home)
    return home


def of_predict():
    return fingerprint.fingerprint("predict", targets=["factory_core.postprocess.used.Used"])


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        pytest.param("predict/stage.py", "run = 2\n", True, id="the stage itself"),
        pytest.param("kernel/io.py", "LIMIT = 2\n", True, id="a module that it imports"),
        pytest.param("predict/page.jinja", "<b>", True, id="a file beside the stage"),
        pytest.param("postprocess/used.py", "A = 2\n", True, id="a part that it builds"),
        pytest.param("postprocess/unused.py", "B = 2\n", False, id="a part that it does not build"),
        pytest.param(
            "kernel/other.py", "LIMIT = 2\n", False, id="a module that it does not import"
        ),
        pytest.param(
            "kernel/io.py", '"""Other words."""\n\nLIMIT = 1  # why\n', False, id="only words"
        ),
    ],
)
def test_changes_with_the_code_of_the_stage(package, file, text, changes):
    before = of_predict()
    (package / file).write_text(text)
    assert (of_predict() != before) is changes


def test_a_folder_of_another_tool_beside_the_stage_is_no_code(package):
    before = of_predict()
    (package / "predict" / ".mypy_cache").mkdir()
    assert of_predict() == before


def test_counts_the_detector_s_own_modules(package, tmp_path):
    own = tmp_path / "detector"
    (own / "boats").mkdir(parents=True)
    (own / "boats/wake.py").write_text("A = 1\n")
    targets = ["boats.wake.Wake"]
    before = fingerprint.fingerprint("predict", targets=targets, root=own)
    (own / "boats/wake.py").write_text("A = 2\n")
    assert fingerprint.fingerprint("predict", targets=targets, root=own) != before


def test_the_resolver_finds_the_parts_of_the_sections_it_names(package, tmp_path):
    fingerprint.register(tmp_path)
    config = OmegaConf.create(
        {
            "chain": {"tasks": {"it": {"_target_": "factory_core.postprocess.used.Used"}}},
            "code": "${code:predict,chain}",
        }
    )
    assert config.code == of_predict()


def test_a_text_that_looks_like_a_comment_is_code(package):
    (package / "kernel/io.py").write_text('LIMIT = "# 1"\n')
    before = of_predict()
    (package / "kernel/io.py").write_text('LIMIT = "# 2"\n')
    assert of_predict() != before


def test_the_real_code_gives_the_same_from_a_copy(tmp_path, monkeypatch):
    home = fingerprint.PACKAGE
    assert home.name == factory_core.__name__
    here = fingerprint.fingerprint("catalogue", targets=[])
    copy = shutil.copytree(home, tmp_path / "factory_core")
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    assert fingerprint.fingerprint("catalogue", targets=[]) == here
