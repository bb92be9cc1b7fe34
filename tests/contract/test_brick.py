"""What every brick promises, tested for each YAML in the folders of their kinds."""

import warnings

import keras
import numpy as np
import pytest

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import list_parts, load_part
from factory_core.models.bricks.interface import Bricks
from tests.contract.networks import network_of
from tests.models.compose import model_from_yaml

KINDS = ("block", "attention", "skip", "normalisation", "activation", "upsampling", "neck")
OPTIONS = [(kind, part.name) for kind in KINDS for part in list_parts(kind)]
IDS = [f"{kind} {name}" for kind, name in OPTIONS]
SIDES = (8, 12)
# What a network may hand over: fewer channels than there are groups, and odd ones.
CHANNELS = (3, *(pytest.param(count, marks=pytest.mark.slow) for count in (2, 6)))


def brick(kind, name, **fields):
    return config.build(load_part(kind, name) | fields, where=kind)


BRICKS = Bricks(
    block=brick("block", "plain"),
    attention=brick("attention", "none"),
    normalisation=brick("normalisation", "batch"),
    activation=brick("activation", "relu"),
)


def applied(kind, name, x, *, label, **options):
    """One map through one brick; of a neck the coarsest of two maps."""
    part = brick(kind, name)
    if kind == "block":
        return part(x, 6, bricks=BRICKS, name=label, **options)
    if kind == "skip":
        side = keras.layers.Conv2D(5, 1, name=f"{label}_side")(x)
        return part(x, side, bricks=BRICKS, name=label)
    if kind == "upsampling":
        return part(x, bricks=BRICKS, name=label, **options)
    if kind == "neck":
        coarse = keras.layers.AveragePooling2D(2, name=f"{label}_coarse")(x)
        return part([x, coarse], 4, bricks=BRICKS, name=label)[-1]
    return part(x, name=label)


@pytest.fixture(scope="module", params=CHANNELS, ids="{} channels".format)
def channels(request):
    return request.param


