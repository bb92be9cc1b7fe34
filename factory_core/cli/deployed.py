"""What a deployed bundle does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(name="predict-bundle", rich_help_panel="Deployed")
def predict_bundle(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    scene: Annotated[Path, typer.Argument(exists=True)],
    out: Annotated[Path, typer.Option(help="File.gpkg, .geojson or .parquet to write.")],
) -> None:
    """Find objects in one raw scene with a bundle."""
    import_module("factory_core.bundle.predict").predict_bundle(bundle, scene, out=out)
