"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

In = Annotated[Path, typer.Option(exists=True, help="Written by an earlier stage.")]
Out = Annotated[Path, typer.Option(help="Replaced whole, or left as it was.")]
Weights = Annotated[
    Path | None, typer.Option(exists=True, help="Of the models; without it all count the same.")
]
Split = Annotated[str, typer.Option(help="val or test.")]
