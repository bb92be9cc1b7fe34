"""What every exchange format promises: what goes out comes back, up to what is counted as lost."""

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory_core.kernel.config import build
from factory_core.kernel.parts import list_parts, load_part
from factory_core.sources.annotations import Annotations, Ledger, to_pixels
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import FEATURES, Loss, plain
from tests.contract.exchange import SHAPES, STRATEGIES, TOLERANCE_PX, annotate, names, write_images

# A grid that is turned, one in degrees, and an image without a place.
PLACES = ("turned", "degrees", "placeless")
# A service is only read; how is tested with the format.
READ_ALONE = {"stac_api"}
NAMES = [part.name for part in list_parts("format") if part.name not in READ_ALONE]
# All but the one that holds images without labels.
holds_labels = pytest.mark.parametrize(
    "form", [name for name in NAMES if name != "images"], indirect=True
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return ImageFolder(write_images(tmp_path_factory.mktemp("images")), resolution_m=0.5)


@pytest.fixture(params=NAMES)
def form(request):
    return built(request.param)


@cache
def built(name):
    return build(load_part("format", name))


@pytest.fixture
def there_and_back(form, images, tmp_path_factory):
    """Write annotations and read them again: what came back, and what was counted as lost."""

    def go(annotations):
        out = tmp_path_factory.mktemp("out") / "written"
        ledger = Ledger()
        form.write(annotations, out, ledger=ledger)
        assert out.exists()
        reading = Ledger()
        back = form.read(out, images=images, ledger=reading)
        assert not reading.problems
        assert not reading.lost
        return back, ledger.lost

    return go


def rows_of(annotations):
    """Labels of each scene as comparable rows: class, shape in pixels, attributes."""
    found = {}
    for scene_id, frame in annotations.labels.items():
        shapes = to_pixels(frame, grid=annotations.images[scene_id].grid)
        found[scene_id] = [
            (
                row["label"],
                shape,
                {
                    name: value
                    for name, stated in row.items()
                    if name not in ("label", "geometry", "scene_id", "crs")
                    and (value := plain(stated)) is not None
                },
            )
            for row, shape in zip(frame.to_dict("records"), shapes, strict=True)
        ]
    return found


def assert_same(back, sent):
    """The same classes, shapes to a thousandth of a pixel, and attributes, in any order."""
    found, expected = rows_of(back), rows_of(sent)
    assert set(found) == set(expected)
    for scene_id, rows in expected.items():
        assert len(found[scene_id]) == len(rows)
        left = list(found[scene_id])
        for label, shape, attributes in rows:
            match = [
                other
                for other in left
                if other[0] == label
                and _without_new_id(other[2], attributes) == attributes
                and _near(other[1], shape)
            ]
            assert match, f"{label} {shape.wkt} {attributes} is not among {left}"
            left.remove(match[0])


def _without_new_id(attributes, sent):
    """Formats of annotators give labels an id where they have none."""
    return {name: value for name, value in attributes.items() if name != "id" or name in sent}


def _near(one, other):
    return one.hausdorff_distance(other) < TOLERANCE_PX and np.isclose(
        one.area, other.area, atol=TOLERANCE_PX * max(one.length, 1)
    )


def without_background(lost):
    """What was lost besides the images without labels, which have a test of their own."""
    return {what: count for what, count in lost.items() if what != "images without labels"}


def test_states_what_it_cannot_carry(form):
    assert set(form.cannot_carry) <= set(FEATURES)
    assert set(map(type, form.cannot_carry.values())) <= {Loss}


def test_carries_every_shape_that_it_says(form, images, there_and_back):
    rows = [
        {"label": feature.replace(" ", "_"), "geometry": shape}
        for feature, shape in SHAPES.items()
        if feature not in form.cannot_carry
    ]
    sent = annotate(images, rows, on=PLACES)
    back, lost = there_and_back(sent)
    assert not without_background(lost)
    assert_same(back, sent)


def test_counts_every_shape_that_it_cannot_carry(form, images, there_and_back):
    for feature in set(SHAPES) & set(form.cannot_carry):
        sent = annotate(images, [{"label": "thing", "geometry": SHAPES[feature]}], on=["turned"])
        back, lost = there_and_back(sent)
        assert lost[feature] == 1
        assert set(lost) <= set(form.cannot_carry)
        if form.cannot_carry[feature] is Loss.LEFT_OUT:
            assert len(back) == 0
        else:
            assert len(back) >= 1


@holds_labels
def test_carries_columns_or_counts_them(form, images, there_and_back):
    label = {"label": "thing", "geometry": _any_shape(form)}
    columns = {"score": 0.625, "roof": "tin, red", "floors": 3}
    back, lost = there_and_back(annotate(images, [{**label, **columns}], on=PLACES))
    expected = {}
    if "scores" in form.cannot_carry:
        del columns["score"]
        expected["scores"] = len(PLACES)
    if "attributes" in form.cannot_carry:
        columns = {name: value for name, value in columns.items() if name == "score"}
        expected["attributes"] = 2 * len(PLACES)
    assert without_background(lost) == expected
    assert_same(back, annotate(images, [{**label, **columns}], on=PLACES))


def _any_shape(form):
    """The first shape that it carries."""
    held = [shape for feature, shape in SHAPES.items() if feature not in form.cannot_carry]
    return [*held, SHAPES["boxes"]][0]


@holds_labels
def test_attributes_that_only_some_labels_have(form, images, there_and_back):
    shape = _any_shape(form)
    rows = [
        {"label": "a", "geometry": shape, "roof": "tin"},
        {"label": "b", "geometry": shape, "roof": None},
    ]
    sent = annotate(images, rows, on=["degrees"])
    back, lost = there_and_back(sent)
    lost = without_background(lost)
    if "attributes" in form.cannot_carry:
        assert lost == {"attributes": 1}
    else:
        assert_same(back, sent)


@holds_labels
def test_images_without_labels(form, images, there_and_back):
    sent = annotate(images, [{"label": "thing", "geometry": _any_shape(form)}], on=["metres"])
    back, lost = there_and_back(sent)
    if "images without labels" in form.cannot_carry:
        assert lost == {"images without labels": len(sent.images) - 1}
        assert set(back.images) <= set(sent.images)
    else:
        assert not lost
        assert set(back.images) == set(sent.images)
        assert all(back.images[name].grid == image.grid for name, image in sent.images.items())
    assert_same(back, sent)


def test_no_labels_at_all(form, images, there_and_back):
    back, lost = there_and_back(annotate(images, []))
    assert len(back) == 0
    assert set(lost) <= {"images without labels"}


def test_labels_without_an_image(form, images, there_and_back):
    placed = annotate(images, [{"label": "thing", "geometry": _any_shape(form)}], on=["metres"])
    (frame,) = placed.labels.values()
    sent = Annotations(placed.images, {}, (frame,))
    back, lost = there_and_back(sent)
    if "labels without an image" in form.cannot_carry:
        assert lost["labels without an image"] == 1
        assert len(back) == 0
    else:
        # Where they lie tells which image shows them: a format may name it or not.
        (found,) = (*back.loose, *back.labels.values())
        assert list(found["label"]) == ["thing"]
        (shape,) = to_pixels(found.to_crs(frame.crs), grid=placed.images["metres"].grid)
        assert _near(shape, _any_shape(form))


@holds_labels
def test_takes_any_class_name(form, images, there_and_back):
    shape = _any_shape(form)
    given_names = ["vehicle/car", "Flugzeug-Ü", "a & <b>", "with space", 'a "quoted", name']
    sent = annotate(
        images, [{"label": name, "geometry": shape} for name in given_names], on=["degrees"]
    )
    back, lost = there_and_back(sent)
    lost = without_background(lost)
    if not lost:
        assert_same(back, sent)
    else:
        assert set(lost) <= set(form.cannot_carry)


few_labels = settings(max_examples=2, suppress_health_check=list(HealthCheck))
many_labels = settings(max_examples=8, suppress_health_check=list(HealthCheck))


@holds_labels
@few_labels
@given(data=st.data())
def test_any_labels_go_out_and_back(form, images, there_and_back, data):
    any_labels_go_out_and_back(form, images, there_and_back, data)


@pytest.mark.slow
@holds_labels
@many_labels
@given(data=st.data())
def test_a_great_many_labels_go_out_and_back(form, images, there_and_back, data):
    any_labels_go_out_and_back(form, images, there_and_back, data)


def any_labels_go_out_and_back(form, images, there_and_back, data):
    carried = [feature for feature in STRATEGIES if feature not in form.cannot_carry]
    shape = st.sampled_from(carried).flatmap(STRATEGIES.__getitem__)
    label = st.fixed_dictionaries({"label": names, "geometry": shape})
    sent = annotate(
        images,
        data.draw(st.lists(label, min_size=1, max_size=4)),
        on=data.draw(st.lists(st.sampled_from(["metres", "degrees", "placeless"]), min_size=1)),
    )
    back, lost = there_and_back(sent)
    assert set(lost) <= {"images without labels"} & set(form.cannot_carry)
    assert_same(back, sent)


def test_leaves_the_annotations_alone(form, images, tmp_path):
    sent = annotate(
        images, [{"label": "a", "geometry": SHAPES["boxes"], "roof": "tin"}], on=["degrees"]
    )
    before = {name: frame.copy(deep=True) for name, frame in sent.labels.items()}
    form.write(sent, tmp_path / "out", ledger=Ledger())
    for name, frame in sent.labels.items():
        assert frame.equals(before[name])
