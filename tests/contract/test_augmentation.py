"""What every augmentation promises, tested for each YAML in `conf/augmentation/`."""

from functools import cache
from itertools import count

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion

from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.sample import Boxes, OrientedBoxes, Sample, stack_boxes
from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import list_parts

SIDE = 32
NODES = {p.name: {"_target_": p.target, **p.fields} for p in list_parts("augmentation")}
PARTS = list(NODES)
# What they do to the ground that a window shows; all others change the values of pixels alone.
WHOLE_PIXELS = ["flip", "quarter_turn"]
RESAMPLING = ["crop", "rotate", "zoom"]
OTHER_GROUND = ["cutmix", "mosaic"]
ON_TOP = ["copy_paste", "mixup"]
VALUES = [n for n in PARTS if n not in [*WHOLE_PIXELS, *RESAMPLING, *OTHER_GROUND, *ON_TOP]]
LEAST = 0.4  # `min_share_inside` of them all
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12)


@cache
def part_of(name, **fields):
    """A part that changes every sample; none of them refuses any form of labels."""
    fields = {"probability": 1.0} | ({"stretch": 1.0} if name == "crop" else {}) | fields
    return config.build(NODES[name] | fields, where="augmentation")


def chance(seed, *others):
    """Chance that draws `others` in turn, or nothing."""
    places = count()
    return Chance(np.random.default_rng(seed), lambda: others[next(places) % len(others)])


def run(part, sample, seed, *others):
    """The changed sample; the given ones must stay as they were."""
    before = [plain(each) for each in (sample, *others)]
    changed = part(sample, chance=chance(seed, *others))
    assert [plain(each) for each in (sample, *others)] == before
    return changed


def plain(sample):
    labels = sample.labels
    numbers = [labels] if isinstance(labels, np.ndarray) else vars(labels).values()
    return [sample.image.tobytes(), *(n.tobytes() for n in numbers)]


@st.composite
def rectangles(draw):
    """Up to three rectangles of whole pixels that do not touch."""
    found = []
    for left in draw(st.lists(st.sampled_from([1, 11, 22]), max_size=3, unique=True)):
        width, height = draw(st.integers(2, 8)), draw(st.integers(2, 24))
        top = draw(st.integers(0, SIDE - height))
        found.append((left, top, left + width, top + height))
    return found


def value(class_index):
    """What an object of a class looks like."""
    return 40 + 20 * class_index


