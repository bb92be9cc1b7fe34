"""What `factory import` does: labels and images of others in, among the raw data."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import yaml

from factory_core.kernel import io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, LabelError, nearest
from factory_core.kernel.parts import load_part
from factory_core.sources import corrections, deposit, texts
from factory_core.sources.annotations import Annotations, Format, Ledger
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.placing import by_scene, place

SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Request:
    """What is to be imported, as the command line states it.

    Attributes:
        form: Name of the format.
        source: File, folder, ZIP file or address.
        images: Where the images lie, all of which come along with labels that name none;
            None takes the folder of `source`, or if that has none the scenes already there.
        resolution_m: Side of a pixel of images that do not tell their place.
        settings: `key=value` for the options of the format.
        renames: `old=new` for classes, or a YAML file of them.
        name: Of the labels; None takes that of `source`.
        replace: Put the labels in the place of others of that name.
        keep_going: Leave bad records out.
        repair: Mend polygons that cross themselves.
    """

    form: str
    source: str
    images: Path | None = None
    resolution_m: float | None = None
    settings: Sequence[str] = ()
    renames: Sequence[str] = ()
    name: str | None = None
    replace: bool = False
    keep_going: bool = False
    repair: bool = False


def import_labels(request: Request, *, raw: Path) -> dict[str, Any]:
    """Read labels with their images, and put them among the raw data, whole or not at all.

    Args:
        request: What to import.
        raw: Gets `scenes/`, `labels/<name>.parquet` and the receipt `imports/<name>.json`.

    Returns:
        The receipt: what came, what was lost, what was refused.

    Raises:
        FactoryError: The source, its images or the request are wrong; `raw` is as it was.
    """
    form = build_format(request.form, request.settings)
    renames = _renames(request.renames)
    name = _name(request)
    ledger = Ledger(keep_going=request.keep_going, repair=request.repair)
    fetched = raw / ".fetched"
    with _unpacked(request.source) as source:
        images = ImageFolder(_image_folder(request, source, raw), request.resolution_m, fetched)
        found = form.read(source, images=images, ledger=ledger)  # type: ignore[arg-type]  # or an address
        if request.images is not None and found.loose and not found.images:
            # Labels that are placed by location: the images are those that were named.
            found = replace(found, images=images.all())
        if not found.images and not len(found):
            first = (
                f" The first of {len(told)} problems: {told[0]}" if (told := _told(ledger)) else ""
            )
            raise LabelError(
                f"{request.source} holds no images and no labels that could be taken.{first}"
            )
        found = _renamed(found, renames)
        with deposit.staging(raw) as work:
            known = deposit.stage_scenes(found.images, raw, work)
            files = deposit.stage_labels(found, name, work)
            deposit.check_labels(files, raw, work, replace=request.replace)
            receipt = {
                **_account(request, found, ledger),
                "images not taken": _not_taken(images, found, raw),
                "files": {
                    f"{deposit.LABELS}/{file}": deposit.digest(work / deposit.LABELS / file)
                    for file in files
                },
            }
            if request.replace:
                receipt["corrections"] = _corrections(raw, name, found)
            outdated = _outdated(raw, name, files) if request.replace else []
            io.write_json(receipt, work / deposit.RECEIPTS / f"{name}.json")
            deposit.move_in(work, raw, outdated=outdated)
    shutil.rmtree(fetched, ignore_errors=True)
    return {**receipt, "scenes already there": known}


def build_format(name: str, settings: Sequence[str]) -> Format:
    """The format of that name, its options set by `key=value`.

    Raises:
        ConfigError: There is no such format, or no such option of that type.
    """
    node = load_part("format", name)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"`--set` takes key=value. Received: {setting!r}.")
        node[key.strip()] = yaml.safe_load(value) if value else ""
    form: Format = build(node, where=name)
    return form


def _renames(stated: Sequence[str]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for text in stated:
        old, equals, new = text.rpartition("=")
        if equals and old and new:
            renames[old] = new
        elif text.endswith((".yaml", ".yml")):
            content = yaml.safe_load(texts.read_text(Path(text)))
            if not isinstance(content, Mapping):
                raise ConfigError(f"{text} must be a mapping of old to new names of classes.")
            renames |= {str(key): str(value) for key, value in content.items()}
        else:
            raise ConfigError(f"`--rename` takes old=new or a YAML file. Received: {text!r}.")
    return renames


def _name(request: Request) -> str:
    name = request.name or Path(request.source.rstrip("/")).name.split(".")[0] or request.form
    name = name if request.name else re.sub(r"[^\w-]+", "_", name)
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise ConfigError(
            f"`--name` may hold letters, digits, `_`, `-` and `.`. Received: {name!r}."
        )
    return name


@contextmanager
def _unpacked(source: str) -> Iterator[Path | str]:
    """The source; a ZIP file as a folder, or as the one thing that it holds."""
    if "://" in source:
        yield source
        return
    path = Path(source)
    if not path.exists():
        raise LabelError(f"{path} does not exist. Name a file, a folder or a ZIP file.")
    if path.suffix.lower() != ".zip":
        yield path
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        texts.unpack(path, folder)
        inside = [entry for entry in folder.iterdir() if entry.name != "__MACOSX"]
        yield inside[0] if len(inside) == 1 else folder


def _image_folder(request: Request, source: Path | str, raw: Path) -> Path | None:
    if request.images is not None:
        if not request.images.is_dir():
            raise ConfigError(f"`--images` names no folder: {request.images}.")
        return request.images
    scenes = raw / deposit.SCENES
    if isinstance(source, str):
        return scenes if scenes.is_dir() else None
    folder = source if source.is_dir() else source.parent
    if scenes.is_dir() and not ImageFolder(folder).has_any():
        return scenes
    return folder


def _renamed(found: Annotations, renames: Mapping[str, str]) -> Annotations:
    if not renames:
        return found
    frames = [*found.labels.values(), *found.loose]
    classes = {str(name) for frame in frames for name in frame["label"].unique()}
    for old in renames:
        if old not in classes:
            raise ConfigError(
                f"`--rename` names a class that is not there: {old!r}.{nearest(old, classes)} "
                f"Classes: {', '.join(sorted(classes)) or 'none'}."
            )
    return replace(
        found,
        labels={key: _with_names(frame, renames) for key, frame in found.labels.items()},
        loose=tuple(_with_names(frame, renames) for frame in found.loose),
    )


def _with_names(frame: gpd.GeoDataFrame, renames: Mapping[str, str]) -> gpd.GeoDataFrame:
    named: gpd.GeoDataFrame = frame.assign(label=frame["label"].replace(dict(renames)))
    return named


def _account(request: Request, found: Annotations, ledger: Ledger) -> dict[str, Any]:
    frames = [*found.labels.values(), *found.loose]
    classes = Counter(str(label) for frame in frames for label in frame["label"])
    return {
        "format": request.form,
        "source": request.source,
        "settings": list(request.settings),
        "renames": list(request.renames),
        "images": len(found.images),
        "images without labels": len(set(found.images) - set(found.labels)),
        "images at a made-up place": sum(not image.has_place for image in found.images.values()),
        "labels": dict(sorted(classes.items())),
        "lost": dict(sorted(ledger.lost.items())),
        "repaired": ledger.repaired,
        "refused": _told(ledger),
    }


def _not_taken(images: ImageFolder, found: Annotations, raw: Path) -> int:
    """How many images of the folder the labels do not speak of; those in `raw` are not meant."""
    if images.folder is None or images.folder.resolve().is_relative_to(raw.resolve()):
        return 0
    return len(set(images.paths) - set(found.images))


def _told(ledger: Ledger) -> list[str]:
    return [f"{each.file}, {each.record}: {each.message}" for each in ledger.problems]


def _corrections(raw: Path, name: str, found: Annotations) -> dict[str, list[str]]:
    """What the labels that come change in those of an earlier import of this name."""
    files = [
        raw / deposit.LABELS / f"{name}{kind}.parquet"
        for kind in ("", *(f"_{kind}" for kind in deposit.KINDS.values()))
    ]
    images = {**ImageFolder(raw / deposit.SCENES).all(), **found.images}
    frames = [_on_images(path, images) for path in files if path.is_file()]
    before = dict(by_scene(frames, found.images))
    changes = corrections.compare(before, found.labels, images=found.images)
    return {kind: list(ids) for kind, ids in asdict(changes).items()}


def _on_images(path: Path, images: Mapping[str, Image]) -> gpd.GeoDataFrame:
    """The labels of a file on their images; those that lie on none were never sent out."""
    frame = io.read_vectors(path)
    try:
        return place(frame, images, path)
    except LabelError:
        return frame[frame["scene_id"].isin(images)]


def _outdated(raw: Path, name: str, files: Sequence[str]) -> list[Path]:
    """Labels of an earlier import of this name that has other kinds of geometry."""
    receipt = raw / deposit.RECEIPTS / f"{name}.json"
    if not receipt.is_file():
        return []
    paths = [raw / file for file in io.read_json(receipt)["files"]]
    return [path for path in paths if path.name not in files and path.is_file()]


def told_import(receipt: Mapping[str, Any]) -> Iterator[str]:
    """The receipt as lines for people."""
    placeless = receipt["images at a made-up place"]
    yield (
        f"{receipt['images']} images"
        f" ({receipt['images without labels']} without labels"
        + (f", {placeless} at a made-up place" if placeless else "")
        + (f", {there} already there" if (there := receipt["scenes already there"]) else "")
        + ")"
    )
    if receipt["images not taken"]:
        yield f"images beside them that the labels do not name: {receipt['images not taken']}"
    yield from table("labels", receipt["labels"])
    yield from table("lost", receipt["lost"])
    yield from table(
        "corrections",
        {kind: len(ids) for kind, ids in receipt.get("corrections", {}).items() if ids},
    )
    if receipt["repaired"]:
        yield f"repaired: {receipt['repaired']}"
    refused = receipt["refused"]
    if refused:
        yield f"refused: {len(refused)}"
        yield from (f"  {line}" for line in refused[:SHOWN_PROBLEMS])
        if len(refused) > SHOWN_PROBLEMS:
            yield f"  and {len(refused) - SHOWN_PROBLEMS} more, all in the receipt"


def table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Counts as lines for people, nothing where there are none."""
    if counts:
        width = max(len(name) for name in counts)
        yield f"{title}: {sum(counts.values())}"
        yield from (f"  {name:<{width}}  {count:>8}" for name, count in counts.items())
