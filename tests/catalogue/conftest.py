"""Scenes of a few pixels, and a configuration of the catalogue."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf

from factory_core.kernel import io
from factory_core.kernel.parts import load_part
from factory_core.sources.airfield import sample

CONTEXTS = ("snow", "vegetation", "haze", "brightness")


@pytest.fixture
def write_scene(tmp_path):
    """Write a small scene under `raw/scenes` and give its path."""

    def write(name, *, pixels=None, crs="EPSG:32633", corner=(500_000, 5_400_000), **given):
        if pixels is None:
            pixels = np.random.default_rng(0).integers(1, 9000, (3, 40, 50)).astype("uint16")
        bands = given.pop("bands", ("red", "green", "blue")[: len(pixels)])
        grid = GeoBox(pixels.shape[1:], Affine(1, 0, corner[0], 0, -1, corner[1]), crs)
        path = tmp_path / "raw" / "scenes" / f"{name}.tif"
        io.write_cog(
            path,
            geobox=grid,
            bands=bands,
            dtype=str(pixels.dtype),
            nodata=given.pop("nodata", None),
            blocks=[(grid, pixels)],
            **given,
        )
        return path

    return write


@pytest.fixture
def config():
    return OmegaConf.create(
        {
            "taxonomy": {"classes": ["vehicle/car", "vehicle/truck"], "level": 1},
            "catalogue": {
                "scenes": "scenes/**/*.tif",
                "labels": "labels/*",
                "companions": {},
                "bands": [],
                "white": None,
                "cell_m": 20.0,
                "contexts": {name: load_part("context", name) for name in CONTEXTS},
            },
            "fingerprint": {"catalogue": ""},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        }
    )


@pytest.fixture(scope="session")
def airfield(tmp_path_factory):
    """A small airfield sample."""
    out = tmp_path_factory.mktemp("airfield")
    sample.write(out, size_px=160, seed=0)
    return out
