"""The stages of the pipeline, in their order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from factory_core.cli.options import In, Out, Split, Weights

STAGES = (
    "catalogue",
    "select",
    "process",
    "dataset",
    "train",
    "ensemble",
    "predict",
    "postprocess",
    "evaluate",
    "bundle",
)

app = typer.Typer()


@app.command(rich_help_panel="Stages")
def catalogue(raw: In, out: Out) -> None:
    """Scenes and labels on disk -> tables of scenes, of labels, of the contexts of every cell."""
    _run("catalogue", raw=raw, out=out)


@app.command(rich_help_panel="Stages")
def select(
    catalogue: In,
    out: Out,
    query: Annotated[
        Path | None, typer.Option(exists=True, help="Folder of files that the query names.")
    ] = None,
    test_ground: Annotated[
        Path | None, typer.Option(help="GeoJSON that remembers what was test; read and written.")
    ] = None,
) -> None:
    """Catalogue and query -> train, val and test that do not overlap."""
    _run("select", catalogue=catalogue, out=out, query=query, test_ground=test_ground)


@app.command(rich_help_panel="Stages")
def process(raw: In, catalogue: In, selection: In, out: Out) -> None:
    """Selected scenes -> imagery that the model takes."""
    _run("process", raw=raw, catalogue=catalogue, selection=selection, out=out)


@app.command(rich_help_panel="Stages")
def dataset(scenes: In, catalogue: In, selection: In, out: Out) -> None:
    """Processed scenes and labels -> windows in shards."""
    _run("dataset", scenes=scenes, catalogue=catalogue, selection=selection, out=out)


@app.command(rich_help_panel="Stages")
def train(
    dataset: In,
    out: Out,
    curves: Out,
    member: Annotated[int, typer.Option(help="Which model of the ensemble.")] = 0,
) -> None:
    """Windows -> model.keras and model.onnx."""
    from factory_core.kernel import config

    import_module("factory_core.models")  # starts Keras without its noise
    import_module("factory_core.space.fit").check_fit(config.load())
    _run("train", dataset=dataset, out=out, curves=curves, member=member)


@app.command(rich_help_panel="Stages")
def ensemble(models: In, dataset: In, out: Out) -> None:
    """Models and windows of val -> how much each model counts."""
    _run("ensemble", models=models, dataset=dataset, out=out)


@app.command(rich_help_panel="Stages")
def predict(
    models: In, scenes: In, selection: In, split: Split, out: Out, weights: Weights = None
) -> None:
    """Scenes of a split -> score maps or candidates."""
    _run(
        "predict",
        models=models,
        scenes=scenes,
        selection=selection,
        split=split,
        out=out,
        weights=weights,
    )


@app.command(rich_help_panel="Stages")
def postprocess(predictions: In, selection: In, split: Split, out: Out) -> None:
    """Score maps or candidates -> detections."""
    _run("postprocess", predictions=predictions, selection=selection, split=split, out=out)


@app.command(rich_help_panel="Stages")
def evaluate(
    detections: In,
    predictions: In,
    scenes: In,
    catalogue: In,
    selection: In,
    split: Split,
    out: Out,
    curves: Annotated[Path | None, typer.Option(help="Training curves to show.")] = None,
    readme: Annotated[
        Path | None, typer.Option(help="README whose table to renew, on test.")
    ] = None,
) -> None:
    """Detections and labels -> metrics, plots and report."""
    _run(
        "evaluate",
        detections=detections,
        predictions=predictions,
        scenes=scenes,
        catalogue=catalogue,
        selection=selection,
        split=split,
        out=out,
        curves=curves,
        readme=readme,
    )


@app.command(rich_help_panel="Stages")
def bundle(
    models: In,
    raw: In,
    scenes: In,
    selection: In,
    metrics: In,
    out: Out,
    weights: Weights = None,
) -> None:
    """Model, configuration and metrics -> the folder that is deployed."""
    _run(
        "bundle",
        models=models,
        raw=raw,
        scenes=scenes,
        selection=selection,
        metrics=metrics,
        out=out,
        weights=weights,
    )


def _run(stage: str, **paths: Any) -> None:
    from factory_core.kernel import config

    import_module(f"factory_core.{stage}.stage").run(config.load(), **paths)
