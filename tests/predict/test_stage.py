import numpy as np
import onnx
import pytest
import shapely
from shapely.geometry import box

from factory_core.kernel import io
from factory_core.kernel.errors import (
    ConfigError,
    ModelError,
    SceneError,
    SelectionError,
)
from factory_core.predict import engine, layout, score_maps, stage
from factory_core.predict.engine import Engine
from tests.onnx_models import write_box_model, write_oriented_box_model, write_score_model


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(layout, "BLOCK_PX", 30)


@pytest.fixture
def predict(tmp_path, config):
    def run(selection, split="test"):
        out = tmp_path / "predictions" / split
        stage.run(
            config,
            models=tmp_path / "models",
            scenes=tmp_path / "processed",
            selection=selection,
            split=split,
            out=out,
        )
        return out

    return run


def noise(bands, height, width, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(dtype)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(1, 1, id="one pixel"),
        pytest.param(5, 40, id="lower than a window"),
        pytest.param(16, 16, id="one window"),
        pytest.param(17, 33, id="one pixel more"),
        pytest.param(75, 90, id="many blocks"),
    ],
)
@pytest.mark.parametrize("blend", ["Cosine", "Uniform"])
def test_blending_gives_each_pixel_its_score(
    tmp_path, config, predict, write_scene, write_selection, height, width, blend
):
    config.predict.blend._target_ = f"factory_core.predict.blend.{blend}"
    write_score_model(tmp_path / "models/0/model.onnx", classes=("tree", "house"))
    pixels = noise(3, height, width)
    geobox = write_scene(pixels)
    out = predict(write_selection({"a": geobox}))
    found = io.read_score_map(out / "a.tif")
    np.testing.assert_array_equal(found.scores, pixels[:2])
    assert found.classes == ("tree", "house")
    assert found.geobox == geobox
    assert [file.name for file in out.iterdir()] == ["a.tif"]