def scene(boxes, form, *, first=0, layers=1, bands=3):
    """Ground of value 20 with an object of each class from `first` on, labelled in `form`."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    classes = list(range(first, first + len(boxes)))
    for index, (x_min, y_min, x_max, y_max) in zip(classes, boxes, strict=True):
        mask[y_min:y_max, x_min:x_max] = index + 1
    image = np.where(mask, 20 + 20 * mask.astype(np.float32), 20)
    image = np.repeat(image[..., None], bands, axis=2).astype(np.float32)
    if form == "boxes":
        return Sample(image, stack_boxes(boxes, classes))
    if form == "oriented_boxes":
        corners = np.array([[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes], float)
        return Sample(image, OrientedBoxes.from_corners(corners, np.array(classes, int)))
    if form == "mask":
        return Sample(image, mask)
    return Sample(image, np.stack([mask, mask * 3], axis=-1))


FORMS = ["mask", "layers", "boxes", "oriented_boxes"]
OTHERS = [[(2, 3, 9, 12), (15, 20, 30, 29)], [(12, 1, 20, 30)], [(4, 20, 26, 27)]]


def others(form):
    """Windows to draw, with objects of other classes."""
    return [scene(boxes, form, first=3 + 2 * n) for n, boxes in enumerate(OTHERS)]


def seen(image, class_index):
    return image[..., 0] == value(class_index)


@pytest.mark.parametrize("name", [*WHOLE_PIXELS, *OTHER_GROUND, "copy_paste"])
@given(boxes=rectangles(), seed=seeds)
@few
def test_a_mask_is_what_the_image_shows(name, boxes, seed):
    changed = run(part_of(name), scene(boxes, "mask"), seed, *others("mask"))
    shown = changed.image[..., 0] / 20 - 1
    assert np.array_equal(changed.labels, np.where(shown > 0, shown, 0))
    assert changed.labels.dtype == np.uint8


@pytest.mark.parametrize("name", [*WHOLE_PIXELS, *OTHER_GROUND])
@pytest.mark.parametrize("form", ["boxes", "oriented_boxes"])
@given(boxes=rectangles(), seed=seeds)
@few
def test_boxes_frame_what_the_image_shows_of_their_objects(name, form, boxes, seed):
    drawn = others(form)
    changed = run(part_of(name), scene(boxes, form), seed, *drawn)
    whole = dict(enumerate(boxes)) | {3: OTHERS[0][0], 4: OTHERS[0][1], 5: OTHERS[1][0]}
    whole |= {7: OTHERS[2][0]}
    found = dict(zip(changed.labels.classes.tolist(), changed.labels.upright_px(), strict=True))
    assert len(found) == len(changed.labels)
    for index, (x_min, y_min, x_max, y_max) in whole.items():
        rows, columns = np.nonzero(seen(changed.image, index))
        share = len(rows) / ((x_max - x_min) * (y_max - y_min))
        assert (index in found) == (share >= LEAST), (index, share)
        if index in found:
            around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(found[index], around, atol=2e-3)


@pytest.mark.parametrize("form", ["boxes", "oriented_boxes"])
@given(boxes=rectangles(), seed=seeds)
@few
def test_pasted_boxes_frame_whole_objects(form, boxes, seed):
    (other, *_) = others(form)
    changed = run(part_of("copy_paste"), scene(boxes, form), seed, other)
    assert changed.labels.classes[: len(boxes)].tolist() == list(range(len(boxes)))
    around = changed.labels.upright_px()
    for index, place in zip(changed.labels.classes, around, strict=True):
        rows, columns = np.nonzero(seen(changed.image, index))
        here = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(place, here, atol=1e-4)
    for index, (x_min, y_min, x_max, y_max) in enumerate(boxes):
        assert seen(changed.image, index).sum() == (x_max - x_min) * (y_max - y_min)


@pytest.mark.parametrize("name", RESAMPLING)
@given(seed=seeds, stretch=st.sampled_from([1.0, 1.5]))
@few
def test_resampled_objects_are_where_their_labels_say_to_a_pixel(name, seed, stretch):
    box = (8, 14, 25, 20)
    part = part_of(name, **({"stretch": stretch} if name == "crop" else {}))
    changed = run(part, scene([box], "mask", first=4), seed)
    lit = changed.image[..., 0] > (20 + value(4)) / 2
    cross = np.ones((3, 3), bool)
    assert not (binary_erosion(lit, cross, border_value=1) & (changed.labels != 5)).any()
    assert not ((changed.labels == 5) & ~binary_dilation(lit, cross)).any()
    upright = run(part, scene([box], "boxes", first=4), seed).labels
    if not len(upright):
        return
    rows, columns = np.nonzero(changed.labels)
    here = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    inside = upright.xyxy_px[0] - here
    assert (inside[:2] <= 1).all()
    assert (inside[2:] >= -1).all()
    # What the window cuts of a turned object may leave room in the upright box around it.
    if name != "rotate" or (inside[:2] > -1).all():
        assert np.abs(inside).max() <= 1


@given(seed=seeds)
@few
def test_oriented_boxes_turn_with_their_objects(seed):
    part = part_of("rotate", min_share_inside=1.0)
    mask = run(part, scene([(8, 14, 25, 20)], "mask"), seed).labels
    (box,) = run(part, scene([(8, 14, 25, 20)], "oriented_boxes"), seed).labels.outlines()
    centres = shapely.points(*(np.mgrid[:SIDE, :SIDE][::-1] + 0.5))
    inside = shapely.contains(box.buffer(-0.1), centres)
    outside = ~shapely.contains(box.buffer(0.1), centres)
    assert (mask[inside] == 1).all()
    assert (mask[outside] == 0).all()
    assert box.area == pytest.approx(17 * 6, rel=1e-4)


@pytest.mark.parametrize("name", [*WHOLE_PIXELS, *RESAMPLING])
@given(seed=seeds)
@few
def test_all_forms_of_labels_move_alike(name, seed):
    """The same chance moves a window the same way, in whatever form its labels come."""
    part = part_of(name)
    changed = {form: run(part, scene([(4, 6, 26, 16)], form), seed) for form in FORMS}
    images = [sample.image for sample in changed.values()]
    assert all(np.array_equal(image, images[0]) for image in images)
    upright, oriented = changed["boxes"].labels, changed["oriented_boxes"].labels
    if len(upright) and len(oriented):
        around = oriented.upright_px()[0]
        np.testing.assert_array_less(upright.xyxy_px[0][:2] - 1e-3, around[:2])
        np.testing.assert_array_less(around[2:], upright.xyxy_px[0][2:] + 1e-3)


@pytest.mark.parametrize("name", PARTS)
@given(boxes=rectangles(), seed=seeds)
@few
def test_layers_of_a_label_stay_together(name, boxes, seed):
    changed = run(part_of(name), scene(boxes, "layers"), seed, *others("layers"))
    assert changed.labels.shape == (SIDE, SIDE, 2)
    assert np.array_equal(changed.labels[..., 1], changed.labels[..., 0] * 3)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_changes_values_leaves_the_labels(name, form, seed):
    sample = scene([(4, 6, 26, 16)], form)
    changed = part_of(name)(sample, chance=chance(seed))
    assert changed.labels is sample.labels


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_chance_gives_the_same_sample(name, form, seed):
    sample = scene([(4, 6, 26, 16)], form)
    one, two = (run(part_of(name), sample, seed, *others(form)) for _ in range(2))
    assert plain(one) == plain(two)
    assert one.image.shape == sample.image.shape
    assert one.image.dtype == np.float32
    assert type(one.labels) is type(sample.labels)
    assert one.top == sample.top


@pytest.mark.parametrize("name", PARTS)
def test_other_chances_give_other_samples(name):
    part = config.build(NODES[name])
    sample, rest = scene([(4, 6, 26, 16)], "mask"), others("mask")
    # Two bands that differ, or band dropout and colours would have nothing to change.
    sample.image[::2, :, 1] += 7
    found = {plain(run(part, sample, seed, *rest))[0] for seed in range(20)}
    assert len(found) > 1


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("bands", [1, 5])
@pytest.mark.parametrize("top", [255.0, 65535.0])
@given(seed=seeds)
@few
def test_values_stay_in_the_range_of_their_type(name, bands, top, seed):
    image = np.random.default_rng(seed).uniform(1, top, (SIDE, SIDE, bands)).astype(np.float32)
    image[:4], image[-4:] = 1, top
    image[10:20, 5:9] = 0
    sample = Sample(image, np.zeros((SIDE, SIDE), np.uint8), top)
    changed = run(part_of(name), sample, seed, sample)
    values = changed.image[changed.data]
    assert changed.image.shape == image.shape
    assert np.isfinite(changed.image).all()
    assert values.min() >= 1 - 1e-3
    assert values.max() <= top * (1 + 1e-6)
    assert (changed.image[~changed.data] == 0).all()


@pytest.mark.parametrize("name", [*VALUES, *ON_TOP])
@given(seed=seeds)
@few
def test_pixels_without_data_stay_so_and_no_other_becomes_one(name, seed):
    generator = np.random.default_rng(seed)
    image = generator.uniform(1, 255, (SIDE, SIDE, 3)).astype(np.float32)
    image[generator.random((SIDE, SIDE)) < 0.3] = 0
    (other, *_) = others("mask")
    changed = run(part_of(name), Sample(image, other.labels), seed, other)
    assert np.array_equal(changed.data, (image != 0).any(axis=-1))


@pytest.mark.parametrize("name", [*WHOLE_PIXELS, *RESAMPLING, *OTHER_GROUND])
@given(seed=seeds)
@few
def test_what_moves_ground_moves_its_gaps_along(name, seed):
    """Ground of one value stays that value: gaps do not bleed into what is beside them."""
    image = np.full((SIDE, SIDE, 3), 200, np.float32)
    image[6:13, 4:20] = 0
    sample = Sample(image, (image[..., 0] > 0).astype(np.uint8))
    changed = run(part_of(name), sample, seed, sample)
    np.testing.assert_allclose(changed.image[changed.data], 200, rtol=1e-5)
    assert np.array_equal(changed.data, changed.labels == 1)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("form", FORMS)
def test_windows_without_data_or_labels_stay_so(name, form):
    ground = scene([], form)
    empty = Sample(np.zeros_like(ground.image), ground.labels)
    for seed in range(5):
        changed = run(part_of(name), empty, seed, empty)
        assert not changed.image.any()
        numbers = changed.labels
        assert not (numbers.any() if isinstance(numbers, np.ndarray) else len(numbers))


@pytest.mark.parametrize("name", PARTS)
def test_its_probability_is_that_of_a_change(name):
    sample = scene([(4, 6, 26, 16)], "mask")
    never = part_of(name, probability=0.0)
    assert all(never(sample, chance=chance(seed)) is sample for seed in range(5))
    seldom = part_of(name, probability=0.25)
    runs = [seldom(sample, chance=chance(seed, *others("mask"))) for seed in range(200)]
    assert 25 <= sum(changed is not sample for changed in runs) <= 75


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_refuses_a_probability_that_is_none(name, probability):
    with pytest.raises(ConfigError, match=r"`probability` must lie in \[0, 1\]. Received"):
        part_of(name, probability=probability)


def test_boxes_are_boxes():
    """The table of forms above has them all."""
    kinds = {type(scene([], form).labels) for form in FORMS}
    assert kinds == {np.ndarray, Boxes, OrientedBoxes}
