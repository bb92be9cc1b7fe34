"""Splits that never cut a scene: by scene, sequence, date and file."""

from datetime import UTC, datetime

import geopandas as gpd
import pytest
from shapely.geometry import box

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SelectionError
from factory_core.select.areas import settle_twins
from factory_core.select.dates import Dates
from factory_core.select.given_file import GivenFile
from factory_core.select.units import Pool
from factory_core.select.whole_scenes import Sequences, WholeScenes

PART = "factory_core.select."


def outlines(*names, step_m=1000):
    return {
        name: gpd.GeoSeries(
            [box(500_000 + n * step_m, 5_400_000, 500_100 + n * step_m, 5_400_100)],
            crs="EPSG:32633",
        )
        for n, name in enumerate(names)
    }


def together(units):
    return sorted(sorted(unit.pieces) for unit in units)


def test_scenes_that_overlap_or_look_alike_go_together():
    shapes = outlines("a", "b", "c", "d") | {"over_a": outlines("x")["x"].translate(50)}
    assert together(WholeScenes()(Pool(shapes, twins=[("c", "d")]))) == [
        ["a", "over_a"],
        ["b"],
        ["c", "d"],
    ]
    assert together(WholeScenes(gap_m=950)(Pool(outlines("a", "b")))) == [["a", "b"]]


def test_a_name_takes_what_goes_with_it():
    shapes = outlines("a", "b") | {"over_a": outlines("x")["x"].translate(50)}
    units = {tuple(sorted(u.pieces)): u for u in WholeScenes(test_scenes=("a",))(Pool(shapes))}
    assert (units["a", "over_a"].split, units["b",].split) == ("test", "")
    with pytest.raises(SelectionError, match=r"a \(test\), over_a \(val\) overlap"):
        WholeScenes(test_scenes=("a",), val_scenes=("over_a",))(Pool(shapes))


def test_frames_of_a_sequence_go_together():
    names = ["StuttgartCross01-MOS1", "StuttgartCross01-MOS2", "Munich05-MOS1", "Munich05-MOS42"]
    assert together(Sequences()(Pool(outlines(*names)))) == [sorted(names[2:]), sorted(names[:2])]
    wider = Sequences(pattern="^([A-Z][a-z]+)")
    assert together(wider(Pool(outlines("MunichA-1", "MunichB-2", "Ulm-1")))) == [
        ["MunichA-1", "MunichB-2"],
        ["Ulm-1"],
    ]
    with pytest.raises(SelectionError, match="finds no sequence in the name of the scene 'plain'"):
        Sequences()(Pool(outlines("plain", "a-1")))


NAMES = [f"s{year}" for year in range(2015, 2025)]
TIMES = {name: datetime(int(name[1:]), 6, 1, 12, tzinfo=UTC) for name in NAMES}


def splits(part, names=NAMES, times=TIMES, **given):
    units = part(Pool(outlines(*names), times, **given))
    return {name: unit.split for unit in units for name in unit.pieces}


def test_dates_by_share_and_by_range():
    by_share = splits(Dates(val_share=0.2, test_share=0.3))
    assert [n for n, s in by_share.items() if s == "test"] == NAMES[-3:]
    assert [n for n, s in by_share.items() if s == "val"] == NAMES[-5:-3]
    part = Dates(val_dates=("2015-01-01/2016-06-01",), test_dates=("2020-06-01/2020-06-01",))
    by_range = splits(part)
    assert [n for n, s in by_range.items() if s == "val"] == ["s2015", "s2016"]
    assert [n for n, s in by_range.items() if s == "test"] == ["s2020"]


def test_scenes_of_one_instant_are_not_parted():
    times = dict.fromkeys(NAMES, TIMES["s2015"]) | {"s2024": TIMES["s2024"]}
    found = splits(Dates(val_share=0.3, test_share=0.3), times=times)
    assert {found[name] for name in NAMES[:-1]} == {"train"}
    assert found["s2024"] in ("val", "test")


def test_a_twin_of_a_later_date_is_left_out():
    pool = Pool(outlines(*NAMES), TIMES, twins=[("s2015", "s2024")])
    units = settle_twins(Dates()(pool), pool.twins)
    (left,) = [unit for unit in units if not unit.split]
    assert (list(left.pieces), left.reason) == (["s2015"], "looks like s2024, which is in test")


def test_dates_need_times():
    with pytest.raises(SelectionError, match=r"1 of 10 scenes do not tell.*s2017"):
        splits(Dates(), times=TIMES | {"s2017": None})


@pytest.mark.parametrize(
    ("target", "fields", "message"),
    [
        ("dates.Dates", {"val_dates": ["2020"]}, "two days joined by a slash"),
        ("dates.Dates", {"val_dates": ["2020-01-01/soon"]}, "'2020-01-01/soon'"),
        ("dates.Dates", {"val_dates": ["2021-01-01/2020-01-01"]}, "ends before it begins"),
        (
            "dates.Dates",
            {"val_dates": ["2020-01-01/2020-05-01"], "test_dates": ["2020-05-01/2020-06-01"]},
            "overlap",
        ),
        ("dates.Dates", {"test_share": 1.0}, "leave something to train"),
        ("whole_scenes.WholeScenes", {"gap_m": -1.0}, "`gap_m` must be at least 0"),
        ("whole_scenes.Sequences", {"pattern": "("}, "no regular expression"),
        ("whole_scenes.Sequences", {"pattern": "abc"}, "must have a group"),
        ("given_file.GivenFile", {}, "lacks the field"),
    ],
)
def test_refuses_fields(target, fields, message):
    with pytest.raises(ConfigError, match=rf"`select\.split` .*{message}"):
        build({"_target_": PART + target, **fields}, where="select.split")


def write(folder, name, text):
    (folder / name).write_text(text)
    return GivenFile(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", "scene_id,split\ns2015,test\ns2016,train\n"),
        ("s.json", '{"s2015": "test", "s2016": "train"}'),
        (
            "s.json",
            '[{"scene_id": "s2015", "split": "test"}, {"scene_id": "s2016", "split": "train"}]',
        ),
    ],
)
def test_a_given_file_decides(tmp_path, name, text):
    found = splits(write(tmp_path, name, text), known=NAMES, files=tmp_path)
    assert (found["s2015"], found["s2016"], found["s2017"]) == ("test", "train", "")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.csv", "scene_id,split\ns2105,test\n", "row 1: there is no scene 's2105'.*'s2015'"),
        ("s.csv", "scene_id,split\ns2015,tset\n", "row 1: 'tset' is no split. Did you mean 'test'"),
        ("s.csv", "scene_id,split\ns2015,test\ns2015,val\n", "row 2: .* stands there twice"),
        ("s.csv", "scene_id,split\n", "names no scene"),
        ("s.csv", "", "cannot be read"),
        ("s.csv", "scene,part\na,b\n", "must have the columns.*It has: scene, part"),
        ("s.json", "{", "cannot be read"),
        ("s.json", "3", "cannot be read"),
        ("s.parquet", "no parquet", "cannot be read"),
        ("s.txt", "", "has the ending '.txt'"),
    ],
)
def test_refuses_a_bad_file(tmp_path, name, text, message):
    part = write(tmp_path, name, text)
    with pytest.raises(SelectionError, match=message):
        splits(part, known=NAMES, files=tmp_path)


def test_names_the_nearest_file(tmp_path):
    write(tmp_path, "splits.csv", "")
    with pytest.raises(SelectionError, match=r"split\.csv.*Did you mean 'splits.csv'"):
        splits(GivenFile("split.csv"), files=tmp_path)
