"""The page of a catalogue: what it says is so, and it needs nothing beside itself."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from factory_core.catalogue import stage
from factory_core.catalogue.explore.findings import find_imbalances
from factory_core.catalogue.explore.maps import draw_maps, legend
from factory_core.catalogue.explore.page import render_page, write_page
from factory_core.catalogue.explore.read import Collection, read_collection
from factory_core.catalogue.explore.tables import cross_contexts, describe_contexts, list_classes
from factory_core.catalogue.explore.words import counted, listed, percent
from factory_core.kernel import io
from factory_core.kernel.errors import OutputError, SceneError

GSD = 0.5


def collect(scenes, labels=(), *, classes=(), hashes=None, side_deg=0.001, places=None):
    """A collection of scenes (a mapping of contexts each) and labels (class path, scene number)."""
    names = [f"scene_{number}" for number in range(len(scenes))]
    frame = pd.DataFrame(list(scenes), index=pd.Index(names, name="id"))
    frame = frame.astype({name: float for name in frame if name != "taken"})
    contexts = tuple(name for name in frame if name != "taken")
    table = pd.DataFrame(
        [{"class_path": path, "scene_id": names[number]} for path, number in labels],
        columns=["class_path", "scene_id"],
    )
    for name, value in {
        "length_m": 10.0,
        "area_m2": 40.0,
        "aspect": 2.5,
        "neighbour_m": 3.0,
    }.items():
        table[name] = value
    table["length_px"] = table["length_m"] / GSD
    table["leaf"] = table["class_path"].astype(object).str.split("/").str[-1]
    count = table["scene_id"].value_counts().reindex(names, fill_value=0)
    places = [(15 + 2 * side_deg * i, 48) for i in range(len(names))] if places is None else places
    given = {"gsd": GSD, "area_km2": 0.01, "labels_count": count, "labels_per_km2": count / 0.01}
    frame = frame.assign(**given, bands=None, assets=None, image_hash=hashes)
    if "taken" not in frame:
        frame["taken"] = pd.Timestamp("2024-06-01", tz="UTC")
    outlines = [box(x, y, x + side_deg, y + side_deg) for x, y in places]
    return Collection(
        gpd.GeoDataFrame(frame, geometry=outlines, crs="EPSG:4326"), table, contexts, tuple(classes)
    )


CARS = [("vehicle/car", number % 4) for number in range(80)]
TRUCKS = [("vehicle/truck", number % 4) for number in range(60)]


def said(collection):
    return "\n".join(find_imbalances(collection))


def even(count=4, **contexts):
    return [contexts] * count


@pytest.mark.parametrize(
    ("collection", "sentence"),
    [
        pytest.param(
            collect(even(), [*CARS * 5, *TRUCKS]), "87 % of all labels are car.", id="one rules"
        ),
        pytest.param(
            collect(even(), [*CARS, *TRUCKS[:3]]),
            "1 class has fewer than 20 labels: truck (3).",
            id="few",
        ),
        pytest.param(
            collect(even(), CARS, classes=["bus", "tram"]),
            "No label at all: bus and tram.",
            id="no",
        ),
        pytest.param(
            collect(even(), [*CARS, *[("vehicle/bus", 2)] * 30]),
            "In one scene only: bus.",
            id="one scene",
        ),
        pytest.param(
            collect(even(20), [("car", 0)] * 50 + [("car", n) for n in range(20)]),
            "1 of 20 scenes holds half of all labels.",
            id="crowded",
        ),
        pytest.param(collect(even(6), CARS), "2 of 6 scenes have no label", id="empty scenes"),
        pytest.param(collect(even(1), [("car", 0)]), "There is one scene", id="one"),
        pytest.param(collect(even(3)), "There is no label", id="no label"),
        pytest.param(
            collect(
                [{"snow": 0.9}, {"snow": 0.0}],
                [*[("car", 0)] * 30, *[("car", 1)] * 30] + [("bus", 1)] * 30,
            ),
            "No bus is seen under snow (1 of 2 scenes).",
            id="class and context",
        ),
        pytest.param(
            collect([{"snow": 0.9}, {"snow": 0.0}], [("car", 1)] * 30),
            "Nothing labelled is seen under snow (1 of 2 scenes).",
            id="context without labels",
        ),
        pytest.param(
            collect(even(2, snow=0.0, haze=0.1), CARS[:2]),
            "Nothing at all was taken under snow or through haze.",
            id="never",
        ),
        pytest.param(
            collect(even(2, mud=0.2), CARS[:2]),
            "Nothing at all was taken where mud is above a half.",
            id="an own context",
        ),
        pytest.param(
            collect(even(2), CARS[:2], hashes=["ab", "ab"]),
            "Scenes that look alike: scene_0 and scene_1.",
            id="alike",
        ),
        pytest.param(
            collect(even(2, nodata_share=0.8), CARS[:2]), "2 scenes are more than half", id="hollow"
        ),
        pytest.param(
            collect(even(2, taken=pd.NaT), CARS[:2]), "The time of no scene is known", id="time"
        ),
    ],
)
def test_says(collection, sentence):
    assert sentence in said(collection).replace("\N{THIN SPACE}", " ")


@pytest.mark.parametrize(
    ("collection", "word"),
    [
        pytest.param(
            collect([{"snow": 0.9}, {"snow": 0.0}], [("car", 1)] * 30 + [("bus", 0)]),
            "bus is seen",
            id="one label may lie anywhere",
        ),
        pytest.param(collect(even(4, snow=np.nan), CARS), "snow", id="what is not known"),
        pytest.param(collect(even(), CARS), "labels are", id="a single class"),
    ],
)
def test_says_nothing_of(collection, word):
    assert word not in said(collection)


def test_says_nothing_where_nothing_stands_out():
    scenes = [{"snow": 0.9}, {"snow": 0.0}] * 2
    buses = [("vehicle/bus", number % 4) for number in range(70)]
    assert find_imbalances(collect(scenes, [*CARS, *TRUCKS, *buses])) == []


def test_small_objects_are_named():
    collection = collect(even(), CARS)
    collection.labels["length_px"] = 6.0
    assert "Half of all car are shorter than 6.0 pixels." in said(collection)


def test_classes_are_counted_at_every_level():
    rows = list_classes(collect(even(), [*CARS, *TRUCKS]))
    assert [(row["name"], row["level"], row["labels"], row["scenes"]) for row in rows] == [
        ("vehicle", 0, 140, 4),
        ("car", 1, 80, 4),
        ("truck", 1, 60, 4),
    ]


def test_contexts_show_what_is_known():
    collection = collect(
        [{"snow": 0.25, "relief_m": 10, "x": np.nan}, {"snow": np.nan, "relief_m": 30}]
    )
    snow, relief = describe_contexts(collection)
    assert (snow["title"], snow["median"], snow["unknown"]) == ("snow", "0.25", 1)
    assert (relief["title"], relief["low"], relief["high"]) == ("relief", "10 m", "30 m")


def test_classes_by_context_count_every_label_once():
    scenes = [{"snow": 0.0}, {"snow": 0.4}, {"snow": 0.9}, {"snow": 0.0}]
    (table,) = cross_contexts(collect(scenes, [*CARS, *TRUCKS]))
    assert [count for _, count in table["columns"]] == [2, 1, 1]
    rows = {name: [count for count, _ in cells] for name, cells in table["rows"]}
    assert rows == {"car": [40, 20, 20], "truck": [30, 15, 15]}


def test_contexts_that_are_alike_everywhere_are_not_crossed():
    assert cross_contexts(collect(even(4, snow=0.1, gsd_m=0.5), CARS)) == []


def test_every_scene_is_on_the_map():
    overview, places = draw_maps(collect(even(7), CARS).scenes)
    assert overview.svg.count("<title>") == 7
    assert places == []
    assert "scene_0: 20 labels, 2024-06-01" in overview.svg


def test_far_places_get_maps_of_their_own():
    places = [(15, 48), (15.002, 48), (20, 40), (-60, -10)]
    overview, maps = draw_maps(collect(even(4), CARS, places=places).scenes)
    assert overview.svg.count("<circle") == 4
    assert [one.svg.count("<polygon") for one in maps] == [2, 1, 1]
    assert maps[0].title.replace("\N{THIN SPACE}", " ").startswith("48.00° N 15.00° E: 2 scenes")


def test_the_legend_names_each_colour_that_is_used():
    assert [text for _, text in legend(collect(even(4)).scenes)] == ["no label"]
    assert len(legend(collect(even(6), CARS).scenes)) == 2


class Outside(HTMLParser):
    """Collects every address that a page would fetch, and its open elements."""

    def __init__(self):
        super().__init__()
        self.fetched, self.depth = [], []

    def handle_starttag(self, tag, attrs):
        found = {key: value for key, value in attrs if key in ("src", "href", "xlink:href")}
        self.fetched += [value for value in found.values() if not value.startswith(("data:", "#"))]
        if tag not in ("meta", "img", "path", "rect", "circle", "polygon", "br"):
            self.depth.append(tag)

    def handle_endtag(self, tag):
        if tag in self.depth:
            while self.depth.pop() != tag:
                pass


CASES = {
    "one scene": collect(even(1, snow=0.1), [("car", 0)]),
    "no label": collect(even(3, snow=0.1)),
    "nothing known": collect(even(2, snow=np.nan, taken=pd.NaT)),
    "many": collect(even(5, snow=0.1, relief_m=4), [*CARS, *TRUCKS]),
    "two at one place": collect(even(2), CARS[:2], places=[(1, 1), (1, 1)]),
}


@pytest.mark.parametrize("collection", CASES.values(), ids=CASES)
def test_the_page_needs_nothing_beside_itself(collection):
    html = render_page(collection, name="<b>&", raw=None)
    reader = Outside()
    reader.feed(html)
    assert reader.fetched == []
    assert reader.depth == []
    assert "url(" not in html
    assert "<script" not in html
    assert "&lt;b&gt;&amp;" in html
    assert not re.search(
        r"\bnan\b|\binf\b|None|NaT", re.sub(r"<style>.*</style>", "", html, flags=re.S)
    )


@pytest.mark.slow
def test_ten_thousand_scenes_fit_on_a_page():
    rng = np.random.default_rng(0)
    scenes = [{"snow": snow} for snow in rng.uniform(0, 1, 10_000)]
    labels = [("vehicle/car", int(number)) for number in rng.integers(0, 10_000, 5_000)]
    places = list(zip(rng.uniform(-120, 120, 10_000), rng.uniform(-50, 60, 10_000), strict=True))
    html = render_page(collect(scenes, labels, places=places), name="many", raw=None)
    assert html.count("<circle") >= 10_000
    assert len(html) < 4_000_000


@pytest.fixture
def catalogue(config, write_scene, tmp_path):
    """A catalogue of two scenes, one with a label."""
    write_scene("one", tags={"ACQUISITIONDATETIME": "2024-06-01T10:00:00Z"})
    write_scene("two", corner=(501_000, 5_400_000))
    labels = gpd.GeoDataFrame(
        {"label": ["car"]}, geometry=[box(500_010, 5_399_980, 500_014, 5_399_990)], crs="EPSG:32633"
    )
    (tmp_path / "raw" / "labels").mkdir()
    labels.to_parquet(tmp_path / "raw" / "labels" / "cars.parquet")
    stage.run(config, raw=tmp_path / "raw", out=tmp_path / "catalogue")
    return tmp_path / "catalogue"


def test_reads_what_the_stage_wrote(catalogue):
    collection = read_collection(catalogue)
    assert collection.contexts == ("snow", "vegetation", "haze", "brightness")
    assert collection.empty_classes == ("truck",)
    assert list(collection.scenes["labels_count"]) == [1, 0]
    assert collection.scenes["taken"].isna().tolist() == [False, True]
    assert collection.labels["length_px"].tolist() == pytest.approx([10.0], rel=0.01)


def test_takes_a_catalogue_without_any_label(config, catalogue, tmp_path):
    path = tmp_path / "raw" / "labels" / "cars.parquet"
    gpd.read_parquet(path).iloc[:0].to_parquet(path)
    stage.run(config, raw=tmp_path / "raw", out=catalogue)
    write_page(catalogue, out=tmp_path / "page.html")
    assert "no label yet" in (tmp_path / "page.html").read_text()


def test_writes_the_page_with_pictures_the_same_each_time(catalogue, tmp_path):
    for name in ("a", "b"):
        write_page(catalogue, out=tmp_path / f"{name}.html", raw=tmp_path / "raw")
    html = (tmp_path / "a.html").read_text()
    assert html.count("data:image/jpeg;base64,") == 2
    assert html == (tmp_path / "b.html").read_text()


def test_refuses_raw_data_without_the_scenes(catalogue, tmp_path):
    with pytest.raises(SceneError, match=r"one\.tif cannot be read"):
        write_page(catalogue, out=tmp_path / "a.html", raw=tmp_path / "elsewhere")
    assert not (tmp_path / "a.html").exists()


def test_refuses_a_catalogue_of_an_older_make(catalogue, tmp_path):
    table = io.read_table(catalogue / "scenes.parquet").drop(columns="labels_per_km2")
    io.write_table(table, catalogue / "scenes.parquet")
    with pytest.raises(OutputError, match=r"older version: it lacks labels_per_km2"):
        write_page(catalogue, out=tmp_path / "a.html")


def test_the_command_writes_the_page(catalogue, tmp_path):
    command = [sys.executable, "-m", "factory_core.cli", "explore"]
    paths = ["--catalogue", str(catalogue), "--out", str(tmp_path / "page.html")]
    subprocess.run([*command, *paths], check=True)
    assert "What stands out" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.0001, "1 %"), (0.5, "50 %"), (0.9999, "99 %"), (1.0, "100 %")],
)
def test_percent_never_rounds_something_away(share, text):
    assert percent(share).replace("\N{THIN SPACE}", " ") == text


def test_lists_are_said_as_people_do():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], last="or") == "a, b or c"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert (counted(1, "scene"), counted(2000, "scene")) == ("1 scene", "2\N{THIN SPACE}000 scenes")
