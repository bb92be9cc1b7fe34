import pytest
from geopandas import GeoDataFrame

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.parts import load_part
from factory_core.postprocess.chain import compose


def chain(*names, takes=ScoreMap):
    node = {"tasks": {n: load_part("postprocess", n) for n in names}, "order": list(names)}
    return compose(node, takes=takes, where="postprocess")


@pytest.mark.parametrize(
    ("names", "takes"),
    [
        pytest.param((), GeoDataFrame, id="no task for candidates"),
        pytest.param(("min_score",), GeoDataFrame, id="candidates enter at the last"),
        pytest.param(("polygonise",), ScoreMap, id="vectoriser alone"),
        pytest.param(("threshold", "polygonise", "min_area"), ScoreMap, id="all three kinds"),
    ],
)
def test_accepts_an_order_that_fits(names, takes):
    assert [name for name, _ in chain(*names, takes=takes).tasks] == list(names)


@pytest.mark.parametrize(
    ("names", "takes", "words"),
    [
        pytest.param((), ScoreMap, ["ends with a score map", "polygonise"], id="nothing"),
        pytest.param(("threshold",), ScoreMap, ["ends with a score map"], id="no vectoriser"),
        pytest.param(
            ("min_area", "polygonise"),
            ScoreMap,
            ["postprocess.tasks.min_area", "predictions are a score map"],
            id="detections too early",
        ),
        pytest.param(
            ("polygonise", "threshold"),
            ScoreMap,
            ["postprocess.tasks.threshold", "`polygonise` before it gives polygons"],
            id="score map too late",
        ),
        pytest.param(
            ("threshold", "polygonise"),
            GeoDataFrame,
            ["postprocess.tasks.threshold", "predictions are polygons"],
            id="score map task for candidates",
        ),
    ],
)
def test_refuses_an_impossible_order(names, takes, words):
    with pytest.raises(ConfigError) as raised:
        chain(*names, takes=takes)
    for word in [*words, "The rule:"]:
        assert word in str(raised.value)


def test_refuses_a_part_of_another_kind():
    node = {"tasks": {"x": {"_target_": "factory_core.kernel.compute.Local"}}, "order": ["x"]}
    with pytest.raises(ConfigError, match=r"postprocess\.tasks\.x.*Local"):
        compose(node, takes=ScoreMap, where="postprocess")
