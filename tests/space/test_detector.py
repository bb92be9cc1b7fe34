"""The space of a baked detector: large, and what is drawn from it builds."""

import keras
import pytest

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.space.check import check, overrides_of, sketch_network
from factory_core.space.enumerate import enumerate_space
from factory_core.space.price import describe, price
from factory_core.space.space import Product, Space
from factory_core.space.windows import windows_of
from factory_core.train.graph import build_network
from tests.template.conftest import bake, run

pytestmark = pytest.mark.slow

SMALL = [
    *overrides_of({"model": "unet", "encoder": "resnet"}),
    "encoder.width=4",
    "encoder.depth=2",
    "dataset.window_px=32",
    "predict.overlap_px=8",
    "train.batch_size=2",
]


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    out = tmp_path_factory.mktemp("space") / "out"
    assert bake(out, task="segmentation", licence="MIT").returncode == 0
    return out / "tree_detector"


def test_the_default_template_has_many_configurations_and_those_drawn_build(baked, monkeypatch):
    monkeypatch.chdir(baked)
    space = enumerate_space()
    assert space.count > 12_000
    assert len(space.models) >= 16
    assert [failure.reason for failure in check(space, count=4, seed=0)] == []
    # What is wrong is found, and named with what composes it.
    wrong = Space((Product("unet", {"model": ("unet",), "loss": ("centre_focal",)}),), ())
    (failure,) = check(wrong, count=1, seed=0)
    assert failure.overrides == ("model=unet", "loss=centre_focal")
    assert "ScoreMapLoss" in failure.reason


def test_the_price_is_that_of_the_network_that_is_trained(baked, monkeypatch):
    monkeypatch.chdir(baked)
    found = price(SMALL, windows=10, steps=1)
    composed = config.compose(overrides=SMALL)
    drawn = sketch_network(composed)
    assert found.parameters == drawn.count_params()
    assert found.window == "32 x 32 x 3"
    assert found.operations > 0
    assert found.optimizer_mb >= 2 * found.gradients_mb  # two moments of Adam for each weight
    assert found.peak_mb > 0
    assert found.epoch_s == pytest.approx(5 * found.step_s)
    assert f"parameters       {found.parameters:,}" in "\n".join(describe(found))

    stats, _ = windows_of(composed, form="mask")
    network = build_network(config.build(composed.model, where="model"), stats)
    assert found.parameters == network.count_params()
    keras.utils.clear_session()


def test_the_terminal_has_the_price_and_no_notes_of_tensorflow(baked):
    settings = [word for item in SMALL for word in ("-S", item)]
    done = run("factory", "price", *settings, "--steps", "1", cwd=baked)  # both streams
    assert "measured step" in done.stdout
    assert not [line for line in done.stdout.splitlines() if "WARNING" in line or "cuda" in line]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("optimizer.learning_rate=-1", "above 0. Received: -1", id="uphill"),
        pytest.param("+optimizer.learning_rat=0.1", "learning_rat", id="unknown of Keras"),
        pytest.param("+optimizer.use_ema=true", "average: moving", id="another average"),
        pytest.param("train.epochs=1", "warmup_epochs.*Received: .* and 1", id="only warm-up"),
    ],
)
def test_what_training_would_refuse_has_no_price(baked, monkeypatch, override, said):
    monkeypatch.chdir(baked)
    with pytest.raises(ConfigError, match=said):
        price([*SMALL, "schedule=cosine", override], steps=0)
