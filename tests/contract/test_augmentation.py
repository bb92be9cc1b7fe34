"""What every augmentation promises, tested for each YAML in `conf/augmentation/`."""

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.sample import Boxes, OrientedBoxes, Sample, stack_boxes
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts, load_part

SIDE = 24
# What these draw between pixels has tests of its own.
RESAMPLING = {"zoom"}
PARTS = [part.name for part in list_parts("augmentation")]
seeds = st.integers(0, 2**32 - 1)
patient = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def part_of(name):
    return config.build(load_part("augmentation", name), where="augmentation")


def chance(seed):
    """Chance that draws a window of its own, with one object."""
    image, mask = draw([(3, 4, 10, 9)])
    return Chance(np.random.default_rng(seed), lambda: Sample(image, mask))


@pytest.fixture(params=PARTS)
def augmentation(request):
    return part_of(request.param)


@pytest.fixture(params=[name for name in PARTS if name not in RESAMPLING])
def exact(request):
    return part_of(request.param)


@st.composite
def rectangles(draw):
    """Up to three rectangles of whole pixels that do not touch."""
    found = []
    for left in draw(st.lists(st.sampled_from([1, 9, 17]), max_size=3, unique=True)):
        width, height = draw(st.integers(2, 6)), draw(st.integers(2, 20))
        top = draw(st.integers(0, SIDE - height))
        found.append((left, top, left + width, top + height))
    return found


def draw(boxes):
    """Bright rectangles on dark ground, and their mask."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for x_min, y_min, x_max, y_max in boxes:
        mask[y_min:y_max, x_min:x_max] = 1
    return np.repeat(mask[..., None], 3, axis=2).astype(np.float32) * 100 + 10, mask


def bright(image):
    low, high = image[..., 0].min(), image[..., 0].max()
    return (image[..., 0] > (low + high) / 2) & (high - low > 1)


@given(boxes=rectangles(), seed=seeds)
@patient
def test_boxes_stay_on_their_objects(exact, boxes, seed):
    image, _ = draw(boxes)
    changed = exact(Sample(image, stack_boxes(boxes, [0] * len(boxes))), chance=chance(seed))
    assert isinstance(changed.labels, Boxes)
    drawn = draw(changed.labels.xyxy_px.astype(int))[1]
    assert changed.labels.xyxy_px.shape == (len(boxes), 4)
    assert np.array_equal(drawn > 0, bright(changed.image))


@given(boxes=rectangles(), seed=seeds)
@patient
def test_oriented_boxes_stay_on_their_objects(exact, boxes, seed):
    image, _ = draw(boxes)
    corners = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes]
    before = OrientedBoxes.from_corners(np.array(corners), np.arange(len(boxes)))
    changed = exact(Sample(image, before), chance=chance(seed)).labels
    image = exact(Sample(image, before), chance=chance(seed)).image
    assert isinstance(changed, OrientedBoxes)
    assert changed.classes.tolist() == list(range(len(boxes)))
    assert (changed.xylwa[:, 2] >= changed.xylwa[:, 3]).all()
    ground = shapely.union_all(shapely.polygons(changed.corners_px()))
    centres = shapely.points(*(np.mgrid[:SIDE, :SIDE][::-1] + 0.5))
    assert np.array_equal(shapely.contains(ground, centres), bright(image))


@given(boxes=rectangles(), seed=seeds, layers=st.integers(0, 2))
@patient
def test_masks_and_their_layers_stay_on_their_objects(exact, boxes, seed, layers):
    image, mask = draw(boxes)
    if layers:
        mask = np.stack([mask * (number + 1) for number in range(layers)], axis=-1)
    changed = exact(Sample(image, mask), chance=chance(seed))
    assert changed.labels.dtype == np.uint8
    assert changed.labels.shape == mask.shape
    for number in range(layers):
        assert np.array_equal(changed.labels[..., number] == number + 1, bright(changed.image))
    if not layers:
        assert np.array_equal(changed.labels > 0, bright(changed.image))


@given(seed=seeds)
@patient
def test_all_forms_of_labels_move_alike(augmentation, seed):
    """The same chance moves a window the same way, in whatever form its labels come."""
    image, mask = draw([(4, 6, 18, 12)])
    upright = stack_boxes([(4, 6, 18, 12)], [0])
    oriented = OrientedBoxes.from_corners(
        np.array([[(4, 6), (18, 6), (18, 12), (4, 12)]]), np.zeros(1)
    )
    forms = (mask, np.stack([mask, mask], axis=-1), upright, oriented)
    changed = [augmentation(Sample(image, labels), chance=chance(seed)) for labels in forms]
    assert all(np.array_equal(sample.image, changed[0].image) for sample in changed)
    assert np.array_equal(changed[1].labels[..., 0], changed[0].labels)
    assert np.array_equal(changed[1].labels[..., 1], changed[0].labels)
    upright, oriented = changed[2].labels, changed[3].labels
    assert len(upright) == len(oriented)
    if len(upright):
        corners = oriented.corners_px()[0]
        around = [*corners.min(axis=0), *corners.max(axis=0)]
        np.testing.assert_allclose(upright.xyxy_px[0], around, atol=1e-3)


@given(seed=seeds)
@patient
def test_same_generator_same_sample(augmentation, seed):
    image, mask = draw([(1, 2, 5, 9)])
    before = image.copy()
    one, two = (augmentation(Sample(image, mask), chance=chance(seed)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert one.image.shape == image.shape
    assert one.image.dtype == np.float32
    assert np.array_equal(image, before)


def test_different_generators_give_different_samples(augmentation):
    image, mask = draw([(1, 2, 5, 9)])
    found = {
        augmentation(Sample(image, mask), chance=chance(seed)).image.tobytes() for seed in range(20)
    }
    assert len(found) > 1


@pytest.mark.parametrize("bands", [1, 4])
def test_takes_any_number_of_bands_and_keeps_nodata(augmentation, bands):
    image = np.zeros((SIDE, SIDE, bands), np.float32)
    image[:, : SIDE // 2] = 3000
    for seed in range(5):
        changed = augmentation(
            Sample(image, np.zeros((SIDE, SIDE), np.uint8)),
            chance=chance(seed),
        )
        assert changed.image.shape == image.shape
        assert (changed.image == 0).all(axis=-1).mean() > 0
        assert np.isfinite(changed.image).all()


@given(seed=seeds)
@patient
def test_every_band_moves_alike(exact, seed):
    """The bands beyond red, green and blue go where those go."""
    image = np.zeros((SIDE, SIDE, 5), np.float32)
    image[4:9, 6:20] = 100
    changed = exact(Sample(image, stack_boxes([], [])), chance=chance(seed)).image
    lit = changed > 0
    assert np.array_equal(lit, np.broadcast_to(lit[..., :1], lit.shape))
    assert lit[..., 0].sum() == 5 * 14


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(stack_boxes([], []), id="boxes"),
        pytest.param(OrientedBoxes(np.zeros((0, 5), np.float32), np.zeros(0, int)), id="oriented"),
    ],
)
def test_an_image_without_data_stays_so(augmentation, labels):
    empty = Sample(np.zeros((SIDE, SIDE, 3), np.float32), labels)
    changed = augmentation(empty, chance=chance(0))
    assert not changed.image.any()
    assert len(changed.labels) == 0
    assert type(changed.labels) is type(labels)
