"""What every sample promises."""

import re

import pytest
import yaml

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.sources import samples
from factory_core.sources.samples import SAMPLES, write_sample

FILES = samples.airfield.FILES.parent


@pytest.mark.parametrize(
    ("name", "nearest"), [("airfeild", "airfield"), ("trees", "neon_trees"), ("", "neon_trees")]
)
def test_names_the_nearest_sample(tmp_path, name, nearest):
    with pytest.raises(ConfigError, match=f"no sample '{name}'.*'{nearest}'"):
        write_sample(name, out=tmp_path / "out", size_px=None, seed=0)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def counted(monkeypatch):
    """Calls of a sample that writes one file, or stops half-way."""
    calls = []

    def write(out, *, size_px, seed):
        calls.append((size_px, seed))
        (out / "half.txt").write_text("half")
        if seed == 13:
            raise KeyboardInterrupt
        (out / "whole.txt").write_text("whole")

    monkeypatch.setattr(samples, "SAMPLES", {"made": write})
    return calls


def test_repeats_nothing_that_is_done(counted, tmp_path):
    for _ in range(2):
        write_sample("made", out=tmp_path / "out", size_px=None, seed=0)
    assert counted == [(None, 0)]


def test_writes_another_size_or_seed_anew(counted, tmp_path):
    for size_px, seed in ((None, 0), (64, 0), (64, 1)):
        write_sample("made", out=tmp_path / "out", size_px=size_px, seed=seed)
    assert len(counted) == 3


def test_is_written_whole_or_not_at_all(counted, tmp_path):
    write_sample("made", out=tmp_path / "out", size_px=None, seed=0)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        write_sample("made", out=tmp_path / "out", size_px=None, seed=13)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "half.txt",
        "mine.txt",
        "sample.json",
        "whole.txt",
    ]


@pytest.mark.parametrize("folder", sorted(FILES.glob("*/detectors/*")), ids=lambda f: f.name)
class TestDetector:
    def test_answers_every_question_about_it(self, folder):
        answers = yaml.safe_load((folder / "answers.yaml").read_text())["default_context"]
        assert {"detector_name", "package_name", "finds", "task", "taxonomy"} <= set(answers)
        assert answers["package_name"].isidentifier()
        assert answers["task"] in {"detection", "segmentation"}
        Taxonomy(tuple(path.strip() for path in answers["taxonomy"].split(",")))

    def test_has_an_experiment_that_says_its_command(self, folder):
        text = (folder / "baseline.yaml").read_text()
        assert text.startswith("# @package _global_\n# ")
        assert re.search(r"dvc exp run -S experiment=(baseline|roads)\n", text)
        assert yaml.safe_load(text)["catalogue"]["labels"].startswith("labels/")


@pytest.mark.parametrize("name", SAMPLES)
def test_states_source_and_licence(name):
    assert "licence" in (FILES / name / "README.md").read_text().lower()
