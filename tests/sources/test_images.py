"""Images: found by the names that formats give them, and placed."""

import shutil

import pytest

from factory_core.kernel import geo
from factory_core.kernel.errors import LabelError, SceneError
from factory_core.sources.images import ImageFolder, nowhere, scene_id_of
from tests.contract.exchange import write_images


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("a.png", "a", id="file"),
        pytest.param("train/x/a.JPG", "a", id="folders"),
        pytest.param("train\\x\\a.tif", "a", id="folders of Windows"),
        pytest.param("a", "a", id="no ending"),
        pytest.param("S2.2020.01", "S2.2020.01", id="dots"),
        pytest.param("./a.png", "a", id="here"),
    ],
)
def test_a_scene_is_known_by_its_file_name(name, expected):
    assert scene_id_of(name) == expected


@pytest.mark.parametrize("name", ["", "..", "../a.png", "x/../../a.png", "/a.png", "C:\\a.png"])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(LabelError, match="no file name inside the folder"):
        scene_id_of(name)


def test_an_unknown_image_names_the_nearest(folder):
    with pytest.raises(LabelError, match=r"no image 'metre\.tif'.*Did you mean 'metres'"):
        ImageFolder(folder).find("metre.tif")


def test_two_images_of_one_name(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x/sub").mkdir()
    shutil.copy(folder / "metres.tif", tmp_path / "x/sub/metres.tif")
    with pytest.raises(SceneError, match="Two images have the name 'metres'"):
        ImageFolder(tmp_path / "x").find("degrees")


def test_an_image_without_a_place_needs_a_resolution(folder):
    with pytest.raises(SceneError, match=r"placeless\.png.*--resolution-m"):
        ImageFolder(folder).find("placeless")
    image = ImageFolder(folder, 0.3).find("placeless")
    assert not image.has_place
    assert geo.resolution_m(image.grid) == pytest.approx(0.3)
    assert ImageFolder(folder).find("placeless", resolution_m=0.2).grid.affine.a == 0.2


def test_a_made_up_place_is_the_same_each_time_and_apart_from_others():
    places = {
        nowhere(f"image_{number}", (100, 100), 0.3).extent.boundingbox for number in range(300)
    }
    assert len(places) == 300
    assert nowhere("a", (5, 5), 1.0) == nowhere("a", (5, 5), 1.0)
