"""What flows through a chain of post-processings: score maps, and detections of some shape."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Annotated, Any

from geopandas import GeoDataFrame

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.geo import ScoreMap

# Detections in a CRS in metres, with `score`, `label`, `scene_id` and geometries of one shape.
Polygons = Annotated[GeoDataFrame, "polygons"]
Lines = Annotated[GeoDataFrame, "lines"]
Points = Annotated[GeoDataFrame, "points"]

SCORE_MAP = "a score map"
ANY = "detections"
KINDS = (ScoreMap, GeoDataFrame)


def kind_of(part: Any, *, where: str) -> tuple[type, type]:
    """What a part takes and what it gives, `ScoreMap` or `GeoDataFrame`.

    Raises:
        ConfigError: They are no kind of post-processing.
    """
    takes, gives = (_class_of(hint) for hint in _hints(part, where=where))
    return takes, gives


def shapes_of(part: Any, *, where: str) -> tuple[str, str]:
    """What a part takes and what it gives, in words: a score map, or detections of a shape.

    A part of detections that names no shape takes all, and gives the shape that it took.
    """
    takes, gives = (_words(hint) for hint in _hints(part, where=where))
    return takes, gives


def _hints(part: Any, *, where: str) -> tuple[Any, Any]:
    call = type(part).__call__ if callable(part) else None
    hints = typing.get_type_hints(call, include_extras=True) if call else {}
    given = hints.pop("return", None)
    kinds: Sequence[Any] = [_class_of(hint) for hint in (*hints.values(), given)]
    if (
        len(kinds) != 2
        or any(kind not in KINDS for kind in kinds)
        or kinds == [GeoDataFrame, ScoreMap]
    ):
        raise ConfigError(
            f"`{where}` names {type(part).__name__}, whose `__call__` takes and gives "
            f"{', '.join(str(kind) for kind in kinds)}. A post-processing takes and gives ScoreMap "
            "or GeoDataFrame, and says so in its type hints."
        )
    return next(iter(hints.values())), given


def _class_of(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is Annotated:
        return str(typing.get_args(hint)[1])
    return SCORE_MAP if hint is ScoreMap else ANY
