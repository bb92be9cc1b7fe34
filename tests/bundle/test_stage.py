import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pystac
import pytest
from geopandas.testing import assert_geodataframe_equal

from factory_core.bundle import stage
from factory_core.bundle.detector import load_detector
from factory_core.bundle.predict import predict_bundle
from factory_core.kernel import io
from factory_core.kernel.errors import (
    ConfigError,
    ModelError,
    OutputError,
    SceneError,
    SelectionError,
)
from factory_core.kernel.parts import load_part
from factory_core.predict.change import change_models
from factory_core.predict.settings import read_settings
from tests.onnx_models import write_box_model


def bundle(config, out="bundle", *, weights=None):
    stage.run(
        config,
        weights=weights,
        models=Path("models"),
        raw=Path("raw"),
        scenes=Path("processed"),
        selection=Path("selection"),
        metrics=Path("metrics.json"),
        out=Path(out),
    )
    return Path(out)


def names(folder):
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


def test_bundle_holds_what_is_deployed(detector):
    found = names(bundle(detector))
    assert [name for name in found if not name.startswith("files/")] == [
        "README.md",
        "SHA256SUMS",
        "item.json",
        "models/0/model.onnx",
        "models/weights.json",
        "params.yaml",
        "process.json",
        "self_test/expected.geojson",
        "self_test/scene.tif",
    ]
    assert sum(Path("bundle", name).stat().st_size for name in found) < 1_000_000


def test_members_keep_their_weights(detector):
    for name in ("1/1", "1/2"):
        Path("models", name).mkdir(parents=True)
        shutil.copy("models/0/model.onnx", f"models/{name}/model.onnx")
    io.write_json({"weights": {"0": 0.5, "1/1": 0.25, "1/2": 0.25}}, Path("ensemble.json"))
    folder = bundle(detector, weights=Path("ensemble.json"))
    assert (folder / "models/1/2/model.onnx").is_file()
    assert load_detector(folder).engine.ensemble.weights == (0.5, 0.25, 0.25)
    predict_bundle(folder, [folder / "self_test/scene.tif"], out=Path("found.geojson"))
    expected = io.read_vectors(folder / "self_test/expected.geojson")
    assert_geodataframe_equal(io.read_vectors(Path("found.geojson")), expected)


@pytest.mark.parametrize("detector", ["boxes"], indirect=True)
def test_the_models_run_in_the_numbers_that_were_measured(detector, tmp_path):
    write_box_model(Path("models/0/model.onnx"), blur=0.1)
    table = io.read_table(Path("selection/selection.parquet"))
    val = table.iloc[:1].assign(split="val", block=2)
    io.write_by_scene([pd.concat([table, val])], Path("selection/selection.parquet"))
    detector.predict.precision = load_part("precision", "int8") | {"max_score_loss": 0.2}
    folder = bundle(detector)
    settings = read_settings(detector)
    (of_predict,) = change_models(
        [Path("models/0/model.onnx")],
        settings,
        models=Path("models"),
        scenes=Path("processed"),
        selection=Path("selection"),
        folder=tmp_path / "changed",
    )
    assert (folder / "models/0/model.onnx").read_bytes() == of_predict.read_bytes()
    loss = io.read_json(folder / "precision.json")
    assert loss == io.read_json(tmp_path / "changed/precision.json")
    assert f"{loss['mean']:.4f} in the mean" in (folder / "README.md").read_text()
    assert load_detector(folder).engine.settings.precision.name == "int8"
    predict_bundle(folder, [folder / "self_test/scene.tif"], out=Path("found.geojson"))
    expected = io.read_vectors(folder / "self_test/expected.geojson")
    assert len(expected)
    assert_geodataframe_equal(io.read_vectors(Path("found.geojson")), expected)


def test_checksums_are_those_of_sha256sum(detector):
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=bundle(detector), check=True)