def test_constant_map_stays_constant(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx", scale=0.5 / 200)
    geobox = write_scene(np.full((3, 61, 83), 200, np.uint8))
    found = io.read_score_map(predict(write_selection({"a": geobox})) / "a.tif")
    assert np.unique(found.scores).tolist() == [128]


def test_members_are_averaged(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx", scale=1 / 255)
    write_score_model(tmp_path / "models/1/model.onnx", scale=0.5 / 255)
    geobox = write_scene(np.full((3, 20, 20), 200, np.uint8))
    found = io.read_score_map(predict(write_selection({"a": geobox})) / "a.tif")
    assert np.unique(found.scores).tolist() == [150]


def test_windows_outside_the_area_or_without_data_are_not_computed(
    tmp_path, predict, write_scene, write_selection, monkeypatch
):
    seen = []
    original = engine.load_ensemble

    def counting(paths, **more):
        ensemble = original(paths, **more)
        score_maps = type(ensemble).score_maps
        monkeypatch.setattr(
            type(ensemble),
            "score_maps",
            lambda self, images: seen.append(len(images)) or score_maps(self, images),
        )
        return ensemble

    monkeypatch.setattr(engine, "load_ensemble", counting)
    write_score_model(tmp_path / "models/0/model.onnx")
    pixels = noise(3, 100, 100)
    pixels[:, :, :50] = 0
    geobox = write_scene(pixels)
    left, bottom, right, top = geobox.extent.boundingbox
    upper = box(left, (bottom + top) / 2, right, top)
    found = io.read_score_map(predict(write_selection({"a": upper})) / "a.tif")
    np.testing.assert_array_equal(found.scores[0, :50], pixels[0, :50])
    assert not found.scores[0, 70:].any()
    rows, columns = 5, 5  # windows of 16 every 12 pixels: rows from 0 to 48, columns from 36 to 84
    assert sum(seen) == rows * columns


def test_each_object_comes_once_from_a_box_model(tmp_path, predict, write_scene, write_selection):
    write_box_model(tmp_path / "models/0/model.onnx")
    pixels = np.ones((1, 70, 90), np.uint8)
    bright = [(0, 0), (12, 13), (14, 40), (30, 30), (35, 89), (69, 0), (69, 89), (50, 60)]
    for row, column in bright:
        pixels[0, row, column] = 200
    geobox = write_scene(pixels, bands=("grey",))
    table = io.read_table(predict(write_selection({"a": geobox})) / "a.parquet")
    assert (table["score"] >= 0.01).all()
    centres = table.centroid
    places = sorted(zip(5_000_000 - centres.y - 0.5, centres.x - 500_000 - 0.5, strict=True))
    assert [(round(row), round(column)) for row, column in places] == sorted(bright)
    assert set(table["label"]) == {"tree"}
    assert set(table["scene_id"]) == {"a"}
    np.testing.assert_allclose(table["score"], 200 / 255, atol=1e-6)
    assert table.crs == "EPSG:32633"


def test_oriented_boxes_lie_on_the_ground_as_in_the_window(
    tmp_path, predict, write_scene, write_selection
):
    """Sides, direction (y points up there) and place; each object once, over windows too."""
    write_oriented_box_model(tmp_path / "models/0/model.onnx", angle=0.5, size_px=(6.0, 2.0))
    pixels = np.ones((1, 70, 90), np.uint8)
    bright = [(0, 0), (12, 13), (14, 40), (30, 30), (35, 89), (69, 0), (69, 89), (50, 60)]
    for row, column in bright:
        pixels[0, row, column] = 200
    geobox = write_scene(pixels, bands=("grey",), resolution_m=1.0)
    table = io.read_table(predict(write_selection({"a": geobox})) / "a.parquet")
    centres = table.centroid
    places = sorted(zip(5_000_000 - centres.y - 0.5, centres.x - 500_000 - 0.5, strict=True))
    assert [(round(row), round(column)) for row, column in places] == sorted(bright)
    corners = shapely.get_coordinates(table.geometry).reshape(-1, 5, 2)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    np.testing.assert_allclose(np.hypot(*one.T), 6, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*two.T), 2, rtol=1e-6)
    np.testing.assert_allclose(np.arctan2(one[:, 1], one[:, 0]), -0.5, rtol=1e-6)
    assert table.crs == "EPSG:32633"


def test_refuses_boxes_of_another_number(tmp_path, predict, write_scene, write_selection):
    write_box_model(tmp_path / "models/0/model.onnx")
    file = tmp_path / "models/0/model.onnx"
    model = onnx.load(file)
    onnx.helper.set_model_props(
        model, {p.key: p.value for p in model.metadata_props} | {"task": "oriented_boxes"}
    )
    onnx.save(model, file)
    geobox = write_scene(np.full((1, 16, 16), 9, np.uint8), bands=("grey",))
    with pytest.raises(ModelError, match=r"model\.onnx gives boxes of 4 numbers"):
        predict(write_selection({"a": geobox}))


def test_candidates_of_members_stand_side_by_side(tmp_path, predict, write_scene, write_selection):
    write_box_model(tmp_path / "models/0/model.onnx")
    write_box_model(tmp_path / "models/1/model.onnx")
    pixels = np.ones((1, 16, 16), np.uint8)
    pixels[0, 5, 5] = 200
    geobox = write_scene(pixels, bands=("grey",))
    assert len(io.read_table(predict(write_selection({"a": geobox})) / "a.parquet")) == 2


def test_scene_without_candidates_gives_an_empty_table(
    tmp_path, predict, write_scene, write_selection
):
    write_box_model(tmp_path / "models/0/model.onnx")
    geobox = write_scene(np.ones((1, 16, 16), np.uint8), bands=("grey",))
    table = io.read_table(predict(write_selection({"a": geobox})) / "a.parquet")
    assert len(table) == 0
    assert table.crs == "EPSG:32633"


def test_killed_run_goes_on_with_the_next_block(
    tmp_path, predict, write_scene, write_selection, monkeypatch
):
    write_score_model(tmp_path / "models/0/model.onnx")
    pixels = {name: noise(3, 60, 60, seed=number) for number, name in enumerate("ab")}
    selection = write_selection({name: write_scene(pixels[name], name=name) for name in "ab"})
    done = []
    sum_block, write = score_maps.sum_block, Engine.write

    def dies_at_the_seventh(batches, block, **rest):
        if len(done) == 6:
            raise KeyboardInterrupt
        done.append(block)
        return sum_block(batches, block, **rest)

    monkeypatch.setattr(score_maps, "sum_block", dies_at_the_seventh)
    with pytest.raises(KeyboardInterrupt):
        predict(selection)
    assert not (tmp_path / "predictions/test").exists()

    def counts(batches, block, **rest):
        done.append(block)
        return sum_block(batches, block, **rest)

    def dies_at_b(self, plan, *, folder, out):
        if plan.raster.scene_id == "b":
            raise KeyboardInterrupt
        write(self, plan, folder=folder, out=out)

    monkeypatch.setattr(score_maps, "sum_block", counts)
    monkeypatch.setattr(Engine, "write", dies_at_b)
    with pytest.raises(KeyboardInterrupt):
        predict(selection)
    assert sorted(done) == sorted(2 * list(np.ndindex(3, 3)))
    monkeypatch.setattr(Engine, "write", write)
    out = predict(selection)
    assert len(done) == 18
    assert sorted(file.name for file in out.iterdir()) == ["a.tif", "b.tif"]
    for name in "ab":
        found = io.read_score_map(out / f"{name}.tif")
        np.testing.assert_array_equal(found.scores[0], pixels[name][0])


@pytest.mark.slow
def test_result_does_not_depend_on_workers_blocks_or_batches(
    tmp_path, config, predict, write_scene, write_selection, monkeypatch
):
    write_score_model(tmp_path / "models/0/model.onnx")
    selection = write_selection(
        {name: write_scene(noise(3, 70, 70), name=name) for name in ("a", "b")}
    )
    first = (predict(selection) / "a.tif").read_bytes()
    monkeypatch.setattr(layout, "BLOCK_PX", 2048)
    config.predict.batch_size = 7
    config.compute.workers = 2
    assert (predict(selection) / "a.tif").read_bytes() == first


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        pytest.param(
            {"bands": ("blue", "green", "red")}, ModelError, ["blue, green, red", "'a'"], id="bands"
        ),
        pytest.param({"resolution_m": 0.5}, ModelError, ["factor of 2", "'a'"], id="resolution"),
        pytest.param({"dtype": "uint16"}, ModelError, ["uint16", "uint8"], id="pixel type"),
        pytest.param({"scale": float("nan")}, ModelError, ["nan", "model.onnx"], id="NaN scores"),
        pytest.param({"scale": 1.0}, ModelError, ["[0, 1]", "model.onnx"], id="scores above 1"),
        pytest.param({"window_px": 4}, ConfigError, ["predict.overlap_px", "4"], id="overlap"),
    ],
)
def test_refuses_what_does_not_fit(
    tmp_path, predict, write_scene, write_selection, model, error, words
):
    write_score_model(tmp_path / "models/0/model.onnx", **model)
    old = tmp_path / "predictions/test/old.txt"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    selection = write_selection({"a": write_scene(noise(3, 20, 20))})
    with pytest.raises(error) as raised:
        predict(selection)
    for word in words:
        assert word in str(raised.value)
    assert [file.name for file in old.parent.iterdir()] == ["old.txt"]


