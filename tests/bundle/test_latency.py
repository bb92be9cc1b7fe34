"""Times are those of the clock that is given, and the numbers follow from them."""

from itertools import accumulate, chain

import numpy as np
import pytest
from typer.testing import CliRunner

from factory_core.bundle import machine
from factory_core.bundle.detector import load_detector
from factory_core.bundle.latency import Times, describe, measure_latency
from factory_core.cli import app
from factory_core.evaluate.metric import interval
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError, SceneError
from tests.bundle.test_predict import POLYGONS, deploy, draw, write


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A bundle and two scenes, of 0.0054 and 0.0108 megapixels."""
    folder = tmp_path_factory.mktemp("latency")
    deploy(folder / "bundle", POLYGONS)
    pixels = draw([(5, 5, 9, 12), (50, 10, 55, 16)])
    write(folder / "scenes/a.tif", pixels[:, :45])
    write(folder / "scenes/b.tif", pixels)
    return folder


def clock_of(*seconds):
    """A clock by which each thing that is timed takes as long as is said here."""
    return map(float, accumulate(chain.from_iterable((0, one) for one in seconds))).__next__


def test_says_how_long_each_scene_took(workplace):
    out = workplace / "latency.json"
    found = measure_latency(
        workplace / "bundle",
        [workplace / "scenes"],
        repeats=3,
        out=out,
        clock=clock_of(7, 5, 1, 4, 2, 8, 3, 3),
    )
    assert (found.load_s, found.first_s) == (7, 5)
    assert [scene.runs_s for scene in found.scenes] == [(1, 2, 3), (4, 8, 3)]
    assert [scene.detections for scene in found.scenes] == [1, 2]
    said = io.read_json(out)
    assert [scene["median_s"] for scene in said["scenes"]] == [2, 4]
    assert said["scenes"][1]["s_per_megapixel"] == pytest.approx(4 / 0.0108, rel=1e-4)
    assert said["latency"]["s_per_km2"]["value"] == pytest.approx(6 / 0.0162, rel=1e-4)
    assert said["latency"]["scene_s"]["value"] == 3
    assert said["machine"]["provider"] == "CPUExecutionProvider"
    assert said["cold_start"] == {"load_s": 7, "first_s": 5}


def test_says_where_there_is_too_little_for_a_number(workplace):
    found = measure_latency(
        workplace / "bundle", [workplace / "scenes"], repeats=1, clock=clock_of(1, 1, 1, 1)
    )
    text = "\n".join(describe(found))
    assert "the median scene: 1 s (no interval: fewer than 6 scenes)" in text
    assert "none (2 samples, fewer than 20)" in text


def test_an_interval_is_that_of_scenes_drawn_again():
    runs = np.array([[1.0, 3.0, 2.0], [10.0, 10.0, 40.0], [4.0, 5.0, 6.0]])
    times = Times(runs, km2=np.array([1.0, 2.0, 4.0]), megapixels=np.array([1.0, 1.0, 0.0]))
    once, again = (
        {name: number.values[0] for name, number in times(np.array([weights])).items()}
        for weights in ([1, 1, 1], [0, 2, 1])
    )
    assert once == pytest.approx(
        {"scene_s": 5, "scene_p95_s": np.quantile(runs, 0.95), "s_per_km2": 17 / 7,
         "s_per_megapixel": 8.5}
    )  # fmt: skip
    twice = Times(runs[[1, 1, 2]], times.km2[[1, 1, 2]], times.megapixels[[1, 1, 2]])
    same = {name: number.values[0] for name, number in twice(np.ones((1, 3))).items()}
    assert again == pytest.approx(same)
    weights = np.array([[1, 1, 1], [3, 0, 0], [0, 3, 0], [0, 0, 3]])
    low, _ = interval(times(weights)["scene_s"].values[1:])
    assert low == pytest.approx(np.quantile([2, 10, 5], 0.025))


@pytest.mark.parametrize(
    ("scenes", "options", "error", "message"),
    [
        pytest.param(["none"], {}, SceneError, "has no scene", id="no scene"),
        pytest.param(["scenes", "scenes/a.tif"], {}, SceneError, "given twice", id="twice"),
        pytest.param(["torn.tif"], {}, SceneError, "torn.tif", id="torn"),
        pytest.param(["scenes"], {"repeats": 0}, ConfigError, "at least 1", id="no round"),
        pytest.param(["scenes"], {"out": "l.txt"}, OutputError, r"\.json", id="other ending"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(workplace, scenes, options, error, message):
    (workplace / "none").mkdir(exist_ok=True)
    (workplace / "torn.tif").write_bytes(b"II*")
    out = workplace / options.pop("out", "bad.json")
    with pytest.raises(error, match=message):
        measure_latency(
            workplace / "bundle", [workplace / name for name in scenes], out=out, **options
        )
    assert not out.exists()


def test_the_machine_is_named(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    (tmp_path / "gpus/0").mkdir(parents=True)
    (tmp_path / "gpus/0/information").write_text("Model: \t\t Some GPU\nIRQ: 9\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "GPUS", tmp_path / "gpus")
    engine = load_detector(deploy(tmp_path / "bundle", POLYGONS)).engine
    found = machine.this_machine(engine)
    assert (found.cpu, found.gpus) == ("Some CPU @ 2 GHz", ("Some GPU",))
    assert found.threads == found.cores


@pytest.mark.slow
def test_the_command_prints_a_table(workplace):
    done = CliRunner().invoke(
        app, ["latency", *map(str, [workplace / "bundle", workplace / "scenes", "--repeats", 1])]
    )
    assert done.exit_code == 0, done.exception
    table = [line.split() for line in done.stdout.splitlines()[4:7]]
    assert sorted(row[0] for row in table) == ["a", "b", "scene"]
    assert "a megapixel: " in done.stdout
