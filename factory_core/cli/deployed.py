"""What a deployed bundle does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

Bundle = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
Scenes = Annotated[
    list[Path], typer.Argument(exists=True, help="Raw scenes, or folders of GeoTIFFs.")
]

app = typer.Typer()


@app.command(name="predict-bundle", rich_help_panel="Deployed")
def predict_bundle(
    bundle: Bundle,
    scenes: Scenes,
    out: Annotated[Path, typer.Option(help="File.gpkg, .geojson or .parquet to write.")],
    join: Annotated[
        bool, typer.Option(help="Make one detection of an object that several scenes show.")
    ] = True,
    tolerance_px: Annotated[
        float, typer.Option(help="How far, for that, what an edge cuts may lie apart.")
    ] = 2.0,
) -> None:
    """Find objects in raw scenes with a bundle."""
    predict = import_module("factory_core.bundle.predict").predict_bundle
    typer.echo(predict(bundle, scenes, out=out, join=join, tolerance_px=tolerance_px))


@app.command(rich_help_panel="Deployed")
def latency(
    bundle: Bundle,
    scenes: Scenes,
    repeats: Annotated[int, typer.Option(help="How often each scene is timed.")] = 5,
    out: Annotated[Path | None, typer.Option(help="File.json to write.")] = None,
) -> None:
    """Say how long a bundle takes on this machine, from a scene on disk to its detections."""
    module = import_module("factory_core.bundle.latency")
    found = module.measure_latency(bundle, scenes, repeats=repeats, out=out)
    typer.echo("\n".join(module.describe(found)))
