"""Importing and exporting: whole or not at all, twice the same, and what the catalogue takes."""

import json
import shutil
import sys
import zipfile
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from omegaconf import OmegaConf
from PIL import Image
from shapely.geometry import LineString, box

from factory_core import cli
from factory_core.catalogue import stage
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, LabelError, OutputError, SceneError
from factory_core.kernel.geo import footprint
from factory_core.sources import deposit
from factory_core.sources.annotations import to_pixels
from factory_core.sources.exchange import Request, import_labels, told_import
from factory_core.sources.export import export_labels
from factory_core.sources.images import ImageFolder
from tests.contract.exchange import WIDTH, write_images

BOX = [10.0, 8.0, 20.0, 12.0]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def source(tmp_path, pictures):
    """A folder with images and COCO labels, and how to change one of these."""
    folder = tmp_path / "source"
    shutil.copytree(pictures, folder)
    endings = {path.stem: path.name for path in folder.iterdir()}

    def write(names=("metres", "degrees", "placeless"), *, label="car", **further):
        content = {
            "images": [{"id": i, "file_name": endings[name]} for i, name in enumerate(names)],
            "categories": [{"id": 1, "name": label}],
            "annotations": [
                {"id": i, "image_id": i, "category_id": 1, "bbox": BOX, **further}
                for i in range(len(names))
            ],
        }
        path = folder / "labels.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "raw"


def request(path, **given):
    return Request("coco", str(path), **{"resolution_m": 0.5, **given})


def state(folder):
    """Every file with its content and time of change."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_scenes_and_labels_are_what_the_catalogue_takes(source, raw, tmp_path):
    receipt = import_labels(request(source()), raw=raw)
    assert receipt["labels"] == {"car": 3}
    assert receipt["images at a made-up place"] == 1
    config = OmegaConf.create(
        {
            "taxonomy": {"classes": ["vehicle/car"], "level": 1},
            "catalogue": OmegaConf.load("factory_core/conf/factory.yaml").catalogue,
            "fingerprint": {"catalogue": ""},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        }
    )
    config.catalogue.contexts = {}
    stage.run(config, raw=raw, out=tmp_path / "catalogue")
    placed = dict(io.read_by_scene(tmp_path / "catalogue/labels.parquet"))
    assert set(placed) == {"metres", "degrees", "placeless"}
    assert placed["metres"].geometry.iloc[0].area == pytest.approx(20 * 12 * 0.5**2)


def test_a_georeferenced_tiff_is_copied_with_what_lies_beside_it(source, raw, pictures):
    path = source()
    (path.parent / "metres.tif.aux.xml").write_text("<PAMDataset/>")
    import_labels(request(path), raw=raw)
    scenes = raw / "scenes"
    assert (scenes / "metres.tif").read_bytes() == (pictures / "metres.tif").read_bytes()
    assert (scenes / "metres.tif.aux.xml").is_file()


def test_an_image_without_a_place_is_put_at_one_and_says_so(source, raw, pictures):
    import_labels(request(source()), raw=raw)
    scene = raw / "scenes/placeless.tif"
    assert io.read_tags(scene)["PLACE"].startswith("made up")
    np.testing.assert_array_equal(
        io.read_pixels(scene), np.array(Image.open(pictures / "placeless.png")).transpose(2, 0, 1)
    )
    raster = io.open_raster(scene)
    assert str(raster.geobox.crs) == "EPSG:32631"
    assert raster.geobox.affine.a == 0.5


def test_a_placed_image_of_another_kind_is_converted(source, raw):
    """As Banepa's chips: JPEG streams that are called .tif, placed by a file beside them."""
    path = source(("metres",))
    image = path.parent / "metres.tif"
    before = io.read_pixels(image)
    with rasterio.open(image) as dataset:
        crs, affine = dataset.crs, dataset.transform
    image.unlink()
    with rasterio.open(
        image, "w", driver="PNG", width=80, height=60, count=3, dtype="uint8",
        crs=crs, transform=affine,
    ) as sink:  # fmt: skip
        sink.write(before)
    import_labels(request(path), raw=raw)
    scene = raw / "scenes/metres.tif"
    assert scene.read_bytes()[:4] in deposit.TIFF_STARTS
    np.testing.assert_array_equal(io.read_pixels(scene), before)
    assert io.read_grid(scene) == ((60, 80), str(crs), affine)
    assert "PLACE" not in io.read_tags(scene)


