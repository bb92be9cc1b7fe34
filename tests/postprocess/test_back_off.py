import geopandas as gpd
import pytest
import shapely

from factory_core.kernel.errors import TaxonomyError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.postprocess.detections.back_off import BackOff
from factory_core.postprocess.detections.roll_up import RollUp

TREE = Taxonomy(
    ("aircraft/civil/airliner", "aircraft/civil/glider", "aircraft/military/fighter", "ship"), 3
)
HERE, THERE = shapely.box(0, 0, 10, 10), shapely.box(50, 0, 60, 10)


def frame(*rows):
    shapes, scores, labels = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"score": scores, "label": labels, "scene_id": "a"}, geometry=list(shapes), crs="EPSG:32633"
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param({"airliner": 0.7, "glider": 0.2}, ("airliner", 0.7), id="sure of the class"),
        pytest.param({"airliner": 0.6}, ("airliner", 0.6), id="limit itself is believed"),
        pytest.param({"airliner": 0.4, "glider": 0.3}, ("civil", 0.7), id="sure of its parent"),
        pytest.param(
            {"airliner": 0.3, "glider": 0.1, "fighter": 0.25},
            ("aircraft", 0.65),
            id="sure of the root alone",
        ),
        pytest.param({"airliner": 0.3}, ("aircraft", 0.3), id="sure of nothing: the root"),
        pytest.param(
            {"airliner": 0.5, "glider": 0.5, "fighter": 0.5}, ("civil", 1.0), id="sums end at 1"
        ),
        pytest.param({"civil": 0.4, "glider": 0.3}, ("civil", 0.7), id="with scores of the parent"),
        pytest.param({"ship": 0.2}, ("ship", 0.2), id="a root has no parent"),
    ],
)
def test_an_object_is_named_as_finely_as_its_scores_allow(scores, expected):
    found = BackOff(0.6, 0.5, TREE)(frame(*((HERE, s, label) for label, s in scores.items())))
    assert len(found) == 1
    assert found["label"].item() == expected[0]
    assert found["score"].item() == pytest.approx(expected[1])


def test_objects_apart_and_of_other_roots_are_not_pooled():
    rows = [(HERE, 0.4, "airliner"), (THERE, 0.3, "glider"), (HERE, 0.9, "ship")]
    found = BackOff(0.6, 0.5, TREE)(frame(*rows))
    assert found["label"].tolist() == ["aircraft", "aircraft", "ship"]
    assert found["score"].tolist() == [0.4, 0.3, 0.9]


def test_of_one_class_the_best_counts_once():
    found = BackOff(0.6, 0.5, TREE)(frame((HERE, 0.4, "airliner"), (HERE, 0.35, "airliner")))
    assert found[["label", "score"]].to_numpy().tolist() == [["aircraft", 0.4]]


def test_refuses_a_label_that_is_not_in_the_tree():
    with pytest.raises(TaxonomyError, match="airliner"):
        BackOff(0.6, 0.5, TREE)(frame((HERE, 0.4, "airlner")))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        pytest.param(1, ["aircraft", "aircraft", "ship"], id="roots"),
        pytest.param(2, ["civil", "aircraft", "ship"], id="coarser stays"),
        pytest.param(3, ["airliner", "aircraft", "ship"], id="leaves"),
    ],
)
def test_roll_up(level, expected):
    rows = [(HERE, 0.4, "aircraft/civil/airliner"), (THERE, 0.3, "aircraft"), (HERE, 0.9, "ship")]
    assert RollUp(level, TREE)(frame(*rows))["label"].tolist() == expected


@pytest.mark.parametrize("make", [lambda: BackOff(1.5, 0.5, TREE), lambda: RollUp(5, TREE)])
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
