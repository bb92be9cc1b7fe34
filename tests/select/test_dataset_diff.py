"""What changed between two revisions of a real repository of Git and DVC."""

import re
import shutil
import subprocess
import sys

import geopandas as gpd
import pytest
from shapely.affinity import translate

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError
from factory_core.select import stage
from factory_core.select.dataset_diff import compare, dataset_diff, tables
from factory_core.select.revisions import Version, read_version

SCENES = {
    "a": (500_000, 5_400_000, 400, 40),
    "b": (505_000, 5_400_000, 400, 40),
    "gone": (510_000, 5_400_000, 300, 30),
}


def git(root, *command):
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *identity, *command], cwd=root, check=True, capture_output=True)


def dvc(root, *command):
    done = [sys.executable, "-m", "dvc", *command]
    subprocess.run(done, cwd=root, check=True, capture_output=True)


@pytest.fixture
def make(config, write_catalogue, tmp_path):
    """Make a catalogue and a selection under a root."""

    def make(root, scenes, *, edit=None, **fields):
        config.select.split.block_m = 80.0
        config.select.split.update(fields)
        shutil.rmtree(tmp_path / "catalogue", ignore_errors=True)
        catalogue = write_catalogue(scenes)
        if edit:
            frames = edit(dict(io.read_by_scene(catalogue / "labels.parquet")))
            io.write_by_scene(frames.values(), catalogue / "labels.parquet")
        stage.run(config, catalogue=catalogue, out=root / "data" / "selection")
        shutil.copytree(catalogue, root / "data" / "catalogue", dirs_exist_ok=True)

    return make


def edited(labels):
    """One label gone, one named anew, one drawn anew, one of a new class."""
    own = labels["a"].copy()
    own.loc[1, "label"] = "bus"
    shapes = own.geometry.tolist()
    shapes[2] = translate(shapes[2], 0.1, 0)
    extra = gpd.GeoDataFrame(
        {"label": ["bus"], "scene_id": "a"}, geometry=[translate(shapes[3], 3, 0)], crs=own.crs
    )
    own = gpd.GeoDataFrame(
        gpd.pd.concat([own.set_geometry(shapes).iloc[1:], extra], ignore_index=True), crs=own.crs
    )
    return labels | {"a": own}


LATER = {name: place for name, place in SCENES.items() if name != "gone"} | {
    "new": (520_000, 5_400_000, 300, 30)
}


def edited_tables(root, make, config):
    config.taxonomy.classes = ["car", "bus"]
    make(root / "one", SCENES)
    make(root / "two", LATER, edit=edited, test_scenes=["b"], test_share=0.0)
    return compare(read_version(root / "one", None), read_version(root / "two", None))


def test_counts_by_class_and_names_scenes(make, config, tmp_path):
    difference = edited_tables(tmp_path, make, config)
    found = tables(difference)
    assert difference.scenes.to_numpy().tolist() == [["gone", "removed"], ["new", "added"]]
    assert found["Scenes"][1] == ("scenes", "1", "1", "0", "2")
    # Of "a": one bus drawn, one car now a bus, one car moved, one car gone; 30 with each scene.
    assert found["Labels"][1:] == [
        ("bus", "0", "1", "0", "1", "2"),
        ("car", "110", "30", "31", "1", "108"),
    ]


def test_says_what_moved_to_another_split(make, config, tmp_path):
    difference = edited_tables(tmp_path, make, config)
    of_b = difference.moved[difference.moved["scene_id"] == "b"]
    assert set(of_b["after"]) == {"test"}
    assert {"train", "val"} <= set(of_b["before"])
    before = read_version(tmp_path / "one", None).blocks["b"]
    was_test = before.geometry[before["split"] == "test"].area.sum()
    assert of_b["area_m2"].sum() == pytest.approx(400 * 400 - was_test, rel=1e-3)


def test_the_same_is_no_difference(make, tmp_path):
    make(tmp_path / "one", SCENES)
    version = read_version(tmp_path / "one", None)
    difference = compare(version, version)
    assert not len(difference.scenes)
    assert not len(difference.labels)
    assert not len(difference.moved)


def test_a_scene_with_other_pixels_has_changed(make, tmp_path):
    make(tmp_path / "one", SCENES)
    version = read_version(tmp_path / "one", None)
    old = version.scenes.assign(image_hash="00" * 8)
    new = old.assign(image_hash=["00" * 8, "ff" * 8, None])
    difference = compare(
        Version("1", old, version.labels, {}), Version("2", new, version.labels, {})
    )
    assert difference.scenes.to_numpy().tolist() == [["b", "changed"], ["gone", "changed"]]


def test_refuses_a_workspace_without_data(tmp_path):
    with pytest.raises(OutputError, match=r"scenes\.parquet is not in the workspace.*`dvc pull`"):
        read_version(tmp_path, None)


@pytest.mark.slow
def test_between_revisions_of_a_repository(make, config, tmp_path, capsys):
    root = tmp_path / "detector"
    root.mkdir()
    git(root, "init", "-q")
    dvc(root, "init", "-q")
    dvc(root, "remote", "add", "-d", "team", str(tmp_path / "remote"))
    config.taxonomy.classes = ["car", "bus"]
    for tag, scenes, edit in (("v1", SCENES, None), ("v2", LATER, edited)):
        make(root, scenes, edit=edit)
        dvc(root, "add", "-q", "data/catalogue", "data/selection")
        git(root, "add", "--all")
        git(root, "commit", "-q", "-m", tag)
        git(root, "tag", tag)
    dvc(root, "push", "-q")
    out = tmp_path / "diff.html"
    dataset_diff("v1", "v2", root=root, out=out)
    printed = capsys.readouterr().out
    assert re.search(r"car\D+110\D+30\D+31\D+1\D+108", printed)
    page = out.read_text()
    assert "Dataset: v1 to v2" in page
    assert "gone: removed" in page
    assert "a: bus added" in page
    assert "<script" not in page

    dataset_diff("v2", None, root=root)
    assert "Labels" in capsys.readouterr().out

    shutil.rmtree(root / ".dvc" / "cache")
    fetched = read_version(root, "v2")  # pushed: from the remote
    assert sorted(fetched.scenes.index) == ["a", "b", "new"]
    with pytest.raises(OutputError, match=r"'v1'.*`dvc fetch --all-commits`"):
        read_version(root, "v1")
    with pytest.raises(OutputError, match="There is no revision 'v9'"):
        read_version(root, "v9")


@pytest.mark.slow
def test_refuses_a_folder_that_is_no_repository(tmp_path):
    with pytest.raises(OutputError, match="no repository of Git and DVC"):
        read_version(tmp_path, "main")
