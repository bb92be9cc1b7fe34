"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factory_core.kernel.errors import ConfigError


def _html(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"`--out` is a page: name a file that ends in .html. Received: {path}.")
    return path


In = Annotated[Path, typer.Option(exists=True, help="Written by an earlier stage.")]
Out = Annotated[Path, typer.Option(help="Replaced whole, or left as it was.")]
Weights = Annotated[
    Path | None, typer.Option(exists=True, help="Of the models; without it all count the same.")
]
Split = Annotated[str, typer.Option(help="val or test.")]
Page = Annotated[Path, typer.Option(help="HTML file to write.", callback=_html)]
MaybePage = Annotated[Path | None, typer.Option(help="HTML file to write.", callback=_html)]
