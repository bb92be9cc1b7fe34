"""A detector trains at any level of its taxonomy: targets, network and loss follow the level."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.shards import Stats
from factory_core.kernel import config
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.train.graph import build_deployed, build_network
from tests.models.compose import compose

FOUR_LEVELS = ("aircraft/civil/transport/wide", "aircraft/civil/light", "aircraft/military", "ship")
SIDE = 32


@pytest.mark.parametrize(
    ("level", "classes"),
    [
        pytest.param(1, ("aircraft", "ship"), id="1", marks=pytest.mark.slow),
        pytest.param(2, ("civil", "military", "ship"), id="2"),
        pytest.param(3, ("transport", "light", "military", "ship"), id="3", marks=pytest.mark.slow),
        pytest.param(4, ("wide", "light", "military", "ship"), id="4", marks=pytest.mark.slow),
    ],
)
def test_network_and_loss_follow_the_level(level, classes):
    composed = compose(
        "unet",
        "encoder=resnet",
        "encoder.width=2",
        "encoder.depth=2",
        "model.width=2",
        "loss=hierarchical",
        f"taxonomy.classes=[{','.join(FOUR_LEVELS)}]",
        f"taxonomy.level={level}",
    )
    model = config.build(composed.model, where="model")
    assert model.loss.taxonomy == Taxonomy(FOUR_LEVELS, level=level)
    assert model.loss.taxonomy.names == classes
    stats = Stats(
        form="mask",
        bands=("grey",),
        dtype="uint8",
        nodata=None,
        classes=config.taxonomy(OmegaConf.create({"taxonomy": composed.taxonomy})).names,
        resolution_m=1.0,
        window_px=SIDE,
        mean=(0.0,),
        deviation=(1.0,),
        windows={"train": 1, "val": 1},
        labelled={"train": 1, "val": 1},
    )
    network = build_network(model, stats)
    mask = np.arange(SIDE * SIDE).reshape(1, SIDE, SIDE) % (1 + len(classes))
    target = model.encode(list(mask), shape=(SIDE, SIDE), num_classes=len(classes))
    output = network(np.zeros((1, SIDE, SIDE, 1), np.float32))
    assert np.isfinite(np.asarray(model.loss(target, output))).all()
    deployed = build_deployed(network, model, stats)
    assert deployed.output["scores"].shape == (None, SIDE, SIDE, len(classes))
