"""Models that take some levels of an encoder do so with encoders of few and of many levels."""

import keras
import pytest

from factory_core.kernel.errors import ConfigError
from tests.models.compose import model_from_yaml

SIDE = 64


def network(name, *overrides):
    image = keras.Input((SIDE, SIDE, 3))
    # Without weights it is built in half the time.
    with keras.StatelessScope(initialize_variables=False):
        model = model_from_yaml(name, *overrides)
        return keras.Model(image, model.network(image, num_classes=2))


@pytest.mark.parametrize("name", ["fpn", "pspnet", "deeplab_v3_plus", "upernet", "segformer"])
@pytest.mark.parametrize("levels", [2, 6])
def test_gives_full_sides_over_any_levels(name, levels):
    assert network(name, f"encoder.depth={levels}").output_shape == (None, SIDE, SIDE, 3)


@pytest.mark.parametrize("name", ["fpn", "upernet", "segformer"])
def test_a_finer_first_level_gives_finer_logits(name):
    sides = [
        network(name, f"model.stride_px={stride}").get_layer("logits").output.shape[1]
        for stride in (2, 4)
    ]
    assert sides == [SIDE // 2, SIDE // 4]
    with pytest.raises(ConfigError, match=r"stride_px.*2, 4.*Received: 3"):
        model_from_yaml(name, "model.stride_px=3")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("pspnet", "grids"),
        ("upernet", "grids"),
        ("fast_scnn", "grids"),
        ("deeplab_v3_plus", "rates"),
        ("hrnet", "modules"),
    ],
)
@pytest.mark.parametrize("value", ["[]", "[2,0]"])
def test_refuses_an_empty_list_and_a_nought_in_it(name, field, value):
    with pytest.raises(ConfigError, match=f"`{field}` must be at least 1.*{field}="):
        model_from_yaml(name, f"model.{field}={value}")


def test_deeplab_takes_borders_from_a_quarter_of_the_sides():
    """Whatever the levels, low-level features meet the pyramid there; with two levels at half."""
    joined = [
        network("deeplab_v3_plus", f"encoder.depth={levels}").get_layer("decoder_join").output
        for levels in (2, 3, 5)
    ]
    assert [x.shape[1] for x in joined] == [SIDE // 2, SIDE // 4, SIDE // 4]


def test_fast_scnn_adds_both_paths_at_an_eighth():
    added = network("fast_scnn").get_layer("fuse_add")
    assert [x.shape[1:] for x in added.input] == [(SIDE // 8, SIDE // 8, 16)] * 2
