"""Stretch by scene, gamma, CLAHE and histogram matching: what they make of known values."""

import numpy as np
import pytest
from skimage.exposure import match_histograms

from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.clahe import Clahe
from factory_core.process.match_histogram import MatchHistogram
from factory_core.process.to_8bit import To8Bit

RNG = np.random.default_rng(11)


def read(raster):
    return raster.read(raster.geobox)


def noise(shape=(1, 200, 200), *, mean=900, deviation=150):
    return np.clip(RNG.normal(mean, deviation, shape), 1, 9000).astype("uint16")


def test_by_scene_each_has_its_own_range(make_raster):
    dark, bright = make_raster(noise(mean=400)), make_raster(noise(mean=4000))
    part = To8Bit(by="scene")
    assert part.fit({}, {}) is part
    one, two = (read(part(raster)).astype(float) for raster in (dark, bright))
    assert one.mean() == pytest.approx(two.mean(), abs=4)
    assert {one.min(), one.max(), two.min(), two.max()} == {1, 255}


def test_by_scene_takes_a_scene_without_data(make_raster):
    raster = make_raster(np.zeros((2, 30, 30), "uint16"), nodata=0)
    assert (read(To8Bit(by="scene")(raster)) == 0).all()


def test_gamma_bends_between_the_limits(make_raster):
    raster = make_raster(np.array([[[0, 25, 100]]], "uint16"))
    part = To8Bit(limits=((0.0, 100.0),), gamma=0.5)
    assert list(read(part(raster))[0, 0]) == [1, 128, 255]


@pytest.mark.parametrize(
    "fields", [{"gamma": 0.0}, {"by": "tile"}, {"by": "scene", "limits": [[0.0, 1.0]]}], ids=str
)
def test_stretch_refuses_fields(fields):
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": "factory_core.process.to_8bit.To8Bit", **fields}, where="task")


def test_clahe_widens_a_narrow_range_and_keeps_nodata(make_raster):
    pixels = RNG.integers(100, 120, (1, 300, 300)).astype("uint8")
    pixels[:, :50, :50] = 0
    result = read(Clahe(64, clip_limit=100.0)(make_raster(pixels, nodata=0)))
    assert (result[:, :50, :50] == 0).all()
    seen = result[pixels > 0]
    assert seen.min() >= 1
    assert np.ptp(seen.astype(int)) > 200


def test_clahe_limits_how_much(make_raster):
    raster = make_raster(RNG.integers(100, 120, (1, 300, 300)).astype("uint8"), nodata=0)
    spread = [np.ptp(read(Clahe(64, clip_limit=c)(raster)).astype(int)) for c in (1.0, 2.0, 8.0)]
    assert spread[0] <= 40  # of 20 values: no slope over 2
    assert spread[0] < spread[1] < spread[2]


def test_clahe_keeps_the_order_of_values_within_a_region(make_raster):
    pixels = RNG.integers(1, 256, (1, 64, 64)).astype("uint8")
    result = read(Clahe(64)(make_raster(pixels, nodata=0)))
    order = np.argsort(pixels, axis=None)
    assert (np.diff(result.ravel()[order].astype(int)) >= 0).all()


def test_clahe_refuses_what_is_not_8_bits(make_raster):
    with pytest.raises(SceneError, match="Put `to_8bit` before"):
        Clahe()(make_raster(noise()))


@pytest.mark.parametrize("fields", [{"region_px": 4}, {"clip_limit": 0.5}], ids=str)
def test_clahe_refuses_fields(fields):
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": "factory_core.process.clahe.Clahe", **fields}, where="task")


def write(path, raster):
    io.write_cog(
        path,
        geobox=raster.geobox,
        bands=raster.bands,
        dtype=raster.dtype,
        nodata=raster.nodata,
        blocks=[(raster.geobox, read(raster))],
    )
    return path


def test_matches_as_scikit_image_does(tmp_path, make_raster, ground):
    reference = make_raster(noise(mean=3000, deviation=600))
    raster = make_raster(noise())
    part = MatchHistogram(reference=write(tmp_path / "reference.tif", reference))
    fitted = part.fit({"a": raster}, {"a": ground(raster)})
    expected = match_histograms(read(raster)[0], read(reference)[0])
    apart = abs(read(fitted(raster))[0].astype(float) - expected)
    assert np.percentile(apart, 99) < 30
    assert np.median(apart) < 5


def test_matches_to_the_training_ground_without_a_reference(make_raster, ground):
    dark, bright = make_raster(noise(mean=500)), make_raster(noise(mean=2500))
    fitted = MatchHistogram().fit(
        {"a": dark, "b": bright}, {"a": ground(dark), "b": ground(bright)}
    )
    means = [read(fitted(raster)).mean() for raster in (dark, bright)]
    assert means == pytest.approx([1500, 1500], rel=0.02)


def test_reads_its_reference_once(tmp_path, make_raster, ground):
    path = write(tmp_path / "reference.tif", make_raster(noise()))
    raster = make_raster(noise(mean=99))
    fitted = MatchHistogram(reference=path).fit({"a": raster}, {"a": ground(raster)})
    path.unlink()
    assert read(fitted(raster)).mean() == pytest.approx(900, rel=0.02)


def test_refuses_a_reference_that_lacks_a_band(tmp_path, make_raster, ground):
    path = write(tmp_path / "reference.tif", make_raster(noise()))
    raster = make_raster(noise((2, 20, 20)))
    with pytest.raises(SceneError, match=r"reference\.tif has no band 'green'. It has: red"):
        MatchHistogram(reference=path).fit({"a": raster}, {"a": ground(raster)})


def test_refuses_a_reference_without_data(tmp_path, make_raster, ground):
    empty = make_raster(np.zeros((1, 20, 20), "uint16"), nodata=0)
    path = write(tmp_path / "reference.tif", empty)
    raster = make_raster(noise())
    with pytest.raises(SceneError, match=r"reference\.tif, has no data"):
        MatchHistogram(reference=path).fit({"a": raster}, {"a": ground(raster)})


def test_refuses_to_be_applied_before_it_is_fitted(make_raster):
    with pytest.raises(ConfigError, match=r"match_histogram\.quantiles"):
        MatchHistogram()(make_raster(noise()))


def test_refuses_other_bands_than_it_was_fitted_to(make_raster, ground):
    raster = make_raster(noise())
    fitted = MatchHistogram().fit({"a": raster}, {"a": ground(raster)})
    with pytest.raises(SceneError, match="has the bands red, green, and the reference"):
        fitted(make_raster(noise((2, 9, 9))))
