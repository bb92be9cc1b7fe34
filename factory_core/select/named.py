"""Scenes that are in a split as a whole because the user names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from factory_core.kernel.errors import SelectionError, nearest
from factory_core.select.units import Pool, Unit


def match_names(scene_ids: Sequence[str], globs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The split of each scene whose name matches a glob.

    Args:
        scene_ids: The chosen scenes.
        globs: Split -> globs.

    Raises:
        SelectionError: A glob matches no scene, or a scene is in two splits.
    """
    named: dict[str, str] = {}
    for split, patterns in globs.items():
        for glob in patterns:
            matched = [name for name in scene_ids if fnmatchcase(name, glob)]
            if not matched:
                raise SelectionError(
                    f"`select.split.{split}_scenes` names {glob!r}, which matches none of the "
                    f"{len(scene_ids)} selected scenes.{nearest(glob, scene_ids)}"
                )
            for name in matched:
                if named.setdefault(name, split) != split:
                    raise SelectionError(
                        f"The scene {name!r} is both in `select.split.{named[name]}_scenes` and in "
                        f"`select.split.{split}_scenes`. Keep it in one."
                    )
    return named


def named_units(pool: Pool, named: Mapping[str, str]) -> list[Unit]:
    """A unit for each named scene."""
    return [
        Unit({name: pool.outlines[name].iloc[0]}, split=split, firm=True, whole=True)
        for name, split in sorted(named.items())
    ]
