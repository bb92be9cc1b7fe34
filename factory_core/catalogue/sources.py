"""The files of the scenes: where they lie, and what lies beside them."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from factory_core.kernel.errors import ConfigError, SceneError

# Those that may tell how a scene was taken, the most trusted first.
SIDECARS = (".json", ".xml", ".imd")


@dataclass(frozen=True)
class Source:
    """The files of one scene.

    Attributes:
        scene_id: Its file name without ending.
        path: The raster.
        companions: Rasters that go with it (`pan`), by name.
        beside: Every other file of its name: sidecars, overviews, masks.
    """

    scene_id: str
    path: Path
    companions: Mapping[str, Path]
    beside: tuple[Path, ...]

    @property
    def sidecars(self) -> list[Path]:
        """Those of `beside` that may tell how the scene was taken, the most trusted first."""
        files = [file for file in self.beside if file.suffix.lower() in SIDECARS]
        named = [f for f in files if f.stem in (self.scene_id, _dimap_name(self.scene_id))]
        return sorted(named, key=lambda file: SIDECARS.index(file.suffix.lower()))

    @property
    def files(self) -> list[Path]:
        """All its files."""
        return [self.path, *self.companions.values(), *self.beside]


def _dimap_name(scene_id: str) -> str:
    """`DIM_PHR1A_P_..._SEN` of `IMG_PHR1A_P_..._SEN_R1C1`, as Airbus names its deliveries."""
    name, _, piece = scene_id.rpartition("_")
    name = name if piece.startswith("R") and "C" in piece else scene_id
    return name.replace("IMG_", "DIM_", 1)


def find_scenes(
    raw: Path, pattern: str, *, companions: Mapping[str, str] | None = None
) -> dict[str, Source]:
    """Scenes under `raw` that match the glob `pattern`, by their ids, sorted.

    Args:
        raw: Folder of the raw data.
        pattern: Glob.
        companions: File name of what goes with a scene, by name, with `{scene_id}` in it, seen
            from the folder of the scene: `{"pan": "{scene_id}_PAN.tif"}`. Such a file is
            no scene of its own.

    Raises:
        SceneError: None matches, or two have one file name.
        ConfigError: The name of a companion cannot be meant.
    """
    patterns = {name: _checked(name, text) for name, text in (companions or {}).items()}
    paths = sorted(path for path in raw.glob(pattern) if path.is_file())
    with_scene = {path: _companions(path, patterns) for path in paths}
    taken = {file.resolve() for found in with_scene.values() for file in found.values()}
    paths = [path for path in paths if path.resolve() not in taken and not _is_sidecar(path)]
    if not paths:
        raise SceneError(
            f"No file under {raw} matches `catalogue.scenes` ({pattern}). Put the scenes there, "
            "or correct the pattern."
        )
    beside = _by_name(paths)
    found: dict[str, Source] = {}
    for path in paths:
        if path.stem in found:
            raise SceneError(
                f"Two scenes have the name {path.stem!r}: {found[path.stem].path} and {path}. "
                "A scene is known by its file name: rename one."
            )
        names = dict.fromkeys([path.stem, _dimap_name(path.stem)])
        near = {file for name in names for file in beside[path.parent, name]}
        near -= {path, *with_scene[path].values()}
        found[path.stem] = Source(path.stem, path, with_scene[path], tuple(sorted(near)))
    return dict(sorted(found.items()))


def _checked(name: str, text: str) -> str:
    """The pattern of a companion, if a file can have such a name.

    Raises:
        ConfigError: It lacks `{scene_id}`, has other fields, or leaves the raw data.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
    except ValueError:
        fields = []
    if fields != ["scene_id"] or Path(text).is_absolute() or name == "image":
        raise ConfigError(
            f"`catalogue.companions.{name}` must be a file name with {{scene_id}} in it, once and "
            f"nothing else in braces, seen from the folder of the scene; and no companion may be "
            f"called `image`. Received: {text!r}. Write '{{scene_id}}_PAN.tif', say."
        )
    return text


def _companions(path: Path, patterns: Mapping[str, str]) -> dict[str, Path]:
    files = {
        name: path.parent / pattern.format(scene_id=path.stem) for name, pattern in patterns.items()
    }
    return {name: file for name, file in files.items() if file.is_file() and file != path}


def _is_sidecar(path: Path) -> bool:
    return path.suffix.lower() in (*SIDECARS, ".ovr", ".msk", ".rpb")


def _by_name(paths: Iterable[Path]) -> defaultdict[tuple[Path, str], list[Path]]:
    """Files in the folders of `paths`, by folder and by each name before one of their dots."""
    found: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    for folder in sorted({path.parent for path in paths}):
        for file in sorted(file for file in folder.iterdir() if file.is_file()):
            pieces = file.name.split(".")
            for count in range(1, len(pieces)):
                found[folder, ".".join(pieces[:count])].append(file)
    return found
