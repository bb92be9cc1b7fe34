"""OGC TrainingDML-AI: in the form of the examples of the standard."""

import json

import pytest

from factory_core.kernel.errors import LabelError
from factory_core.sources.formats.training_dml import TrainingDml

RING = [[[5, 6], [25, 6], [25, 16], [5, 16], [5, 6]]]


def label(**members):
    geometry = {"type": "Polygon", "coordinates": RING}
    feature = {"type": "Feature", "properties": {"iscrowd": 0}, "geometry": geometry}
    return {
        "type": "AI_ObjectLabel",
        "class": "plane",
        "object": feature,
        "bboxType": "Horizontal BBox",
        **members,
    }


@pytest.fixture
def write(tmp_path):
    def go(*labels, **members):
        data = {"type": "AI_EOTrainingData", "id": "a", "dataURL": ["images/a.png"]}
        content = {
            "type": "AI_EOTrainingDataset",
            "id": "dota",
            "classes": [{"key": "plane", "value": 0}, {"key": "ship", "value": 1}],
            "data": [{**data, "labels": list(labels), **members}],
        }
        path = tmp_path / "dota.json"
        path.write_text(json.dumps(content))
        return path

    return go


def test_reads_object_labels(read, write):
    rows, _, ledger = read(
        TrainingDml(),
        write(
            label(confidence=0.5),
            label(**{"class": 1}),
            label(isNegative=True),
            {"type": "AI_PixelLabel", "imageURL": ["mask.png"]},
        ),
    )
    assert [row[1] for row in rows] == ["plane", "ship"]
    assert rows[0][2].bounds == pytest.approx((5, 6, 25, 16))
    assert rows[0][3] == {"iscrowd": 0, "score": 0.5}
    assert dict(ledger.lost) == {"negative labels": 1, "labels of type AI_PixelLabel": 1}


def test_reads_what_lies_at_an_address(read, write):
    rows, *_ = read(TrainingDml(), write(label(), dataURL=["https://data.example/x/a.png?v=1"]))
    assert rows[0][0] == "a"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        pytest.param({"class": "plain"}, "label 2: .*'plain' is not among", id="unknown class"),
        pytest.param({"object": {"type": "Feature"}}, "label 2: .*'geometry'", id="no geometry"),
        pytest.param({"object": 3}, "label 2: 'object' must be", id="wrong kind"),
        pytest.param({"confidence": "high"}, "label 2: `confidence` must be", id="no number"),
        pytest.param(
            {"object": {"geometry": {"type": "Polygon", "coordinates": [[[1, 1], [2, 2]]]}}},
            "label 2: .*no geometry",
            id="two corners",
        ),
    ],
)
def test_bad_labels_are_refused_by_their_number(read, write, members, message):
    source = write(label(), label(**members))
    with pytest.raises(LabelError, match=rf"dota\.json, data 'a', {message}"):
        read(TrainingDml(), source)
    rows, _, ledger = read(TrainingDml(), source, keep_going=True)
    assert (len(rows), len(ledger.problems)) == (1, 1)


def test_other_data_sets_are_refused(read, tmp_path):
    (tmp_path / "a.json").write_text('{"type": "FeatureCollection", "data": []}')
    with pytest.raises(LabelError, match=r"AI_EOTrainingDataset.*'FeatureCollection'"):
        read(TrainingDml(), tmp_path / "a.json")
