"""Images alone, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, drawn_on
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import FEATURES, Loss


@dataclass(frozen=True)
class Images:
    """Images alone: every one of a folder, or those that a text file names, one a line."""

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        feature: Loss.LEFT_OUT
        for feature in FEATURES
        if feature not in ("class names", "images without labels")
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """The images of a folder, or of a list."""
        drawings = Drawings(images, ledger=ledger)
        if source.is_dir():
            drawings.add_background()
            return drawings.annotations()
        for number, line in enumerate(texts.read_text(source).splitlines(), start=1):
            with ledger.record(source, f"line {number}"):
                if line.strip():
                    drawings.start(line.strip())
        if not drawings.annotations().images and not ledger.problems:
            raise LabelError(f"{source} names no image. Expected one file name a line.")
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write a list of the images; every label is counted as lost."""
        drawn = drawn_on(annotations, cannot=self.cannot_carry, ledger=ledger)
        out.write_text("".join(f"{image.file_name}\n" for image, _ in drawn), encoding="utf-8")
