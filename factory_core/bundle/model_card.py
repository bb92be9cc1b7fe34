"""What a person must know before using a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from factory_core import __version__
from factory_core.evaluate.readme import table
from factory_core.predict.change import describe_loss
from factory_core.predict.signature import Signature

GIVES = {
    "score_map": "a score map, of which post-processing makes polygons",
    "boxes": "boxes with scores",
    "oriented_boxes": "boxes of any direction with scores",
}
PRECISION = """The models compute in {precision}, and did so for these figures:
{loss}.

"""
CARD = """# {detector}

Finds {classes} on imagery with pixels of {resolution_m:g} m. Made with factory-core {version}.

## Use

    factory predict-bundle . SCENE.tif --out detections.gpkg
    factory predict-bundle . FOLDER --out detections.gpkg

Of several scenes, what their edges cut becomes one detection (`--no-join` leaves it as it is). A
scene is a georeferenced raw raster of the kind that the detector was trained on: the steps
of `process.json` bring it to what the model takes, {bands} as {dtype} at {resolution_m:g} m.
A scene that does not fit is refused with the reason. The model gives {gives}; `params.yaml`
says how: {order}.

## How well

{metrics}

{precision}The figures hold for ground like that of the test scenes; elsewhere measure before you
trust.

## Check the installation

    sha256sum -c SHA256SUMS
    factory predict-bundle . self_test/scene.tif --out found.geojson

The second must find what `self_test/expected.geojson` holds. How long a scene takes depends on the
machine: `factory latency . FOLDER` says it for this one.

## What is in it

| file | what |
| --- | --- |
| `models/*/model.onnx` | the model of each member |
| `models/weights.json` | how much each member counts |
| `process.json` | raw scene to what the model takes, as fitted on the training scenes |
| `params.yaml` | taxonomy, prediction and post-processing |
| `item.json` | the same for machines: a STAC item with the MLM extension |
| `self_test/` | a raw scene and its detections |
| `SHA256SUMS` | checksums, verified before every prediction |
"""


def model_card(
    config: DictConfig,
    signature: Signature,
    metrics: Mapping[str, Any],
    *,
    loss: Mapping[str, Any],
) -> str:
    """The model card, in Markdown.

    Args:
        config: Configuration of the detector.
        signature: What its models take and give.
        metrics: `metrics.json` of the test split.
        loss: `precision.json` of models that were changed; empty: they are as trained.
    """
    tasks = config.postprocess.get("order") or config.postprocess.get("tasks") or ()
    return CARD.format(
        detector=config.detector,
        classes=", ".join(signature.classes),
        resolution_m=signature.resolution_m,
        version=__version__,
        bands=", ".join(signature.bands),
        dtype=signature.dtype,
        gives=GIVES[signature.task],
        order=" → ".join(tasks) or "nothing more is done",
        metrics=table(dict(metrics), split="test"),
        precision=PRECISION.format(precision=loss["precision"], loss=describe_loss(loss))
        if loss
        else "",
    )
