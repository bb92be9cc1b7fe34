"""`factory <command>`: the stages of the pipeline in their order, and what goes with them."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from factory_core.kernel.errors import ConfigError, FactoryError

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

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build, compare, release and re-create detectors on satellite and aerial imagery.",
)

In = Annotated[Path, typer.Option(exists=True, help="Written by an earlier stage.")]
Out = Annotated[Path, typer.Option(help="Replaced whole, or left as it was.")]
Weights = Annotated[
    Path | None, typer.Option(exists=True, help="Of the models; without it all count the same.")
]
Split = Annotated[str, typer.Option(help="val or test.")]


def main() -> None:
    """Run the command line; a user's mistake ends in one message and status 1."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        app()
    except FactoryError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)


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


@app.command(name="predict-bundle", rich_help_panel="Deployed")
def predict_bundle(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    scene: Annotated[Path, typer.Argument(exists=True)],
    out: Annotated[Path, typer.Option(help="File.gpkg, .geojson or .parquet to write.")],
) -> None:
    """Find objects in one raw scene with a bundle."""
    import_module("factory_core.bundle.predict").predict_bundle(bundle, scene, out=out)


@app.command(rich_help_panel="Around")
def sample(
    name: Annotated[str, typer.Argument(help="airfield or neon_trees.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    size: Annotated[
        int, typer.Option(help="Side of a generated scene in pixels; larger is heavier.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of a generated sample.")] = 0,
) -> None:
    """Write sample imagery with labels."""
    import_module("factory_core.sources.samples").write_sample(
        name, out=out, size_px=size or None, seed=seed
    )


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
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
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
    out: Annotated[Path | None, typer.Option(help="HTML file for a map.")] = None,
) -> None:
    """Show what changed in scenes, labels and splits between two Git revisions."""
    import_module("factory_core.select.dataset_diff").dataset_diff(first, second, out=out)


@app.command(rich_help_panel="Around")
def compose(
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether params.yaml is current.")
    ] = False,
) -> None:
    """Compose conf/ into params.yaml, or check that it is composed."""
    from factory_core.kernel import config, io

    text = config.to_yaml(config.compose(overrides=overrides or []))
    current = config.PARAMS.read_text(encoding="utf-8") if config.PARAMS.is_file() else ""
    if text == current:
        typer.echo(f"{config.PARAMS} is current.")
    elif check:
        raise ConfigError(
            f"{config.PARAMS} differs from what conf/ composes to: it was edited by hand, or conf/ "
            "or the code has changed since. Write it with `factory compose`."
        )
    else:
        with io.staged_file(config.PARAMS) as work:
            work.write_text(text, encoding="utf-8")
        typer.echo(f"{config.PARAMS} written.")


@app.command(rich_help_panel="Around")
def parts(
    kind: Annotated[str | None, typer.Argument(help="A folder of conf/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array.")] = False,
) -> None:
    """List the parts to choose from, with their fields and defaults."""
    from factory_core.kernel.parts import list_parts

    found = list_parts(kind)
    if as_json:
        typer.echo(json.dumps([part.as_dict() for part in found], indent=2))
        return
    for name in dict.fromkeys(part.kind for part in found):
        typer.secho(name, bold=True)
        for part in found:
            if part.kind == name:
                typer.echo(f"  {part.name}: {part.help}")
                if part.brings:
                    brought = " ".join(f"{key}={value}" for key, value in part.brings.items())
                    typer.secho(f"      brings {brought}", dim=True)
                for field, default in part.fields.items():
                    text = json.dumps(default)
                    if "${" not in text:  # what it takes from other groups
                        typer.secho(f"      {field}: {text}", dim=True)


@app.command(rich_help_panel="Choices")
def space(
    check: Annotated[int, typer.Option(help="Build so many, drawn at random.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw, and of the list of --cover.")] = 0,
    cover: Annotated[
        str | None, typer.Option(help="pairwise: a short list in which all pairs meet.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the list of --cover.")] = None,
    priced: Annotated[
        bool, typer.Option("--priced", help="Parameters and operations in each line of --cover.")
    ] = False,
    hold: Annotated[
        list[str] | None, typer.Option(help="Leave a choice as it is, or as GROUP=OPTION says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The count and its factors.")] = False,
) -> None:
    """Count the configurations there are to choose from; check some, or cover their pairs."""
    command = import_module("factory_core.space.command")
    if check:
        failures = command.run_check(check, seed=seed, hold=hold or ())
        for line in failures:
            typer.echo(line)
        raise typer.Exit(1 if failures else 0)
    if cover is not None:
        typer.echo(
            command.run_cover(cover, seed=seed, hold=hold or (), priced=priced, out=out), nl=False
        )
        return
    typer.echo(command.run_count(hold=hold or (), as_json=as_json))


@app.command(rich_help_panel="Choices")
def price(
    overrides: Annotated[
        list[str] | None, typer.Option("--set", "-S", help="As `dvc exp run -S`.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(help="Of train; else those of data/dataset/stats.json.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps to time; 0 only counts.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
) -> None:
    """Say what a configuration costs before it runs: parameters, operations, memory, time."""
    module = import_module("factory_core.space.price")
    found = module.price(overrides or (), windows=windows, steps=steps)
    lines = [json.dumps(found.as_dict(), indent=2)] if as_json else module.describe(found)
    typer.echo("\n".join(lines))


@app.command(rich_help_panel="Choices")
def tune(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="TUNE.yaml")],
) -> None:
    """Search over a configuration; every trial is a DVC experiment. Killed, it goes on."""
    for line in import_module("factory_core.tune.study").tune(file):
        typer.echo(line)


def _run(stage: str, **paths: Any) -> None:
    from factory_core.kernel import config

    import_module(f"factory_core.{stage}.stage").run(config.load(), **paths)


if __name__ == "__main__":
    main()
