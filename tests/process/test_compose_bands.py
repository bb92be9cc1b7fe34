"""Choosing bands by name."""

import numpy as np
import pytest

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.compose_bands import ComposeBands


@pytest.mark.parametrize(
    "bands", [("red",), ("blue", "red"), ("red", "green", "blue")], ids=lambda b: "-".join(b)
)
def test_gives_the_named_bands_in_order(make_raster, bands):
    pixels = np.arange(3)[:, None, None] * np.ones((3, 4, 5), "uint8")
    result = ComposeBands(bands)(make_raster(pixels))
    assert result.bands == bands
    expected = [("red", "green", "blue").index(band) for band in bands]
    assert list(result.read(result.geobox)[:, 0, 0]) == expected


def test_names_the_scene_and_its_bands_where_one_is_missing(make_raster):
    raster = make_raster(np.zeros((2, 4, 4)), scene_id="s1", bands=("pan", "nir"))
    with pytest.raises(SceneError, match=r"'s1' has no band 'red'\. It has: pan, nir"):
        ComposeBands(("red", "nir"))(raster)


@pytest.mark.parametrize("bands", [[], ["red", "red"], "red", [1]], ids=str)
def test_refuses_bands(bands):
    target = "factory_core.process.compose_bands.ComposeBands"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, "bands": bands}, where="task")
