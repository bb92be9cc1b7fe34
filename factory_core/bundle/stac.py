"""The bundle as a STAC item with the Machine Learning Model extension."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import onnxruntime
import pandas as pd
import pystac
from geopandas import GeoSeries
from omegaconf import DictConfig
from pystac.extensions.classification import Classification
from pystac.extensions.mlm import (
    AssetGeneralMLMExtension,
    InputStructure,
    MLMExtension,
    ModelInput,
    ModelOutput,
    ResultStructure,
    TaskType,
)
from pystac.extensions.raster import DataType
from shapely.geometry import mapping

from factory_core.kernel import io
from factory_core.predict.signature import BOX_NUMBERS, OUTPUTS, Signature

ITEM = "item.json"
TASKS = {
    "score_map": TaskType.SEMANTIC_SEGMENTATION,
    "boxes": TaskType.OBJECT_DETECTION,
    "oriented_boxes": TaskType.OBJECT_DETECTION,
}
# STAC asks for a time; scenes that tell none may be of any, as in the catalogue.
ANY_TIME = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def write_item(
    config: DictConfig, signature: Signature, areas: Mapping[str, GeoSeries], bundle: Path
) -> None:
    """Write `item.json`: where the model was trained, what it takes and gives.

    Args:
        config: Configuration of the detector.
        signature: What its models take and give.
        areas: Ground of the train split, by scene, each in its CRS in metres.
        bundle: Folder with the files of the bundle, which become its assets.
    """
    ground = pd.concat([area.to_crs("EPSG:4326") for area in areas.values()])
    shape = gpd.GeoSeries(ground, crs="EPSG:4326").union_all()
    start, end = ANY_TIME
    item = pystac.Item(
        id=config.detector,
        geometry=mapping(shape),
        bbox=list(shape.bounds),
        datetime=None,
        start_datetime=start,
        end_datetime=end,
        properties={"gsd": signature.resolution_m},
    )
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=config.detector,
        architecture=config.model["_target_"].rpartition(".")[2],
        tasks=[TASKS[signature.task]],
        input=[_input(signature)],
        output=_outputs(signature),
        framework="ONNX Runtime",
        framework_version=onnxruntime.__version__,
        batch_size_suggestion=config.predict.batch_size,
    )
    for file in sorted(file for file in bundle.rglob("*") if file.is_file()):
        _add_asset(item, file.relative_to(bundle).as_posix())
    io.write_json(item.to_dict(include_self_link=False), bundle / ITEM)


def _input(signature: Signature) -> ModelInput:
    side = signature.window_px
    return ModelInput.create(
        name="image",
        bands=list(signature.bands),
        input=InputStructure.create(
            shape=[-1, side, side, len(signature.bands)],
            dim_order=["batch", "height", "width", "bands"],
            data_type=DataType(signature.dtype),
        ),
        description="Pixels after the tasks of process.json; normalisation is inside the model.",
    )


def _outputs(signature: Signature) -> list[ModelOutput]:
    classes = [
        Classification.create(value=number, name=name)
        for number, name in enumerate(signature.classes)
    ]
    side = signature.window_px
    if signature.task == "score_map":
        of_map = ([-1, side, side, len(classes)], ["batch", "height", "width", "class"])
        shapes = {"scores": of_map}
    else:
        box = ([-1, -1, BOX_NUMBERS[signature.task]], ["batch", "candidate", "number"])
        one = ([-1, -1], ["batch", "candidate"])
        shapes = {"boxes": box, "scores": one, "classes": one}
    return [
        ModelOutput.create(
            name=name,
            tasks=[TASKS[signature.task]],
            result=ResultStructure.create(
                shape=shapes[name][0],
                dim_order=shapes[name][1],
                data_type=DataType.INT64 if name == "classes" else DataType.FLOAT32,
            ),
            classes=classes,
        )
        for name in OUTPUTS[signature.task]
    ]


def _add_asset(item: pystac.Item, name: str) -> None:
    model = name.endswith(".onnx")
    kinds: Iterable[tuple[str, str]] = (
        (".onnx", "application/octet-stream; application=onnx"),
        (".tif", pystac.MediaType.COG),
        (".geojson", pystac.MediaType.GEOJSON),
        (".json", pystac.MediaType.JSON),
        (".yaml", "application/yaml"),
    )
    asset = pystac.Asset(
        href=f"./{name}",
        media_type=next((kind for ending, kind in kinds if name.endswith(ending)), None),
        roles=["mlm:model"] if model else ["data"],
    )
    item.add_asset(name, asset)
    if model:
        AssetGeneralMLMExtension.ext(asset).apply(artifact_type="onnx")
