"""The sample neon_trees, from a made-up wheel; the real one is fetched in a slow test."""

import hashlib
import io as bytes_io
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.sources import neon_trees
from factory_core.sources.neon_trees import IMAGES, Image, convert, fetch
from factory_core.sources.samples import write_sample

BOX = (
    "<object><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)
PIXELS = np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype("uint8")


def content(boxes, ending):
    picture = bytes_io.BytesIO()
    Picture.fromarray(PIXELS).save(picture, {".png": "PNG", ".tif": "TIFF"}[ending])
    objects = "".join(BOX.format(*corners) for corners in boxes)
    return picture.getvalue(), f"<annotation>{objects}</annotation>".encode()


def digests(files):
    return tuple(hashlib.sha256(file).hexdigest() for file in files)


@pytest.fixture
def release(tmp_path):
    """A wheel of two images in two zones, and what is known of them."""
    first, second = (
        content([(1, 1, 40, 30), (11, 6, 20, 10)], ".png"),
        content([(2, 2, 3, 3)], ".tif"),
    )
    images = (
        Image("first", ".png", "EPSG:32612", (528000.0, 4979000.0), digests(first)),
        Image("second", ".tif", "EPSG:32617", (404211.9, 3285142.9), digests(second)),
    )
    wheel = tmp_path / "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for image, files in zip(images, (first, second), strict=True):
            for ending, file in zip((image.ending, ".xml"), files, strict=True):
                archive.writestr(f"deepforest/data/{image.name}{ending}", file)
    return wheel, images


def test_writes_georeferenced_scenes(release, tmp_path):
    wheel, images = release
    convert(wheel, tmp_path / "out", images=images)
    raster = io.open_raster(tmp_path / "out" / "scenes" / "first.tif")
    assert (raster.bands, raster.dtype, raster.nodata) == (("red", "green", "blue"), "uint8", None)
    assert str(raster.geobox.crs) == "EPSG:32612"
    assert list(raster.geobox.affine)[:6] == pytest.approx([0.1, 0, 528000, 0, -0.1, 4979000])
    np.testing.assert_array_equal(raster.read(raster.geobox), PIXELS.transpose(2, 0, 1))


def test_counts_pixels_of_boxes_from_1_and_includes_the_last(release, tmp_path):
    wheel, images = release
    convert(wheel, tmp_path / "out", images=images)
    trees = io.read_vectors(tmp_path / "out" / "labels" / "trees.parquet")
    assert set(trees["label"]) == {"tree"}
    assert list(trees["scene_id"]) == ["first", "first", "second"]
    there = trees.to_crs("EPSG:32612").geometry
    left, top = 528000, 4979000
    assert there[0].bounds == pytest.approx((left, top - 3.0, left + 4.0, top), abs=1e-4)
    expected = (left + 1.0, top - 1.0, left + 2.0, top - 0.5)
    assert there[1].bounds == pytest.approx(expected, abs=1e-4)


def test_refuses_a_file_that_is_not_the_known_one(release, tmp_path):
    wheel, (first, second) = release
    changed = replace(second, sha256=(second.sha256[0], "0" * 64))
    with pytest.raises(SceneError, match=r"second\.xml in made.* is not the known file.*0000"):
        convert(wheel, tmp_path / "out", images=(first, changed))


def test_refuses_a_wheel_without_the_images(release, tmp_path):
    wheel, _ = release
    with pytest.raises(SceneError, match=r"does not hold deepforest/data/2019_YELL"):
        convert(wheel, tmp_path / "out", images=IMAGES)


def test_refuses_a_damaged_wheel(release, tmp_path):
    wheel, images = release
    wheel.write_bytes(wheel.read_bytes()[:200])
    with pytest.raises(SceneError, match="or is damaged"):
        convert(wheel, tmp_path / "out", images=images)


def test_has_no_size_to_choose(tmp_path):
    with pytest.raises(ConfigError, match="size 64"):
        write_sample("neon_trees", out=tmp_path / "out", size_px=64, seed=0)


@pytest.fixture
def pip(monkeypatch):
    """pip, replaced by what a test says it does."""

    def does(returncode, *, stderr="", wheel=b""):
        def run(command, **_):
            if wheel:
                (command[-1] / "made.whl").write_bytes(wheel)
            return subprocess.CompletedProcess(command, returncode, stderr=stderr)

        monkeypatch.setattr(neon_trees.subprocess, "run", run)

    return does


def test_fetches_by_the_pip_of_this_environment(pip, tmp_path):
    pip(0, wheel=b"wheel")
    assert fetch(tmp_path).read_bytes() == b"wheel"


@pytest.mark.parametrize(
    ("returncode", "stderr", "reason"),
    [
        pytest.param(
            1, "WARNING: retrying\nERROR: No route to host\n", "No route", id="no network"
        ),
        pytest.param(0, "", "no wheel came", id="no wheel"),
    ],
)
def test_says_that_it_could_not_be_downloaded(pip, tmp_path, returncode, stderr, reason):
    pip(returncode, stderr=stderr)
    with pytest.raises(SceneError, match=rf"could not be downloaded.*{reason}.*airfield"):
        write_sample("neon_trees", out=tmp_path / "out", size_px=None, seed=0)
    assert not (tmp_path / "out").exists()


def test_pip_is_there():
    subprocess.run([sys.executable, "-m", "pip", "--version"], check=True, capture_output=True)


@pytest.mark.slow
def test_the_real_one(tmp_path):
    write_sample("neon_trees", out=tmp_path / "out", size_px=None, seed=0)
    trees = io.read_vectors(tmp_path / "out" / "labels" / "trees.parquet")
    assert trees["scene_id"].value_counts().to_dict() == {
        "2019_YELL_2_528000_4978000_image_crop2": 574,
        "2019_YELL_2_541000_4977000_image_crop": 279,
        "OSBS_029": 61,
    }
    assert len(list((tmp_path / "out" / "scenes").glob("*.tif"))) == 3
