"""The stage process, from raw scenes to cloud-optimised ones."""

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rio_cogeo.cogeo import cog_validate

from factory_core.kernel import geo, io
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.parts import load_part
from factory_core.process import stage


def noise(bands=4, *, shape=(70, 90), dtype="uint16", seed=0):
    return np.random.default_rng(seed).integers(1, 9000, (bands, *shape)).astype(dtype)


FOUR = ("blue", "green", "red", "nir")


@pytest.fixture
def inputs(write_inputs):
    return write_inputs(
        {
            "one": {"pixels": noise(), "bands": FOUR},
            "two": {"pixels": noise(seed=1), "bands": FOUR, "crs": "EPSG:32612"},
            "deg": {
                "pixels": noise(shape=(50, 40)),
                "bands": FOUR,
                "crs": "EPSG:4326",
                "corner": (15, 48),
                "side": 1e-5,
            },
            "tiny": {"pixels": noise(shape=(1, 1)), "bands": FOUR},
        }
    )


def test_writes_what_the_model_takes(config, inputs, tmp_path):
    out = tmp_path / "processed"
    stage.run(config, **inputs, out=out)
    names = ["deg.tif", "one.tif", "process.json", "tiny.tif", "two.tif"]
    assert sorted(path.name for path in out.iterdir()) == names
    for path in out.glob("*.tif"):
        raster = io.open_raster(path)
        assert (raster.bands, raster.dtype, raster.nodata) == (("red", "green", "blue"), "uint8", 0)
        assert geo.is_metric(raster.geobox.crs)
        assert cog_validate(path, quiet=True)[0]
    tasks = io.read_json(out / "process.json")["tasks"]
    assert len(tasks[2]["limits"]) == 3


def test_gives_the_same_bytes_again(config, inputs, tmp_path):
    for name in ("first", "second"):
        stage.run(config, **inputs, out=tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


@pytest.mark.slow
def test_gives_the_same_bytes_in_two_processes(config, inputs, tmp_path):
    stage.run(config, **inputs, out=tmp_path / "first")
    config.compute.workers = 2
    stage.run(config, **inputs, out=tmp_path / "second")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_finishes_what_it_began_without_repeating_it(config, inputs, tmp_path, monkeypatch):
    written = []
    write = stage.io.write_cog

    def stop_at_the_third(out, **given):
        written.append(out.stem)
        if len(written) == 3:
            raise KeyboardInterrupt
        write(out, **given)

    monkeypatch.setattr(stage.io, "write_cog", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        stage.run(config, **inputs, out=tmp_path / "processed")
    assert not (tmp_path / "processed").exists()
    stage.run(config, **inputs, out=tmp_path / "processed")
    assert written == ["one", "two", "deg", "deg", "tiny"]


def spoil_scene(config, inputs):
    path = inputs["raw"] / "scenes" / "two.tif"
    path.write_bytes(path.read_bytes()[:-3000])


def ask_for_swir(config, inputs):
    config.process.tasks.compose_bands.bands = ["swir", "red"]


def misspell(config, inputs):
    config.process.tasks.reproject.resolution = 2.0


def forget_order(config, inputs):
    config.process.order = ["compose_bands", "to_8bit"]


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        pytest.param(spoil_scene, SceneError, r"two\.tif cannot be read", id="truncated"),
        pytest.param(ask_for_swir, SceneError, "'one' has no band 'swir'", id="missing band"),
        pytest.param(misspell, ConfigError, "Did you mean 'resolution_m'", id="misspelt"),
        pytest.param(forget_order, ConfigError, r"process\.order", id="order"),
    ],
)
def test_leaves_the_old_scenes_when_it_fails(config, inputs, tmp_path, spoil, error, message):
    out = tmp_path / "processed"
    stage.run(config, **inputs, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    spoil(config, inputs)
    with pytest.raises(error, match=message):
        stage.run(config, **inputs, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param(
            {"pixels": noise(3), "bands": FOUR[:3]}, "'two' has blue, green, red as", id="bands"
        ),
        pytest.param(
            {"pixels": noise(dtype="float32"), "bands": FOUR}, "nir as float32", id="types"
        ),
    ],
)
def test_refuses_scenes_that_stay_different(config, write_inputs, tmp_path, second, message):
    config.process.tasks, config.process.order = {}, []
    inputs = write_inputs({"one": {"pixels": noise(), "bands": FOUR}, "two": second})
    with pytest.raises(SceneError, match=message):
        stage.run(config, **inputs, out=tmp_path / "processed")


def test_takes_scenes_with_more_bands_than_it_needs(config, write_inputs, tmp_path):
    three = {"pixels": noise(3), "bands": ("red", "green", "blue")}
    inputs = write_inputs({"one": {"pixels": noise(), "bands": FOUR}, "two": three})
    stage.run(config, **inputs, out=tmp_path / "processed")
    assert io.open_raster(tmp_path / "processed" / "two.tif").bands == ("red", "green", "blue")


@pytest.fixture
def with_pan(config, write_inputs, make_raster):
    """Two scenes with their pan, one more without, and a chain that needs it."""
    config.process.tasks = {
        "pansharpen": load_part("process", "pansharpen"),
        "to_8bit": load_part("process", "to_8bit"),
    }
    config.process.order = ["pansharpen", "to_8bit"]
    pan = make_raster(noise(1, shape=(140, 180)), side=0.5, bands=("pan",))

    def write(*, without=()):
        given = {"pixels": noise(), "bands": FOUR}
        names = ("one", "two", "three")
        return write_inputs(
            {n: given if n in without else {**given, "companions": {"pan": pan}} for n in names}
        )

    return write


def test_hands_companions_to_the_chain(config, with_pan, tmp_path):
    stage.run(config, **with_pan(), out=tmp_path / "processed")
    raster = io.open_raster(tmp_path / "processed" / "two.tif")
    assert raster.geobox.shape == (140, 180)
    assert geo.resolution_m(raster.geobox) == 0.5
    assert cog_validate(tmp_path / "processed" / "two.tif", quiet=True)[0]


def test_names_the_scene_that_lacks_its_companion(config, with_pan, tmp_path):
    with pytest.raises(SceneError, match="'three' has no companion 'pan', which `pansharpen`"):
        stage.run(config, **with_pan(without=("three",)), out=tmp_path / "processed")
    assert not (tmp_path / "processed").exists()


def test_refuses_scenes_that_are_not_on_the_map_in_the_end(config, inputs, tmp_path):
    for name in ("one", "two", "deg", "tiny"):
        path = inputs["raw"] / "scenes" / f"{name}.tif"
        places = [(0, 0, 15, 48), (0, 60, 15, 47.9), (60, 0, 15.1, 48)]
        gcps = [GroundControlPoint(row=r, col=c, x=x, y=y) for r, c, x, y in places]
        pixels = io.read_pixels(path)
        profile = {"width": pixels.shape[2], "height": pixels.shape[1], "count": 4}
        with rasterio.open(path, "w", **profile, dtype="uint16", gcps=gcps, crs=4326) as sink:
            sink.write(pixels)
    config.process.tasks = {"compose_bands": load_part("process", "compose_bands")}
    config.process.order = ["compose_bands"]
    with pytest.raises(SceneError, match="Put `rectify_by_points` first in the chain"):
        stage.run(config, **inputs, out=tmp_path / "processed")