def test_refuses_members_that_differ(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx")
    write_score_model(tmp_path / "models/1/model.onnx", classes=("house",))
    with pytest.raises(ModelError, match="cannot be averaged"):
        predict(write_selection({"a": write_scene(noise(3, 20, 20))}))


def test_refuses_a_damaged_model(tmp_path, predict, write_scene, write_selection):
    path = tmp_path / "models/0/model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        predict(write_selection({"a": write_scene(noise(3, 20, 20))}))


def test_refuses_a_folder_without_models(tmp_path, predict, write_scene, write_selection):
    with pytest.raises(ModelError, match="train"):
        predict(write_selection({"a": write_scene(noise(3, 20, 20))}))


def test_refuses_an_empty_split(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx")
    with pytest.raises(SelectionError, match="'val'"):
        predict(write_selection({"a": write_scene(noise(3, 20, 20))}), split="val")


def test_names_a_missing_scene(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx")
    with pytest.raises(SceneError, match=r"b\.tif"):
        predict(write_selection({"b": write_scene(noise(3, 20, 20))}))


def test_names_a_truncated_scene(tmp_path, predict, write_scene, write_selection):
    write_score_model(tmp_path / "models/0/model.onnx")
    selection = write_selection({"a": write_scene(noise(3, 300, 300))})
    file = tmp_path / "processed/a.tif"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"a\.tif"):
        predict(selection)


def test_names_a_misspelt_key(tmp_path, config, predict, write_scene, write_selection):
    config.predict.overlap = 3
    with pytest.raises(ConfigError, match="overlap_px"):
        predict(write_selection({"a": write_scene(noise(3, 20, 20))}))
