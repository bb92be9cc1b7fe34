"""What every target promises, tested for each YAML in `conf/target/`."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, MultiPolygon, Point, box

from factory_core.dataset.sample import LAYERS, Boxes, OrientedBoxes
from factory_core.dataset.target import Outlines
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts, load_part

SIDE = 32
PARTS = [part.name for part in list_parts("target")]
# Fields without which a target refuses a kind of label.
GENEROUS = {"mask": {"line_width_m": 2.0}, "boxes": {"point_size_m": 2.0}}


def target_of(name, **fields):
    return config.build(load_part("target", name) | fields, where="target")


@pytest.fixture(params=PARTS)
def target(request):
    return target_of(request.param)


def outlines(*shapes, classes=None):
    numbers = np.array(classes or [0] * len(shapes), np.int64)
    return Outlines(np.array(shapes, object), numbers, (SIDE, SIDE), 0.5)


def suitable(target, shape):
    """A label of the kind that the target draws, in the place of a box."""
    if "Polygon" in target.geometry_types:
        return shape
    left, low, right, high = shape.bounds
    return LineString([(left, (low + high) / 2), (right, (low + high) / 2)])


def found(target, drawn):
    """How many pixels, or boxes, were drawn."""
    return len(drawn) if isinstance(drawn, Boxes | OrientedBoxes) else np.count_nonzero(drawn)


CASES = {
    "no label": ([], False),
    "outside the window": ([box(-20, -20, -10, -10)], False),
    "beside the edge": ([box(-18, 4, -8, 14)], False),
    "inside": ([box(4, 4, 14, 14)], True),
    "as large as the window": ([box(0, 0, SIDE, SIDE)], True),
    "cut by the edge": ([box(-4, 4, 8, 14)], True),
}


@pytest.mark.parametrize(("shapes", "seen"), CASES.values(), ids=CASES)
def test_draws_labels_where_they_are(target, shapes, seen):
    labels = outlines(*(suitable(target, shape) for shape in shapes))
    drawn = target(labels)
    assert (found(target, drawn) > 0) == seen
    assert target.sees(labels).tolist() == [seen] * len(shapes)
    if isinstance(drawn, np.ndarray):
        layers = len(LAYERS[target.form])
        assert drawn.shape == ((SIDE, SIDE) if layers == 1 else (SIDE, SIDE, layers))
        assert drawn.dtype == np.uint8
    else:
        kind = {"boxes": Boxes, "oriented_boxes": OrientedBoxes}[target.form]
        assert isinstance(drawn, kind)


def test_states_the_class(target):
    shapes = [suitable(target, shape) for shape in (box(4, 4, 12, 12), box(20, 20, 26, 27))]
    drawn = target(outlines(*shapes, classes=[2, 0]))
    if not isinstance(drawn, np.ndarray):
        assert drawn.classes.tolist() == [2, 0]
        return
    classes = drawn if drawn.ndim == 2 else drawn[..., 0]
    assert classes[8, 8] == 3
    assert classes[23, 23] == 1
    assert np.unique(classes).tolist() == [0, 1, 3]


def test_leaves_its_input_alone(target):
    labels = outlines(suitable(target, box(-4, 4, 12, 12)))
    before = shapely.to_wkb(labels.shapes).tolist(), labels.classes.copy()
    target(labels)
    target.sees(labels)
    assert shapely.to_wkb(labels.shapes).tolist() == before[0]
    assert np.array_equal(labels.classes, before[1])


@pytest.mark.parametrize("name", PARTS)
def test_draws_every_kind_of_geometry_it_names(name):
    target = target_of(name, **GENEROUS.get(name, {}))
    shape = box(4, 4, 12, 12)
    line = LineString([(4, 4), (12, 9)])
    kinds = {
        "Polygon": shape,
        "MultiPolygon": MultiPolygon([shape, box(20, 20, 25, 28)]),
        "LineString": line,
        "MultiLineString": MultiLineString([line, [(20, 20), (28, 20)]]),
        "Point": Point(8, 8),
    }
    for kind in target.geometry_types:
        labels = outlines(kinds[kind])
        assert found(target, target(labels)) > 0
        assert target.sees(labels).all()


@given(
    corner=st.tuples(st.floats(-30, 40), st.floats(-30, 40)),
    sides=st.tuples(st.floats(3, 60), st.floats(3, 60)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_pixel_belongs_to_the_label_over_its_centre(target, corner, sides):
    x, y = corner
    shape = box(x, y, x + sides[0], y + sides[1])
    labels = outlines(suitable(target, shape))
    drawn = target(labels)
    window = box(0, 0, SIDE, SIDE)
    if not shape.buffer(10).intersects(window):
        assert found(target, drawn) == 0
        assert not target.sees(labels).any()
    if isinstance(drawn, np.ndarray) and "Polygon" in target.geometry_types:
        classes = drawn if drawn.ndim == 2 else drawn[..., 0]
        centres = shapely.points(*(np.mgrid[:SIDE, :SIDE][::-1] + 0.5))
        sure = shapely.distance(shapely.boundary(shape), centres) > 1e-6
        assert np.array_equal((classes > 0)[sure], shapely.contains(shape, centres)[sure])
    if not isinstance(drawn, np.ndarray):
        assert len(drawn) == target.sees(labels).sum()


def test_the_guide_names_every_target():
    page = Path(__file__).parents[2] / "docs/tutorials/targets.md"
    assert [name for name in PARTS if f"`{name}`" not in page.read_text()] == []
