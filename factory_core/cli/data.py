"""Data in, data out, and a look at what there is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from factory_core.cli.options import In, MaybePage, Page

app = typer.Typer()


@app.command(rich_help_panel="Around")
def sample(
    name: Annotated[str, typer.Argument(help="airfield or neon_trees.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    size: Annotated[
        int,
        typer.Option(
            help="Side of a generated scene in pixels, larger is heavier; 0: what the sample is "
            "meant for, 512 of airfield."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of a generated sample.")] = 0,
) -> None:
    """Write sample imagery with labels."""
    import_module("factory_core.sources.samples").write_sample(
        name, out=out, size_px=size or None, seed=seed
    )
    typer.echo(f"The sample {name} is in {out}.")


@app.command(name="import", rich_help_panel="Around")
def import_(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="`factory parts format`.")],
    source: Annotated[str, typer.Argument(help="File, folder, ZIP file or address.")],
    out: Annotated[
        Path, typer.Option(help="Raw data: gets scenes/, labels/ and a receipt in imports/.")
    ] = Path("data/raw"),
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images; else that of SOURCE, or the scenes of --out."),
    ] = None,
    resolution_m: Annotated[
        float | None, typer.Option(help="Side of a pixel of images without a place.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, an option of the format.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="old=new class, or a YAML file of them.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the file of labels; else that of SOURCE.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the labels in the place of others of that name.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave bad records out, list them, end with 1.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend polygons that cross themselves, and count them.")
    ] = False,
) -> None:
    """Labels and images of others -> raw data, whole or not at all."""
    exchange = import_module("factory_core.sources.exchange")
    request = exchange.Request(
        form=form,
        source=source,
        images=images,
        resolution_m=resolution_m,
        settings=settings or (),
        renames=rename or (),
        name=name,
        replace=replace,
        keep_going=keep_going,
        repair=repair,
    )
    receipt = exchange.import_labels(request, raw=out)
    for line in exchange.told_import(receipt):
        typer.echo(line)
    if receipt["refused"]:
        raise typer.Exit(1)


@app.command(rich_help_panel="Around")
def export(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="`factory parts format`.")],
    out: Annotated[Path, typer.Option(help="File or folder to write; not there yet.")],
    raw: Annotated[Path, typer.Option(exists=True, help="Raw data with scenes/.")] = Path(
        "data/raw"
    ),
    labels: Annotated[str, typer.Option(help="Which labels: a glob under --raw.")] = "labels/*",
    scenes: Annotated[str, typer.Option(help="Which scenes: a pattern of their ids.")] = "*",
    detections: Annotated[
        Path | None, typer.Option(exists=True, help="Detections in place of labels.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, an option of the format.")
    ] = None,
) -> None:
    """Labels or detections -> the format of another tool."""
    for line in import_module("factory_core.sources.export").export_labels(
        form,
        raw=raw,
        out=out,
        labels=labels,
        scenes=scenes,
        detections=detections,
        settings=settings or (),
    ):
        typer.echo(line)


@app.command(rich_help_panel="Around")
def mosaic(
    scenes: Annotated[list[Path], typer.Argument(exists=True, help="The first is on top.")],
    out: Annotated[Path, typer.Option(help="GeoTIFF to write.")],
) -> None:
    """Make one scene of many that share a grid."""
    import_module("factory_core.process.mosaic").write_mosaic(scenes, out=out)


@app.command(rich_help_panel="Around")
def explore(
    catalogue: In,
    out: Page,
    raw: Annotated[
        Path | None, typer.Option(exists=True, help="The raw data, for pictures of the scenes.")
    ] = None,
) -> None:
    """Show what a catalogue holds, and what it lacks, on one HTML page."""
    import_module("factory_core.catalogue.explore.page").write_page(catalogue, out=out, raw=raw)


@app.command(name="dataset-diff", rich_help_panel="Around")
def dataset_diff(
    first: Annotated[str, typer.Argument(metavar="REV", help="Tag, branch or commit.")],
    second: Annotated[
        str | None, typer.Argument(metavar="[REV]", help="Without it: the workspace.")
    ] = None,
    out: MaybePage = None,
) -> None:
    """Show what changed in scenes, labels and splits between two Git revisions."""
    import_module("factory_core.select.dataset_diff").dataset_diff(first, second, out=out)
