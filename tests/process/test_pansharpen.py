"""Colours with the detail of the pan: GDAL's figures, what each method keeps, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter, minimum_filter

from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.pansharpen import Pansharpen

WEIGHTS = (0.5, 0.3, 0.2)


@pytest.fixture
def true(make_raster):
    """A scene at full resolution: what sharpening should come near to."""
    rng = np.random.default_rng(7)
    base = gaussian_filter(rng.normal(size=(160, 160)), 1.2) * 1500 + 3000
    tints = [gaussian_filter(rng.normal(size=base.shape), 12) * 4000 + 1 for _ in WEIGHTS]
    return np.clip([base * (0.6 + 0.2 * k) + tint for k, tint in enumerate(tints)], 1, 60_000)


@pytest.fixture
def scene(make_raster, true):
    """The colours at a quarter of it, and their weighted sum as pan."""
    coarse = true.reshape(3, 40, 4, 40, 4).mean(axis=(2, 4))
    pan = np.tensordot(WEIGHTS, true, 1)[None]
    companion = make_raster(np.rint(pan).astype("uint16"), bands=("pan",), nodata=0)
    raster = make_raster(np.rint(coarse).astype("uint16"), side=4.0, nodata=0)
    return replace(raster, companions={"pan": companion})


@pytest.mark.parametrize("method", ["brovey", "additive", "gram_schmidt"])
def test_comes_nearer_to_the_truth_than_the_colours_alone(scene, true, method):
    result = Pansharpen(method=method)(scene)
    assert result.geobox == scene.companions["pan"].geobox
    assert result.companions == {}
    sharp = result.read(result.geobox).astype(float)
    blurred = np.kron(scene.read(scene.geobox), np.ones((4, 4)))
    inner = (slice(None), slice(12, -12), slice(12, -12))

    def error(found):
        return np.sqrt(((found - true)[inner] ** 2).mean())

    assert error(sharp) < 0.35 * error(blurred)


@pytest.mark.parametrize("method", ["brovey", "additive"])
def test_sums_up_to_the_pan(scene, method):
    """With true weights, the weighted sum of the result is the pan itself."""
    result = Pansharpen(method=method, weights=WEIGHTS)(scene)
    sharp = np.tensordot(WEIGHTS, result.read(result.geobox).astype(float), 1)
    pan = scene.companions["pan"].read(result.geobox)[0]
    apart = abs(sharp - pan)[12:-12, 12:-12] / pan[12:-12, 12:-12]
    # The additive pan is brought to the deviation of the coarse colours.
    assert np.median(apart) < (0.001 if method == "brovey" else 0.1)


def test_finds_the_weights_of_the_pan(scene):
    task = Pansharpen(method="brovey")
    found = task._fit(scene, scene.companions["pan"]).weights
    np.testing.assert_allclose(found, WEIGHTS, atol=0.05)


VRT = """<VRTDataset subClass="VRTPansharpenedDataset">
  <PansharpeningOptions>
    <Algorithm>WeightedBrovey</Algorithm>
    <AlgorithmOptions><Weights>0.5,0.3,0.2</Weights></AlgorithmOptions>
    <Resampling>Cubic</Resampling>
    <PanchroBand><SourceFilename relativeToVRT="1">pan.tif</SourceFilename>
      <SourceBand>1</SourceBand></PanchroBand>
    {bands}
  </PansharpeningOptions>
</VRTDataset>"""
BAND = """<SpectralBand dstBand="{n}"><SourceFilename relativeToVRT="1">colours.tif</SourceFilename>
      <SourceBand>{n}</SourceBand></SpectralBand>"""


def test_agrees_with_gdal(tmp_path, scene):
    for name, raster in {"pan": scene.companions["pan"], "colours": scene}.items():
        io.write_cog(
            tmp_path / f"{name}.tif",
            geobox=raster.geobox,
            bands=raster.bands,
            dtype=raster.dtype,
            nodata=None,
            blocks=[(raster.geobox, raster.read(raster.geobox))],
        )
    bands = "".join(BAND.format(n=n) for n in (1, 2, 3))
    (tmp_path / "sharp.vrt").write_text(VRT.format(bands=bands))
    with rasterio.open(tmp_path / "sharp.vrt") as source:
        expected = source.read().astype(float)
    result = Pansharpen(method="brovey", weights=WEIGHTS)(scene)
    found = result.read(result.geobox).astype(float)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    # GDAL rounds the resampled colours to whole numbers first, and they are then multiplied.
    assert abs(found - expected)[inner].max() <= 3
    assert abs(found - expected)[inner].mean() < 0.6


def test_keeps_nodata_of_either(scene):
    pan = scene.companions["pan"]

    def holed(window):
        pixels = pan.read(window).copy()
        pixels[:, :20, :20] = 0
        return pixels

    raster = replace(scene, companions={"pan": replace(pan, read=holed)})
    result = Pansharpen()(raster)
    found = result.read(result.geobox)
    assert (found[:, :20, :20] == 0).all()
    assert minimum_filter(found > 0, size=(1, 3, 3))[:, 30:-8, 30:-8].all()


def with_pan(scene, make_raster, **given):
    pixels = given.pop("pixels", np.ones((1, 160, 160), "uint16"))
    pan = make_raster(pixels, **{"bands": ("pan",) * len(pixels), **given})
    return replace(scene, companions={"pan": pan})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"corner": (900_000, 5_400_000)}, "shows another place", id="elsewhere"),
        pytest.param({"crs": "EPSG:32632"}, "is in EPSG:32632 and the scene in", id="CRS"),
        pytest.param({"side": 9.0}, r"is coarser \(9\.00 m\)", id="coarser"),
        pytest.param({"pixels": np.ones((2, 9, 9), "uint8")}, "has 2 bands", id="bands"),
    ],
)
def test_refuses_a_pan(scene, make_raster, given, message):
    with pytest.raises(SceneError, match=f"'pan' of the scene 'scene' {message}"):
        Pansharpen()(with_pan(scene, make_raster, **given))


def test_says_which_companion_is_missing(scene):
    with pytest.raises(SceneError, match=r"no companion 'pan'.*has: none.*companions\.pan"):
        Pansharpen()(replace(scene, companions={}))


def test_refuses_more_bands_than_weights(scene):
    with pytest.raises(ConfigError, match="weights` has 2 weights, and the scene 'scene' 3 bands"):
        Pansharpen(weights=(0.5, 0.5))(scene)


@pytest.mark.parametrize(
    "fields",
    [{"method": "ihs"}, {"weights": [-1.0, 2.0]}, {"weights": [0.0]}, {"weights": "best"}],
    ids=str,
)
def test_refuses_fields(fields):
    target = "factory_core.process.pansharpen.Pansharpen"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, **fields}, where="task")
