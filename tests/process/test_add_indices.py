"""Spectral indices: their figures, and what is refused."""

import numpy as np
import pytest

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.add_indices import INDICES, AddIndices

BANDS = ("blue", "green", "red", "rededge", "nir", "swir16", "swir22")
# Reflectances of one green leaf, and the indices worked out by hand.
LEAF = (0.04, 0.09, 0.05, 0.20, 0.45, 0.25, 0.12)
EXPECTED = {
    "ndvi": 0.40 / 0.50,
    "gndvi": 0.36 / 0.54,
    "ndre": 0.25 / 0.65,
    "ndwi": -0.36 / 0.54,
    "mndwi": -0.16 / 0.34,
    "ndsi": -0.16 / 0.34,
    "ndbi": -0.20 / 0.70,
    "nbr": 0.33 / 0.57,
    "savi": 0.60 / 1.00,
    "evi": 1.0 / 1.45,
    "evi2": 1.0 / 1.57,
    "vari": 0.04 / 0.10,
    "exg": 0.09 / 0.18,
}


@pytest.fixture
def leaf(make_raster):
    pixels = np.rint(np.array(LEAF)[:, None, None] * 10_000 * np.ones((1, 2, 3)))
    return make_raster(pixels.astype("uint16"), bands=BANDS)


@pytest.mark.parametrize("name", INDICES)
def test_follows_its_formula(leaf, name):
    result = AddIndices((name,))(leaf)
    assert result.bands == (*BANDS, name)
    assert result.dtype == "float32"
    pixels = result.read(result.geobox)
    assert pixels[-1] == pytest.approx(EXPECTED[name], abs=1e-6)
    assert pixels[:-1, 0, 0] == pytest.approx(LEAF)


@pytest.mark.parametrize("name", INDICES)
def test_has_its_source_where_a_reader_looks(name):
    source = INDICES[name].source.rpartition("; ")[2]
    text = " ".join(AddIndices.__doc__.split())
    assert f"`{name}` ({source})" in text


def test_has_no_data_where_it_is_not_defined(make_raster):
    raster = make_raster(np.zeros((2, 1, 2), "float32"), bands=("red", "nir"))
    result = AddIndices()(raster)
    assert np.isnan(result.read(result.geobox)[-1]).all()


@pytest.mark.parametrize(
    ("names", "bands", "message"),
    [
        (("ndvi",), ("red", "green"), r"'scene' has no band 'nir', which `ndvi` needs"),
        (("ndvi",), ("nir", "red", "ndvi"), "has already `ndvi` as a band"),
    ],
)
def test_refuses_a_scene(make_raster, names, bands, message):
    with pytest.raises(SceneError, match=message):
        AddIndices(names)(make_raster(np.ones((len(bands), 2, 2)), bands=bands))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"names": ["ndvy"]}, "Did you mean 'ndvi'"),
        ({"names": ["ndvi", "ndvi"]}, "once"),
        ({"indices": ["ndvi"]}, "no field 'indices'"),
    ],
    ids=str,
)
def test_refuses_fields(fields, message):
    with pytest.raises(ConfigError, match=message):
        build({"_target_": "factory_core.process.add_indices.AddIndices", **fields}, where="task")
