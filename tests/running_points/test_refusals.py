"""What a search refuses, before a point is measured or after all were."""

import numpy as np
import pandas as pd
import pytest
from geopandas import GeoDataFrame

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.running_points import search
from factory_core.running_points.plan import read_points
from factory_core.running_points.points import Space
from tests.running_points.conftest import (
    SCENES,
    TABLE,
    grid,
    overrides_of,
    write_params,
    write_points,
)

pytestmark = pytest.mark.usefixtures("plain")


def test_a_misspelt_part_is_named_with_the_key_of_the_plan(detector):
    space = "{postprocess: [[gaussian, threshold, polygonise], [gaussian, treshold, polygonise]]}"
    with pytest.raises(ConfigError) as raised:
        list(search.search(write_points(detector, space=space)))
    said = str(raised.value)
    assert "POINTS.yaml: `space.postprocess` has" in said
    assert "Did you mean 'threshold'" in said
    assert "does not compose" not in said


def test_a_misspelt_merge_is_named_with_the_key_of_the_plan(box_detector):
    wanted = read_points(write_points(box_detector, space="{merge: [core, supression]}"))
    with pytest.raises(ConfigError, match=r"POINTS.yaml: `space.merge` has .*'suppression'"):
        Space(wanted, takes=GeoDataFrame, voters=1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"split": "test"}, "searched on val and nothing else", id="split"),
        pytest.param({"predictions": "data/predictions/test"}, "are of test", id="test"),
        pytest.param({"objectves": "{}"}, "Did you mean 'objectives'", id="misspelt key"),
        pytest.param({"objectives": "{f2: maximize}"}, "'f2'. Did you mean 'f1'", id="metric"),
        pytest.param(
            {"constraints": "{false_alarms_per_km2: {at_most: 0.1}}"},
            r"false_alarms does: choose it in the defaults list.*metric: \[..., false_alarms\]",
            id="metric that is not chosen",
        ),
        pytest.param({"objectives": "{f1: up}"}, "must be one of 'maximize'", id="direction"),
        pytest.param(
            {"objectives": "{by_class/hose/f1: maximize}"}, "Did you mean 'house'", id="class"
        ),
        pytest.param({"constraints": "{f1: {}}"}, "State one of", id="empty constraint"),
        pytest.param({"constraints": "{f1: {at_mots: 1}}"}, "'at_most'", id="misspelt bound"),
        pytest.param({"space": "{}"}, "one key in `space`", id="nothing to try"),
        pytest.param({"sampler": "gird"}, "Did you mean 'grid'", id="misspelt sampler"),
        pytest.param({"sampler": "random"}, "`points` is missing", id="random without points"),
        pytest.param({"points": "5"}, "a grid tries all", id="grid with points"),
        pytest.param(
            {"sampler": "{_target_: os.system}", "points": "5"}, "may only name", id="forbidden"
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: {low: 0.1, high: 0.9}}"},
            "needs a `step` in the range of postprocess.tasks.threshold.min_score",
            id="grid of an endless range",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.treshold.min_score: [0.1, 0.2]}"},
            r"'treshold', which is not in the chain \(gaussian, .*Did you mean 'threshold'",
            id="misspelt part",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.simplify.tolerance_m: [0.1, 0.2]}"},
            "'simplify', which is not in the chain.*lists of parts to choose from",
            id="part that is not in the chain",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_scor: [0.1, 0.2]}"},
            "Did you mean 'postprocess.tasks.threshold.min_score'",
            id="misspelt field",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: [0.1, 2.0]}"},
            r"postprocess.tasks.threshold` is wrong.*min_score=2.0",
            id="value that the part refuses",
        ),
        pytest.param(
            {"space": "{postprocess.tasks.threshold.min_score: {low: 0.1, high: 1.5, step: 0.1}}"},
            r"postprocess.tasks.threshold` is wrong.*min_score=1.5",
            id="range that the part refuses",
        ),
        pytest.param(
            {"space": "{postprocess: [[polygonise, threshold], [threshold, polygonise]]}"},
            "`postprocess.tasks.threshold` takes a score map",
            id="impossible chain",
        ),
        pytest.param({"space": "{predict.blend: [a, b]}"}, "needs the network", id="predict"),
        pytest.param({"space": "{model.width: [4, 8]}"}, "`factory tune`", id="model"),
        pytest.param({"space": "{evaluate.iou: [0.4, 0.5]}"}, "it is the ruler", id="ruler"),
        pytest.param({"space": "{postproces.order: [1, 2]}"}, "'postprocess'", id="room"),
        pytest.param({"overrides": "[predict.overlap_px=3]"}, "differ in predict", id="upstream"),
    ],
)
def test_refuses_before_a_point_is_measured(detector, changed, message):
    changed.setdefault("name", "second")
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        list(search.search(write_points(detector, **changed)))
    assert not (detector / "running_points").exists()


def test_says_how_close_the_best_came(detector):
    file = write_points(detector, constraints="{precision: {at_least: 1.5}, recall: {at_least: 0}}")
    with pytest.raises(ConfigError) as caught:
        list(search.search(file))
    table = pd.read_parquet(TABLE)
    closest = table.loc[table["precision"].idxmax()]
    message = str(caught.value)
    assert "None of 6 points has precision at least 1.5 and recall at least 0" in message
    assert f"The closest, {closest['point']}, has precision {closest['precision']:.4g}" in message
    assert overrides_of(closest)[0] in message
    assert not table["feasible"].any()
    assert "No point will do" in (detector / "running_points/first/report.html").read_text()


@pytest.mark.slow
def test_a_metric_with_too_few_samples_is_none(detector):
    text = (detector / "conf/config.yaml").read_text()
    (detector / "conf/config.yaml").write_text(text.replace("min_labels: 1", "min_labels: 999"))
    write_params(detector)
    with pytest.raises(ConfigError, match=r"None of 6 points has a number for f1.*999"):
        list(search.search(write_points(detector)))


def test_refuses_empty_and_missing_predictions(detector):
    folder = detector / "data/predictions/val"
    empty = np.zeros((2, 60, 80), np.uint8)
    for name, crs in SCENES.items():
        io.write_cog(
            folder / f"{name}.tif",
            geobox=grid(crs),
            bands=("house", "shed"),
            dtype="uint8",
            nodata=None,
            blocks=[(grid(crs), empty)],
        )
    with pytest.raises(OutputError, match="val is empty: no scene of val has a score above 0"):
        list(search.search(write_points(detector)))
    (folder / "a.tif").unlink()
    with pytest.raises(OutputError, match="0 predictions for the scene 'a'"):
        list(search.search(write_points(detector)))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(OutputError, match="dvc repro predict@val"):
        list(search.search(write_points(detector)))


@pytest.mark.slow
def test_refuses_a_selection_without_val(detector):
    selection = detector / "data/selection/selection.parquet"
    table = io.read_table(selection)
    io.write_table(table.assign(split="test"), selection)
    with pytest.raises(SelectionError, match="'val'"):
        list(search.search(write_points(detector)))