@pytest.fixture(scope="module")
def every_brick(channels):
    """One network with every brick."""
    image = keras.Input((*SIDES, 3))
    x = keras.layers.Conv2D(channels, 1, name="map")(image)
    outputs = {
        f"{kind} {name}": applied(kind, name, x, label=f"{kind}_{name}") for kind, name in OPTIONS
    }
    return keras.Model(image, outputs)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(size=(2, *SIDES, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def outputs(every_brick, image):
    return {key: np.asarray(value) for key, value in every_brick(image).items()}


@pytest.mark.parametrize(("kind", "name"), OPTIONS, ids=IDS)
def test_gives_finite_maps_of_the_shape_of_its_kind(outputs, channels, kind, name):
    found = outputs[f"{kind} {name}"]
    rows, columns = SIDES
    given = {
        "block": (rows, columns, 6),
        "upsampling": (2 * rows, 2 * columns, channels),
        "neck": (rows // 2, columns // 2, 4),
    }
    if kind == "skip":
        assert found.shape[:3] == (2, rows, columns)
        assert found.shape[3] in (channels, channels + 5)
    else:
        assert found.shape == (2, *given.get(kind, (rows, columns, channels)))
    assert np.isfinite(found).all()
    assert found.std() > 0.01


@pytest.mark.slow
def test_is_the_same_after_saving_and_loading(every_brick, outputs, image, tmp_path):
    for weight in every_brick.weights:  # no layer may come back as it begins
        weight.assign(weight * 0.9 + 0.01)
    changed = every_brick(image)
    every_brick.save(tmp_path / "bricks.keras")
    again = keras.saving.load_model(tmp_path / "bricks.keras")(image)
    for key, value in changed.items():
        np.testing.assert_array_equal(value, again[key], err_msg=key)


@pytest.mark.slow
def test_onnx_gives_what_keras_gives(every_brick, image, tmp_path):
    import onnxruntime

    outputs = {key: np.asarray(value) for key, value in every_brick(image).items()}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras patches numpy for tf2onnx
        every_brick.export(tmp_path / "bricks.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(
        tmp_path / "bricks.onnx", providers=["CPUExecutionProvider"]
    )
    port = session.get_inputs()[0].name
    found = dict(zip(outputs, session.run(list(outputs), {port: image}), strict=True))
    for key, value in outputs.items():
        np.testing.assert_allclose(value, found[key], atol=1e-4, err_msg=key)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [name for kind, name in OPTIONS if kind == "block"])
def test_blocks_shrink_by_their_stride(name, stride):
    with keras.StatelessScope(initialize_variables=False):
        x = keras.Input((*SIDES, 6))
        found = applied("block", name, x, label=name, stride=stride)
    assert found.shape == (None, SIDES[0] // stride, SIDES[1] // stride, 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for kind, name in OPTIONS if kind == "block"])
def test_blocks_see_further_with_dilation(name):
    """What a block of dilation 3 sees of one pixel lies further away, and nothing nearer is new."""
    x = keras.Input((33, 33, 1))
    point = np.zeros((1, 33, 33, 1), np.float32)
    point[0, 16, 16] = 1.0
    reach = []
    for dilation in (1, 3):
        keras.utils.set_random_seed(0)
        network = keras.Model(x, applied("block", name, x, label=name, dilation=dilation))
        changed = np.abs(network(point) - network(0 * point)).max(axis=-1)[0]
        reach.append(np.abs(np.argwhere(changed > 1e-7) - 16).max())
    assert reach[1] == 3 * reach[0]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("name", [name for kind, name in OPTIONS if kind == "upsampling"])
def test_upsampling_takes_powers_of_two(name, factor):
    with keras.StatelessScope(initialize_variables=False):
        x = keras.Input((4, 6, 3))
        found = applied("upsampling", name, x, label=name, factor=factor)
    assert found.shape == (None, 4 * factor, 6 * factor, 3)


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
@pytest.mark.parametrize("name", [name for kind, name in OPTIONS if kind == "neck"])
def test_necks_keep_the_sides_of_every_level(name, levels):
    with keras.StatelessScope(initialize_variables=False):
        features = [keras.Input((64 >> level, 32 >> level, 2 + level)) for level in range(levels)]
        found = brick("neck", name)(features, 4, bricks=BRICKS, name="neck")
    shapes = [(None, 64 >> level, 32 >> level, 4) for level in range(levels)]
    assert [x.shape for x in found] == shapes


@pytest.mark.parametrize("name", [n for k, n in OPTIONS if k == "neck" and n != "none"])
def test_necks_hand_coarse_features_down(name):
    fine, coarse = keras.Input((8, 8, 2)), keras.Input((4, 4, 2))
    network = keras.Model(
        [fine, coarse], brick("neck", name)([fine, coarse], 4, bricks=BRICKS, name="neck")[0]
    )
    here, there = np.ones((1, 8, 8, 2), np.float32), np.ones((1, 4, 4, 2), np.float32)
    assert not np.array_equal(network([here, there]), network([here, 5 * there]))


NOT_FOR = {
    ("unet", "neck"),
    ("centernet", "skip"),
    ("centernet", "upsampling"),
    ("centernet", "neck", "pan"),  # whose finest map is that of fpn
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), OPTIONS, ids=IDS)
def test_every_option_builds_in_the_models_that_have_its_kind(kind, name):
    for model in ("unet", "centernet"):
        if (model, kind) in NOT_FOR or (model, kind, name) in NOT_FOR:
            with pytest.raises(ConfigError, match=kind):
                model_from_yaml(model, f"{kind}={name}")
            continue
        overrides = [f"{kind}={name}"]
        overrides += [f"block@encoder.bricks.block={name}"] if kind == "block" else []
        built = model_from_yaml(model, *overrides)
        network = network_of(built, weights=False)
        assert network.output_shape[0] is None


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [
        ("block", "bottleneck", "reduction"),
        ("block", "dense", "convolutions"),
        ("block", "inverted", "expansion"),
        ("block", "convnext", "kernel_px"),
        ("attention", "squeeze_excite", "reduction"),
        ("attention", "cbam", "kernel_px"),
        ("attention", "coordinate", "reduction"),
        ("attention", "non_local", "keys_px"),
        ("normalisation", "group", "groups"),
        ("neck", "bifpn", "repeats"),
    ],
)
def test_refuses_nothing_of_what_it_counts(kind, name, field):
    with pytest.raises(ConfigError, match=f"{field}=0"):
        brick(kind, name, **{field: 0})


@pytest.mark.parametrize("rates", [[], [0], [3, -1]])
def test_aspp_refuses_rates_that_are_none(rates):
    with pytest.raises(ConfigError, match="rates"):
        brick("neck", "aspp", rates=rates)