def test_two_bundles_are_equal_to_the_byte(detector):
    first, second = bundle(detector), bundle(detector, "again")
    assert names(first) == names(second)
    for name in names(first):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_self_test_finds_what_it_should_wherever_the_bundle_lies(detector, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(bundle(detector), elsewhere / "b")
    shutil.rmtree("fences")
    monkeypatch.chdir(elsewhere)
    predict_bundle(Path("b"), [Path("b/self_test/scene.tif")], out=Path("found.geojson"))
    found, expected = (
        io.read_vectors(Path(p)) for p in ("found.geojson", "b/self_test/expected.geojson")
    )
    assert len(expected) >= 3
    assert_geodataframe_equal(found, expected)
    assert [path.name for path in elsewhere.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet"])
def test_writes_each_format(detector, ending):
    out = Path(f"objects{ending}")
    predict_bundle(bundle(detector), [Path("raw/scenes/a.tif")], out=out)
    found = io.read_vectors(out)
    assert len(found) >= 4
    assert {"score", "label", "scene_id"} <= set(found.columns)
    assert found.crs == ("EPSG:4326" if ending == ".geojson" else "EPSG:32633")


def test_item_is_a_valid_mlm_item(detector):
    item = pystac.Item.from_file(str(bundle(detector) / "item.json"))
    assert item.properties["mlm:name"] == "tree_detector"
    assert item.properties["mlm:input"][0]["bands"]
    assert item.assets["models/0/model.onnx"].extra_fields["mlm:artifact_type"] == "onnx"
    assert any("mlm/v" in uri for uri in item.stac_extensions)


def test_card_tells_the_metrics_and_the_chain(detector):
    text = (bundle(detector) / "README.md").read_text()
    assert "| tree | 0.5" in text
    assert " → ".join(detector.postprocess.order) in text


def test_own_parts_travel_with_the_bundle(detector, tmp_path, monkeypatch):
    own = Path("tree_detector")
    own.mkdir()
    (own / "__init__.py").touch()
    (own / "drop_all.py").write_text(
        "from dataclasses import dataclass\n"
        "from geopandas import GeoDataFrame\n\n\n"
        "@dataclass(frozen=True)\n"
        "class DropAll:\n"
        "    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:\n"
        "        return detections[:0]\n"
    )
    detector.postprocess.tasks.drop_all = {"_target_": "tree_detector.drop_all.DropAll"}
    detector.postprocess.order.append("drop_all")
    Path("params.yaml").write_text("package: tree_detector\n")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(bundle(detector), elsewhere)
    shutil.rmtree(own)
    Path("params.yaml").unlink()
    monkeypatch.delitem(__import__("sys").modules, "tree_detector.drop_all")
    monkeypatch.delitem(__import__("sys").modules, "tree_detector")
    out = Path("found.parquet")
    predict_bundle(elsewhere, [Path("raw/scenes/a.tif")], out=out)
    assert len(io.read_vectors(out)) == 0


def break_model(folder):
    path = folder / "models/0/model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        pytest.param(break_model, "models/0/model.onnx (damaged)", id="changed"),
        pytest.param(lambda b: (b / "process.json").unlink(), "process.json (missing)", id="gone"),
        pytest.param(lambda b: (b / "x.py").touch(), "x.py (not of the bundle)", id="added"),
        pytest.param(lambda b: (b / "SHA256SUMS").unlink(), "no SHA256SUMS", id="no checksums"),
    ],
)
def test_refuses_a_bundle_that_is_not_as_written(detector, harm, word):
    folder = bundle(detector)
    harm(folder)
    with pytest.raises(ModelError) as raised:
        predict_bundle(folder, [Path("raw/scenes/a.tif")], out=Path("found.gpkg"))
    assert word in str(raised.value)
    assert not Path("found.gpkg").exists()


def test_refuses_an_unknown_ending_first(detector):
    with pytest.raises(OutputError, match=r"\.shp"):
        predict_bundle(Path("nowhere"), [Path("raw/scenes/a.tif")], out=Path("found.shp"))


def test_refuses_a_scene_of_other_resolution(detector):
    folder = bundle(detector)
    raster = io.open_raster(Path("raw/scenes/a.tif"))
    coarse = raster.geobox.zoom_out(2)
    pixels = raster.read(raster.geobox)[:, ::2, ::2]
    io.write_cog(
        Path("coarse.tif"),
        geobox=coarse,
        bands=raster.bands,
        dtype="uint8",
        nodata=0,
        blocks=[(coarse, pixels)],
    )
    with pytest.raises(ModelError, match="factor of 2"):
        predict_bundle(folder, [Path("coarse.tif")], out=Path("found.gpkg"))


def test_refuses_no_test_ground_and_a_missing_raw_scene(detector):
    old = bundle(detector)
    before = (old / "SHA256SUMS").read_bytes()
    Path("raw/scenes/a.tif").unlink()
    with pytest.raises(SceneError, match="a under"):
        bundle(detector)
    frame = next(iter(io.read_by_scene(Path("selection/selection.parquet"))))[1]
    io.write_by_scene([frame.assign(split="train")], Path("selection/selection.parquet"))
    with pytest.raises(SelectionError, match="'test'"):
        bundle(detector)
    assert (old / "SHA256SUMS").read_bytes() == before


def test_refuses_an_impossible_chain(detector):
    detector.postprocess.order = list(reversed(detector.postprocess.order))
    detector.postprocess.tasks.threshold = {
        "_target_": "factory_core.postprocess.score_maps.threshold.Threshold",
        "min_score": 0.5,
    }
    if "threshold" not in detector.postprocess.order:
        detector.postprocess.order.append("threshold")
    with pytest.raises(ConfigError, match=r"postprocess\.tasks"):
        bundle(detector)
