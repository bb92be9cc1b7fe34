"""What there is to choose, what is chosen, what it costs, and the search for the best."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from factory_core.cli.options import MaybePage, Split
from factory_core.kernel.errors import ConfigError

app = typer.Typer()


@app.command(rich_help_panel="Around")
def compose(
    overrides: Annotated[list[str] | None, typer.Argument(help="Hydra overrides.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether params.yaml is current.")
    ] = False,
) -> None:
    """Compose conf/ into params.yaml, or check that it is composed."""
    from factory_core.kernel import config, io

    composed = config.compose(overrides=overrides or [])
    import_module("factory_core.space.sections").check_sections(composed)
    text = config.to_yaml(composed)
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


@app.command(name="running-points", rich_help_panel="Choices")
def running_points(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="POINTS.yaml")],
    promote: Annotated[
        int, typer.Option(min=0, help="So many of the best become DVC experiments.")
    ] = 0,
) -> None:
    """Search the values of merging and post-processing on val. Killed, it goes on."""
    for line in import_module("factory_core.running_points.search").search(file, promote=promote):
        typer.echo(line)


@app.command(rich_help_panel="Choices")
def compare(
    first: Annotated[str, typer.Argument(metavar="REV", help="Tag, commit or experiment.")],
    second: Annotated[
        str | None,
        typer.Argument(metavar="[REV]", help="The newer one; without it: the workspace."),
    ] = None,
    split: Split = "test",
    by: Annotated[
        str | None, typer.Option(help="Number that decides, f1 say; else the first there is.")
    ] = None,
    out: MaybePage = None,
    objects: Annotated[
        Path | None,
        typer.Option(help="File.parquet, .geojson or .gpkg for the objects that differ."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
) -> None:
    """Say which of two versions is better on the same scenes, and where they differ."""
    import_module("factory_core.evaluate.compare.command").compare(
        first, second, split=split, by=by, out=out, objects=objects, as_json=as_json
    )
