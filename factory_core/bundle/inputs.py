"""Raw scenes that are named one by one or by their folder, and the file for what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from factory_core.bundle.detector import companion_file
from factory_core.kernel.errors import OutputError, SceneError

RASTERS = (".tif", ".tiff")


def find_raw_scenes(given: Sequence[Path], *, companions: Mapping[str, str]) -> list[Path]:
    """The scenes in the order given, those of a folder by their names.

    Args:
        given: Files, and folders whose GeoTIFFs at any depth are meant, hidden ones left out.
        companions: Name of a companion -> pattern of its file, seen from the folder of a scene:
            in a folder these are no scenes.

    Raises:
        SceneError: A folder has no scene, or two scenes have one name.
    """
    found = [scene for place in given for scene in _scenes_at(place, companions)]
    named: dict[str, Path] = {}
    for scene in found:
        if scene.stem in named:
            same = named[scene.stem].resolve() == scene.resolve()
            raise SceneError(
                f"{scene} is given twice: name it once."
                if same
                else f"Two scenes have the name {scene.stem!r}: {named[scene.stem]} and {scene}. A "
                "scene is known by its file name, in `scene_id`: rename one."
            )
        named[scene.stem] = scene
    return found


def _scenes_at(place: Path, companions: Mapping[str, str]) -> list[Path]:
    if not place.is_dir():
        return [place]
    files = sorted(
        file
        for file in place.rglob("*")
        if file.suffix.lower() in RASTERS
        and file.is_file()
        and not any(name.startswith(".") for name in file.relative_to(place).parts)
    )
    beside = {
        other.resolve()
        for file in files
        for name, pattern in companions.items()
        for other in (
            file.parent / pattern.format(scene_id=file.stem),
            companion_file(file, name),
        )
        if other != file
    }
    scenes = [file for file in files if file.resolve() not in beside]
    if not scenes:
        raise SceneError(
            f"{place} has no scene: no file that ends in {' or '.join(RASTERS)}, at any depth. "
            "Name another folder, or the files of other formats one by one."
        )
    return scenes


def check_out(out: Path, *, endings: Sequence[str]) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        OutputError: It has another ending, is a folder, or its folder is missing or not writable.
    """
    if out.suffix not in endings:
        raise OutputError(
            f"{out} has the ending {out.suffix!r}. Expected one of {', '.join(endings)}."
        )
    if out.is_dir():
        raise OutputError(f"{out} is a folder. Name a file in it.")
    if not out.parent.is_dir():
        raise OutputError(
            f"{out} cannot be written: there is no folder {out.parent}. Make it first, or name "
            "another place."
        )
    try:
        beside = out.with_name(f".{out.name}.may-be-written")
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}. Name another place."
        ) from error
