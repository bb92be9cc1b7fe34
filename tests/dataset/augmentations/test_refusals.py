"""Fields that no augmentation can have, and forms that one cannot act on."""

import numpy as np
import pytest

from factory_core.dataset.augmentations.crop import Crop
from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.sample import OrientedBoxes, Sample
from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import load_part


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("band_dropout", {"most": 0}, "`most` must be at least 1"),
        ("blur", {"most_px": -1.0}, r"`most_px` must lie in \[0, 32\]"),
        ("colour_jitter", {"contrast": 1.0}, r"`contrast` must lie in \[0, 0.99\]"),
        ("copy_paste", {"most": 0}, "`most` must be at least 1"),
        ("crop", {"smallest_share": 0.0}, r"`smallest_share` must lie in \[0.01, 1\]"),
        ("crop", {"stretch": 0.5}, r"`stretch` must lie in \[1, 4\]"),
        ("crop", {"min_share_inside": 0.0}, "min_share_inside"),
        ("cutmix", {"alpha": 0.0}, "`alpha`"),
        ("cutmix", {"min_share_inside": 1.1}, "min_share_inside"),
        ("ground_resolution", {"coarsest": 0.5}, "`coarsest`"),
        ("haze", {"most": 1.5}, "`most`"),
        ("haze", {"airlight": -0.5}, "`airlight`"),
        ("mixup", {"least_share": 0.6}, "`least_share`"),
        ("mixup", {"alpha": -1.0}, "`alpha`"),
        ("mosaic", {"nearest_share": 0.6}, "`nearest_share`"),
        ("noise", {"read": 1.5}, "`read`"),
        ("noise", {"shot": -0.1}, "`shot`"),
        ("rotate", {"degrees": 181.0}, "`degrees`"),
        ("shadow", {"darkest": -0.1}, "`darkest`"),
        ("shadow", {"edge_px": 0.0}, "`edge_px` must be at least 0.01"),
        ("snow", {"most_cover": 1.1}, "`most_cover`"),
        ("snow", {"depth": 2.0}, "`depth`"),
        ("zoom", {"smallest": 0.0}, "`smallest` must be above 0 and at most `largest`"),
        ("zoom", {"smallest": 2.0, "largest": 1.0}, "`smallest` must be above 0 and at most"),
    ],
    ids=str,
)
def test_refuses_fields(name, fields, said):
    with pytest.raises(ConfigError, match=rf"augment.tasks.{name}.*{said}.*Received: "):
        config.build(load_part("augmentation", name) | fields, where=f"augment.tasks.{name}")


def test_oriented_boxes_cannot_be_stretched():
    boxes = OrientedBoxes(np.array([[8, 8, 6, 2, 0.5]], np.float32), np.zeros(1, int))
    sample = Sample(np.full((16, 16, 1), 9, np.float32), boxes)
    chance = Chance(np.random.default_rng(0), None)
    with pytest.raises(ConfigError, match=r"augment\.tasks\.crop\.stretch.*oriented.*Set it to 1"):
        Crop(stretch=1.2)(sample, chance=chance)
    assert len(Crop(stretch=1.0, smallest_share=1.0)(sample, chance=chance).labels) == 1