def test_the_same_import_twice_changes_nothing(source, raw):
    path = source()
    import_labels(request(path), raw=raw)
    before = state(raw)
    receipt = import_labels(request(path), raw=raw)
    assert state(raw) == before
    assert receipt["scenes already there"] == 3


def test_an_image_without_a_place_asks_for_its_resolution(source, raw):
    with pytest.raises(SceneError, match=r"labels\.json, image 2.*--resolution-m"):
        import_labels(request(source(), resolution_m=None), raw=raw)
    assert not raw.exists()


def test_another_scene_of_the_same_name_is_refused(source, raw):
    path = source()
    import_labels(request(path), raw=raw)
    before = state(raw)
    for name in ("metres.tif", "placeless.png"):
        kept = (path.parent / name).read_bytes()
        pixels = np.zeros((60, 80, 3), "uint8")
        if name.endswith("png"):
            Image.fromarray(pixels).save(path.parent / name)
        else:
            with rasterio.open(path.parent / name, "r+") as dataset:
                dataset.write(pixels.transpose(2, 0, 1))
        with pytest.raises(SceneError, match=f"another scene '{name.split('.')[0]}'"):
            import_labels(request(path, name="second"), raw=raw)
        (path.parent / name).write_bytes(kept)
        assert state(raw) == before


def test_a_second_set_of_labels_joins_the_first(source, raw):
    import_labels(request(source()), raw=raw)
    import_labels(request(source(("metres", "empty"), label="tree"), name="trees"), raw=raw)
    assert {path.name for path in (raw / "labels").iterdir()} == {"labels.parquet", "trees.parquet"}
    assert len(list((raw / "scenes").iterdir())) == 4


def test_corrected_labels_come_back_onto_the_same_scenes(source, raw, tmp_path):
    import_labels(request(source(), name="cars"), raw=raw)
    scenes = state(raw / "scenes")
    list(export_labels("coco", raw=raw, out=tmp_path / "annotator/cars.json"))
    corrected = json.loads((tmp_path / "annotator/cars.json").read_text())
    corrected["annotations"] = corrected["annotations"][1:]
    path = tmp_path / "annotator/corrected.json"
    path.write_text(json.dumps(corrected))
    with pytest.raises(OutputError, match="--replace"):
        import_labels(request(path, name="cars"), raw=raw)
    receipt = import_labels(request(path, name="cars", replace=True), raw=raw)
    assert receipt["labels"] == {"car": 2}
    assert state(raw / "scenes") == scenes
    assert len(gpd.read_parquet(raw / "labels/cars.parquet")) == 2


def test_kinds_of_geometry_get_a_file_each_and_are_replaced_together(raw, pictures, tmp_path):
    images = ImageFolder(pictures, 0.5).all()
    grid = images["metres"].grid
    shapes = [
        LineString([(500_005, 5_399_995), (500_010, 5_399_990)]),
        box(*grid.extent.boundingbox),
    ]
    both = gpd.GeoDataFrame({"label": ["road", "field"]}, geometry=shapes, crs="EPSG:32633")
    both.to_file(tmp_path / "land.geojson", driver="GeoJSON")
    given = {"images": pictures, "resolution_m": 0.5}
    import_labels(Request("geojson", str(tmp_path / "land.geojson"), **given), raw=raw)
    names = {path.name for path in (raw / "labels").iterdir()}
    assert names == {"land_lines.parquet", "land_polygons.parquet"}
    (tmp_path / "land.geojson").unlink()
    both[:1].to_file(tmp_path / "land.geojson", driver="GeoJSON")
    again = Request("geojson", str(tmp_path / "land.geojson"), replace=True, **given)
    import_labels(again, raw=raw)
    assert {path.name for path in (raw / "labels").iterdir()} == {"land.parquet"}


