"""SpaceNet as it is shared: names of products, empty scenes, roads."""

import json

import numpy as np
import pytest
from PIL import Image

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger, to_pixels
from factory_core.sources.formats.spacenet_csv import SpaceNetCsv
from factory_core.sources.formats.spacenet_geojson import SpaceNetGeoJson
from factory_core.sources.images import ImageFolder
from factory_core.sources.spacenet_names import find_image

NAMES = ("RGB-PanSharpen_AOI_2_Vegas_img1", "RGB-PanSharpen_AOI_2_Vegas_img11", "AOI_3_Paris_img1")
PIXELS = "POLYGON ((10 10 0, 20 10 0, 20 20 0, 10 20 0, 10 10 0))"
HEADER = "ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo"


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images").mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((30, 40), "uint8")).save(tmp_path / "images" / f"{name}.png")
    return ImageFolder(tmp_path / "images", 0.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("AOI_2_Vegas_img1", NAMES[0], id="image id"),
        pytest.param("buildings_AOI_2_Vegas_img11.geojson", NAMES[1], id="labels, and no prefix"),
        pytest.param("SN2_buildings_train_AOI_2_Vegas_PS-RGB_img1.tif", NAMES[0], id="product"),
        pytest.param("AOI_3_Paris_img1", NAMES[2], id="another area"),
    ],
)
def test_finds_the_image_of_a_name(images, name, expected):
    assert find_image(name, images).scene_id == expected


@pytest.mark.parametrize("name", ["AOI_2_Vegas_img2", "AOI_4_Shanghai_img1", "img1"])
def test_never_takes_another_place(images, name):
    with pytest.raises(LabelError, match="no image"):
        find_image(name, images)


def test_refuses_to_choose_between_products(images):
    other = images.folder / "MUL_AOI_2_Vegas_img1.png"
    Image.fromarray(np.zeros((30, 40), "uint8")).save(other)
    with pytest.raises(LabelError, match=r"may mean several images: MUL_.*RGB"):
        find_image("AOI_2_Vegas_img1", ImageFolder(images.folder, 0.5))


def test_reads_buildings_and_empty_scenes(images, tmp_path):
    rows = [
        HEADER,
        f'AOI_2_Vegas_img1,1,"{PIXELS}","{PIXELS}"',
        "AOI_2_Vegas_img11,-1,POLYGON EMPTY,POLYGON EMPTY",
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    found = SpaceNetCsv().read(tmp_path / "a.csv", images=images, ledger=Ledger())
    assert sorted(found.images) == sorted(NAMES[:2])
    (frame,) = found.labels.values()
    assert list(frame["label"]) == ["building"]
    (shape,) = to_pixels(frame, grid=found.images[NAMES[0]].grid)
    assert shape.bounds == pytest.approx((10, 10, 20, 20))


def test_reads_roads(images, tmp_path):
    rows = [
        "ImageId,WKT_Pix,length_m",
        'AOI_2_Vegas_img1,"LINESTRING (1 1, 20 20)",9.5',
        "AOI_2_Vegas_img11,LINESTRING EMPTY,0",
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    found = SpaceNetCsv().read(tmp_path / "a.csv", images=images, ledger=Ledger())
    (frame,) = found.labels.values()
    assert list(frame["label"]) == ["road"]
    assert len(found.images) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param('AOI_2_Vegas_img1,2,"POLYGON ((1 1, 2",""', "line 3: .*no WKT", id="cut off"),
        pytest.param(f'AOI_2_Vegas_img9,2,"{PIXELS}",', "line 3: .*no image", id="no image"),
        pytest.param(f'../AOI_2_Vegas_img1,2,"{PIXELS}",', "line 3: .*no file name", id="climbs"),
        pytest.param(f'AOI_2_Vegas_img1,1,"{PIXELS}",', "building 1 .*stands twice", id="id twice"),
        pytest.param(
            f'AOI_2_Vegas_img1,2,"{PIXELS.replace("20 ", "900 ").replace("10 ", "800 ")}",',
            "line 3: .*outside its image",
            id="outside",
        ),
        pytest.param(
            'AOI_2_Vegas_img1,2,"POLYGON ((1 1, 9 1, 1 9, 9 9, 1 1))",',
            "line 3: .*Self-intersection",
            id="crossing itself",
        ),
        pytest.param("AOI_2_Vegas_img1,2", "line 3: 2 fields under 4", id="too few fields"),
    ],
)
def test_bad_rows_are_refused_by_their_line(images, tmp_path, row, message):
    good = f'AOI_2_Vegas_img1,1,"{PIXELS}",'
    (tmp_path / "a.csv").write_text("\n".join([HEADER, good, row]))
    with pytest.raises(LabelError, match=message):
        SpaceNetCsv().read(tmp_path / "a.csv", images=images, ledger=Ledger())


def test_two_files_for_one_image_are_refused(images, tmp_path):
    empty = json.dumps({"type": "FeatureCollection", "features": []})
    for name in ("buildings_AOI_2_Vegas_img1", "AOI_2_Vegas_img1"):
        (tmp_path / f"{name}.geojson").write_text(empty)
    with pytest.raises(LabelError, match="another file has told"):
        SpaceNetGeoJson().read(tmp_path, images=images, ledger=Ledger())
