"""`factory <command>`: the stages of the pipeline in their order, and what goes with them."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from factory_core.cli import choices, data, deployed, stages
from factory_core.kernel.errors import FactoryError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build, compare, release and re-create detectors on satellite and aerial imagery.",
)
for commands in (stages, deployed, data, choices):
    app.add_typer(commands.app)


def main() -> None:
    """Run the command line; a user's mistake ends in one message and status 1."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        app()
    except FactoryError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
