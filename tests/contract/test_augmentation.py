"""What every augmentation promises, tested for each YAML in `conf/augmentation/`."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory_core.dataset.sample import Boxes, Sample, stack_boxes
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


@given(boxes=rectangles(), seed=seeds)
@patient
def test_boxes_stay_on_their_objects(exact, boxes, seed):
    image, _ = draw(boxes)
    changed = exact(
        Sample(image, stack_boxes(boxes, [0] * len(boxes))), generator=np.random.default_rng(seed)
    )
    assert isinstance(changed.labels, Boxes)
    bright = changed.image[..., 0] > changed.image[..., 0].mean() if boxes else np.zeros((1, 1))
    drawn = draw(changed.labels.xyxy_px.astype(int))[1]
    assert changed.labels.xyxy_px.shape == (len(boxes), 4)
    assert np.array_equal(drawn, bright) if boxes else not drawn.any()


@given(boxes=rectangles(), seed=seeds)
@patient
def test_masks_stay_on_their_objects(exact, boxes, seed):
    image, mask = draw(boxes)
    changed = exact(Sample(image, mask), generator=np.random.default_rng(seed))
    assert changed.labels.dtype == np.uint8
    if boxes:
        bright = changed.image[..., 0] > changed.image[..., 0].mean()
        assert np.array_equal(changed.labels > 0, bright)


@given(seed=seeds)
@patient
def test_same_generator_same_sample(augmentation, seed):
    image, mask = draw([(1, 2, 5, 9)])
    before = image.copy()
    one, two = (
        augmentation(Sample(image, mask), generator=np.random.default_rng(seed)) for _ in range(2)
    )
    assert np.array_equal(one.image, two.image)
    assert one.image.shape == image.shape
    assert one.image.dtype == np.float32
    assert np.array_equal(image, before)


def test_different_generators_give_different_samples(augmentation):
    image, mask = draw([(1, 2, 5, 9)])
    found = {
        augmentation(Sample(image, mask), generator=np.random.default_rng(seed)).image.tobytes()
        for seed in range(20)
    }
    assert len(found) > 1


@pytest.mark.parametrize("bands", [1, 4])
def test_takes_any_number_of_bands_and_keeps_nodata(augmentation, bands):
    image = np.zeros((SIDE, SIDE, bands), np.float32)
    image[:, : SIDE // 2] = 3000
    for seed in range(5):
        changed = augmentation(
            Sample(image, np.zeros((SIDE, SIDE), np.uint8)),
            generator=np.random.default_rng(seed),
        )
        assert (changed.image == 0).all(axis=-1).mean() > 0
        assert np.isfinite(changed.image).all()


def test_an_image_without_data_stays_so(augmentation):
    empty = Sample(np.zeros((SIDE, SIDE, 3), np.float32), stack_boxes([], []))
    changed = augmentation(empty, generator=np.random.default_rng(0))
    assert not changed.image.any()
    assert len(changed.labels) == 0
