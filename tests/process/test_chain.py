"""The chain: fitted in order, applied lazily, kept as JSON."""

import json

import numpy as np
import pytest

from factory_core.kernel.errors import ConfigError
from factory_core.process.chain import apply_chain, fit_chain, from_nodes, to_nodes
from factory_core.process.compose_bands import ComposeBands
from factory_core.process.reproject import Reproject
from factory_core.process.to_8bit import To8Bit


@pytest.fixture
def raster(make_raster):
    return make_raster(np.random.default_rng(0).integers(0, 4000, (3, 60, 80)).astype("uint16"))


def test_of_nothing_changes_nothing(raster):
    assert apply_chain(raster, fit_chain([], {}, {})) is raster


def test_fits_each_part_to_what_comes_before_it(raster, ground):
    tasks = [ComposeBands(("blue",)), Reproject(resolution_m=20.0), To8Bit(0.0, 100.0)]
    *_, fitted = fit_chain(tasks, {"a": raster}, {"a": ground(raster)})
    ((low, high),) = fitted.limits
    assert 1500 < low < high < 2500


def test_survives_json(raster, ground):
    tasks = [ComposeBands(("green", "red")), Reproject(resolution_m=2.0), To8Bit()]
    fitted = fit_chain(tasks, {"a": raster}, {"a": ground(raster)})
    again = from_nodes(json.loads(json.dumps(to_nodes(fitted))))
    assert again == fitted
    one, two = apply_chain(raster, fitted), apply_chain(raster, again)
    np.testing.assert_array_equal(one.read(one.geobox), two.read(two.geobox))


def test_refuses_parts_from_elsewhere():
    with pytest.raises(ConfigError, match=r"tasks\[0\]"):
        from_nodes([{"_target_": "subprocess.Popen", "args": ["true"]}])