def test_labels_by_location_bring_the_images_that_are_named(raw, pictures, tmp_path):
    image = ImageFolder(pictures).find("metres")
    ground = gpd.GeoSeries([footprint(image.grid)], crs=str(image.grid.crs)).scale(0.5, 0.5)
    path = tmp_path / "areas.geojson"
    io.write_vectors(gpd.GeoDataFrame({"label": ["car"]}, geometry=ground), path)
    given = Request("geojson", str(path), images=pictures, resolution_m=0.5)
    assert import_labels(given, raw=raw)["images"] == len(ImageFolder(pictures).paths)
    assert (raw / "scenes/metres.tif").is_file()


@pytest.mark.parametrize(
    "renames",
    [
        pytest.param(["car=vehicle/car"], id="on the command line"),
        pytest.param(["names.yaml"], id="from a file"),
    ],
)
def test_classes_are_renamed(source, raw, tmp_path, monkeypatch, renames):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.yaml").write_text(yaml.safe_dump({"car": "vehicle/car"}))
    receipt = import_labels(request(source(), renames=renames), raw=raw)
    assert receipt["labels"] == {"vehicle/car": 3}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"renames": ["kar=x"]}, "not there: 'kar'. Did you mean 'car'", id="rename"),
        pytest.param({"renames": ["car"]}, "old=new", id="half a rename"),
        pytest.param({"settings": ["outlines=1"]}, "Did you mean 'outline'", id="option"),
        pytest.param({"settings": ["outline=7"]}, "must be bool", id="type of an option"),
        pytest.param({"settings": ["outline"]}, "key=value", id="half an option"),
        pytest.param({"name": "../up"}, "--name", id="name"),
        pytest.param({"form": "cocoa"}, "There are: .*coco", id="format"),
    ],
)
def test_a_wrong_request_names_what_is_wrong(source, raw, given, message):
    with pytest.raises(ConfigError, match=message):
        import_labels(replace(request(source()), **given), raw=raw)
    assert not raw.exists()


def test_a_zip_file_is_unpacked(source, raw, tmp_path):
    path = source()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in path.parent.iterdir():
            archive.write(file, f"inner/{file.name}")
    receipt = import_labels(Request("images", str(tmp_path / "all.zip"), resolution_m=0.5), raw=raw)
    assert receipt["images"] == 5
    assert (raw / "scenes/metres.tif").is_file()


def test_keep_going_takes_the_good_rest_and_lists_the_bad(source, raw):
    path = source()
    content = json.loads(path.read_text())
    content["annotations"][1]["category_id"] = 99
    path.write_text(json.dumps(content))
    with pytest.raises(LabelError, match=r"annotation 1.*category 99"):
        import_labels(request(path), raw=raw)
    assert not raw.exists()
    receipt = import_labels(request(path, keep_going=True), raw=raw)
    assert receipt["labels"] == {"car": 2}
    (told,) = receipt["refused"]
    assert "labels.json, annotation 1: " in told
    assert json.loads((raw / "imports/labels.json").read_text())["refused"] == [told]
    assert any("annotation 1" in line for line in told_import(receipt))


def test_nothing_good_is_an_error_even_when_going_on(source, raw):
    path = source(("metres",))
    path.write_text(path.read_text().replace("metres.tif", "nowhere.tif"))
    with pytest.raises(LabelError, match=r"no images and no labels.*nowhere\.tif"):
        import_labels(request(path, keep_going=True), raw=raw)
    assert not raw.exists()


def test_repair_mends_and_counts(source, raw):
    bow_tie = [[0, 0, 20, 20, 20, 0, 0, 20]]
    path = source(("metres",), segmentation=bow_tie)
    with pytest.raises(LabelError, match=r"annotation 0: .*Self-intersection.*--repair"):
        import_labels(request(path), raw=raw)
    receipt = import_labels(request(path, repair=True), raw=raw)
    assert receipt["repaired"] == 1
    (mended,) = gpd.read_parquet(raw / "labels/labels.parquet").geometry
    assert mended.is_valid
    assert mended.area == pytest.approx(2 * 10 * 20 / 2 * 0.25)


