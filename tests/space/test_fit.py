"""What goes together, and what is refused before anything runs."""

import pytest
from omegaconf import OmegaConf

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import load_part
from factory_core.space.fit import check_fit
from tests.models.compose import compose

CHAINS = {
    "score map": ["threshold", "polygonise", "min_area"],
    "boxes": ["min_score", "non_maximum_suppression"],
}


def chosen(model, chain, *, target=None, window_px=64):
    """The sections that are compared, of a model, a chain and windows."""
    names = CHAINS[chain]
    tasks = {name: load_part("postprocess", name) for name in names}
    made = OmegaConf.create(OmegaConf.to_container(compose(model)))
    made.postprocess = {"tasks": tasks, "order": names}
    made.dataset.target = target or made.dataset.target
    made.dataset.window_px = window_px
    return made


@pytest.mark.parametrize(
    ("model", "chain"), [("unet", "score map"), ("fcos", "boxes"), ("oriented_fcos", "boxes")]
)
def test_takes_a_chain_for_what_the_model_gives(model, chain):
    check_fit(chosen(model, chain))


@pytest.mark.parametrize(
    ("model", "chain", "said"),
    [
        ("unet", "boxes", r"UNet, which gives score map.*Choose.*threshold,polygonise"),
        ("fcos", "score map", r"FCOS, which gives boxes.*Choose.*min_score.*match=box"),
        ("oriented_fcos", "score map", r"gives oriented boxes.*Choose.*match=polygon"),
    ],
)
def test_refuses_another_chain_and_says_which(model, chain, said):
    with pytest.raises(ConfigError, match=said):
        check_fit(chosen(model, chain))


def test_refuses_a_target_that_the_model_does_not_learn_from():
    target = load_part("target", "boxes")
    with pytest.raises(ConfigError, match=r"learns from mask.*gives boxes.*target=mask"):
        check_fit(chosen("unet", "score map", target=target))


@pytest.mark.parametrize(
    ("window_px", "said"),
    [
        pytest.param(8, "Received: 8. Use 16.", id="below the least"),
        pytest.param(72, "Received: 72. Use 64 or 80.", id="between"),
    ],
)
def test_refuses_windows_that_the_encoder_cannot_halve(window_px, said):
    with pytest.raises(ConfigError, match=f"`dataset.window_px` must be divisible by 16.*{said}"):
        check_fit(chosen("unet", "score map", window_px=window_px))
