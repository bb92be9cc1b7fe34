"""What `factory export` does: labels or detections out, for the tools of others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from factory_core.catalogue.labels import find_labels
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError, SceneError
from factory_core.sources import deposit
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.exchange import build_format, table
from factory_core.sources.images import ImageFolder
from factory_core.sources.placing import by_scene, place


def export_labels(
    form: str,
    *,
    raw: Path,
    out: Path,
    labels: str = "labels/*",
    scenes: str = "*",
    detections: Path | None = None,
    settings: Sequence[str] = (),
) -> Iterator[str]:
    """Write labels, or detections, on the scenes of `raw` in another format.

    Args:
        form: Name of the format.
        raw: Holds `scenes/`.
        out: File or folder to write, by the format; it must not be there yet.
        labels: Glob under `raw` of the labels to take.
        scenes: Pattern of the ids of the scenes to take; those without labels go out as
            background.
        detections: GeoParquet of detections to take in their place, with the scenes it names.
        settings: `key=value` for the options of the format.

    Returns:
        What was written and what was lost, as lines for people.

    Raises:
        FactoryError: Labels or scenes are wrong, or `out` is there.
    """
    built = build_format(form, settings)
    if not hasattr(built, "write"):
        raise ConfigError(f"{form!r} is only read. `factory parts format` lists the others.")
    if out.exists():
        raise OutputError(f"{out} is there already. Choose another name, or delete it first.")
    images = ImageFolder(raw / deposit.SCENES).all()
    if detections is not None:
        frames = [place(io.read_vectors(detections), images, detections)]
        named = {name for frame in frames for name in frame["scene_id"]}
        images = {name: image for name, image in images.items() if name in named}
    else:
        frames = [place(io.read_vectors(path), images, path) for path in find_labels(raw, labels)]
        images = {name: image for name, image in images.items() if fnmatchcase(name, scenes)}
        if not images:
            raise SceneError(f"No scene under {raw} matches `--scenes` ({scenes}).")
    annotations = Annotations(images, dict(by_scene(frames, images)))
    ledger = Ledger()
    work = out.with_name(f".{out.stem}.partial{out.suffix}")
    deposit.remove(work)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.write(annotations, work, ledger=ledger)
        os.replace(work, out)
    finally:
        deposit.remove(work)
    yield f"{len(annotations)} labels on {len(annotations.labels)} of {len(images)} images: {out}"
    yield from table("lost", dict(sorted(ledger.lost.items())))