def test_a_disk_that_fails_in_the_middle_leaves_all_as_it_was(source, raw, monkeypatch):
    import_labels(request(source(), name="cars"), raw=raw)
    before = state(raw)
    moves = []

    def move(one, other, *, real=deposit.os.replace):
        if deposit.STAGING not in str(other):
            moves.append(other)
        if len(moves) == 2 and other is moves[-1]:
            raise OSError(28, "No space left on device")
        real(one, other)

    monkeypatch.setattr(deposit.os, "replace", move)
    again = request(source(("metres", "turned", "empty"), label="bus"), name="buses")
    with pytest.raises(OutputError, match="as it was before"):
        import_labels(again, raw=raw)
    assert state(raw) == before


def test_export_says_what_was_lost_and_never_writes_over(source, raw, tmp_path):
    ring = [[10, 8, 30, 12, 28, 20, 12, 25, 9, 14]]
    import_labels(request(source(segmentation=ring)), raw=raw)
    lines = list(export_labels("yolo", raw=raw, out=tmp_path / "yolo"))
    assert lines[0].startswith("3 labels on 3 of 3 images")
    assert any("polygons" in line and line.endswith("3") for line in lines)
    with pytest.raises(OutputError, match="is there already"):
        list(export_labels("yolo", raw=raw, out=tmp_path / "yolo"))
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def test_scenes_are_chosen_by_their_ids(source, raw, tmp_path):
    import_labels(request(source()), raw=raw)
    lines = list(export_labels("coco", raw=raw, out=tmp_path / "o.json", scenes="*e*r*s"))
    assert lines[0].startswith("2 labels on 2 of 2 images")
    with pytest.raises(SceneError, match=r"matches `--scenes` \(x\)"):
        list(export_labels("coco", raw=raw, out=tmp_path / "p.json", scenes="x"))


def test_detections_are_exported_with_their_scores(source, raw, tmp_path):
    import_labels(request(source()), raw=raw)
    frame = gpd.read_parquet(raw / "labels/labels.parquet")
    one = frame[frame["scene_id"] == "metres"].drop(columns="crs").to_crs("EPSG:32633")
    io.write_by_scene([one.assign(score=0.75)], tmp_path / "val.parquet")
    given = {"detections": tmp_path / "val.parquet", "out": tmp_path / "out.json"}
    list(export_labels("coco", raw=raw, **given))
    content = json.loads((tmp_path / "out.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["metres.tif"]
    (found,) = content["annotations"]
    assert found["score"] == 0.75
    assert found["bbox"] == pytest.approx(BOX, abs=1e-3)


def test_labels_without_a_scene_are_exported_on_the_scene_that_shows_them(source, raw, tmp_path):
    import_labels(request(source()), raw=raw)
    path = raw / "labels/labels.parquet"
    gpd.read_parquet(path).drop(columns=["scene_id", "crs"]).to_parquet(path)
    list(export_labels("coco", raw=raw, out=tmp_path / "out.json"))
    content = json.loads((tmp_path / "out.json").read_text())
    assert len(content["annotations"]) == 3
    assert all(each["bbox"] == pytest.approx(BOX, abs=1e-3) for each in content["annotations"])


def test_the_commands(source, raw, tmp_path, monkeypatch, capsys):
    path = source()
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"] = [WIDTH + 5, 0, 10, 10]
    path.write_text(json.dumps(content))
    arguments = ["import", "coco", str(path), "--out", str(raw), "--resolution-m", "0.5"]

    def run(*further):
        monkeypatch.setattr(sys, "argv", ["factory", *further])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    assert run(*arguments) == 1
    assert "lies outside its image" in capsys.readouterr().err
    assert not raw.exists()
    assert run(*arguments, "--keep-going", "--set", "outline=false", "--name", "cars") == 1
    assert "refused: 1" in capsys.readouterr().out
    assert run("export", "dota", "--raw", str(raw), "--out", str(tmp_path / "dota")) == 0
    assert "2 labels on 2 of 3 images" in capsys.readouterr().out
    frame = gpd.read_parquet(raw / "labels/cars.parquet")
    assert set(frame["label"]) == {"car"}
    assert not to_pixels(
        frame, grid=ImageFolder(raw / "scenes").find("degrees").grid
    ).is_empty.any()
