"""The files of the scenes: which are scenes, and what belongs to them."""

import pytest

from factory_core.catalogue.sources import find_scenes
from factory_core.kernel.errors import ConfigError, SceneError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_refuses_two_scenes_of_one_name(tmp_path):
    touch(tmp_path, "one.tif", "more/one.tif")
    with pytest.raises(SceneError, match=r"Two scenes have the name 'one'.*one\.tif"):
        find_scenes(tmp_path, "**/*.tif")


def test_names_the_pattern_that_no_file_matches(tmp_path):
    with pytest.raises(SceneError, match=r"`catalogue\.scenes` \(scenes/\*\)"):
        find_scenes(tmp_path, "scenes/*")


def test_companions_are_no_scenes(tmp_path):
    touch(tmp_path, "a.tif", "a_PAN.tif", "b.tif", "c_PAN.tif")
    found = find_scenes(tmp_path, "*.tif", companions={"pan": "{scene_id}_PAN.tif"})
    assert list(found) == ["a", "b", "c_PAN"]
    assert found["a"].companions == {"pan": tmp_path / "a_PAN.tif"}
    assert found["b"].companions == {}


def test_companions_may_lie_in_another_folder_under_the_same_name(tmp_path):
    touch(tmp_path, "ms/a.tif", "pan/a.tif")
    found = find_scenes(tmp_path, "ms/*.tif", companions={"pan": "../pan/{scene_id}.tif"})
    assert found["a"].companions["pan"].resolve() == tmp_path / "pan" / "a.tif"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        pytest.param("pan", "pan.tif", id="no scene_id"),
        pytest.param("pan", "{scene}_PAN.tif", id="another field"),
        pytest.param("pan", "{scene_id.path}", id="an attribute"),
        pytest.param("pan", "{scene_id", id="open brace"),
        pytest.param("pan", "/etc/{scene_id}", id="absolute"),
        pytest.param("image", "{scene_id}_PAN.tif", id="the scene itself"),
    ],
)
def test_refuses_patterns_that_no_companion_has(tmp_path, name, pattern):
    touch(tmp_path, "a.tif")
    with pytest.raises(ConfigError, match=rf"`catalogue\.companions\.{name}`"):
        find_scenes(tmp_path, "*.tif", companions={name: pattern})


def test_sidecars_belong_to_the_scene_of_their_name(tmp_path):
    names = ["a.tif", "a.json", "a.IMD", "a.xml", "a.tif.aux.xml", "a.tif.ovr", "ab.tif", "ab.json"]
    touch(tmp_path, *names)
    found = find_scenes(tmp_path, "*")
    assert list(found) == ["a", "ab"]
    assert [file.name for file in found["a"].sidecars] == ["a.json", "a.xml", "a.IMD"]
    assert {file.name for file in found["a"].files} == set(names[:6])
    assert {file.name for file in found["ab"].files} == {"ab.tif", "ab.json"}


def test_dimap_names_its_pieces_after_the_product(tmp_path):
    touch(tmp_path, "IMG_PHR1A_P_001_R1C1.tif", "DIM_PHR1A_P_001.XML", "RPC_PHR1A_P_001.XML")
    (source,) = find_scenes(tmp_path, "*.tif").values()
    assert [file.name for file in source.sidecars] == ["DIM_PHR1A_P_001.XML"]
