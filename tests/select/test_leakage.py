"""The independent check that splits share no ground."""

import geopandas as gpd
import pytest
from shapely.geometry import box

from factory_core.kernel.errors import LeakError
from factory_core.select.leakage import find_overlaps, refuse_leaks

CRS = "EPSG:32633"


def blocks(scene_id, split, *bounds, crs=CRS):
    return gpd.GeoDataFrame(
        {"scene_id": [scene_id], "split": [split]}, geometry=[box(*bounds)], crs=crs
    )


TRAIN = blocks("a", "train", 0, 0, 9, 9)


@pytest.mark.parametrize(
    ("frames", "expected_m2"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([TRAIN, blocks("b", "test", 9, 0, 20, 9)], [], id="touch"),
        pytest.param([TRAIN, blocks("b", "train", 0, 0, 9, 9)], [], id="one split"),
        pytest.param([TRAIN, blocks("b", "", 0, 0, 9, 9)], [], id="left out"),
        pytest.param([TRAIN, blocks("b", "test", 8, 0, 20, 9)], [9], id="one metre"),
        pytest.param(
            [
                TRAIN,
                blocks("b", "test", 8, 0, 20, 9),
                blocks("c", "val", 0, 0, 4, 5),
            ],
            [20, 9],
            id="two pairs, the larger first",
        ),
    ],
)
def test_measures_what_splits_share(frames, expected_m2):
    found = [
        gpd.GeoDataFrame(frame.assign(geometry=frame.translate(500_000, 5_400_000)), crs=CRS)
        for frame in frames
    ]
    assert [o.area_m2 for o in find_overlaps(found)] == pytest.approx(expected_m2)


def test_sees_it_within_one_scene():
    both = gpd.pd.concat(
        [blocks("a", "train", 500_000, 0, 500_009, 9), blocks("a", "test", 500_005, 0, 500_020, 9)]
    )
    assert [o.area_m2 for o in find_overlaps([both])] == pytest.approx([36])


def test_sees_it_across_zones():
    one = blocks("a", "train", 500_000, 5_400_000, 500_300, 5_400_300)
    moved = one.to_crs("EPSG:32632").assign(scene_id="b", split="test")
    ((first, second),) = [(o.first, o.second) for o in find_overlaps([one, moved])]
    assert (first, second) == (("a", "train"), ("b", "test"))


def moved(scene_id, split, *bounds):
    """Blocks of a scene at a place where metres are metres."""
    return blocks(scene_id, split, *(v + (500_000, 5_400_000)[n % 2] for n, v in enumerate(bounds)))


def test_names_the_pair_and_draws_the_map(tmp_path):
    frames = {"a": moved("a", "train", 0, 0, 90, 90), "b": moved("b", "test", 80, 0, 200, 90)}
    drawn = tmp_path / "selection.leak.html"
    with pytest.raises(LeakError, match=r"a \(train\) and b \(test\): 900 m2.*leak\.html"):
        refuse_leaks(frames, [], map_file=drawn)
    page = drawn.read_text()
    assert page.count("<path") == 3
    assert "a (train)</td><td>b (test)</td><td>900 m²" in page
    assert "http" not in page


def test_names_scenes_that_look_alike(tmp_path):
    frames = {"a": moved("a", "train", 0, 0, 90, 90), "b": moved("b", "test", 900, 0, 990, 90)}
    with pytest.raises(LeakError, match=r"a \(train\) and b \(test\): they look alike"):
        refuse_leaks(frames, [("a", "b")], map_file=tmp_path / "map.html")


def test_an_old_map_goes_with_the_leak(tmp_path):
    drawn = tmp_path / "map.html"
    drawn.write_text("of yesterday")
    refuse_leaks({"a": moved("a", "train", 0, 0, 90, 90)}, [], map_file=drawn)
    assert not drawn.exists()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b"])
def test_names_cannot_break_the_page(tmp_path, name):
    frames = {name: moved(name, "train", 0, 0, 90, 90), "b": moved("b", "val", 80, 0, 200, 90)}
    with pytest.raises(LeakError):
        refuse_leaks(frames, [], map_file=tmp_path / "map.html")
    assert name not in (tmp_path / "map.html").read_text()
