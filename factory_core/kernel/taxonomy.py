"""The class tree of a detector, up to four levels deep."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from factory_core.kernel.errors import TaxonomyError

MAX_LEVELS = 4


@dataclass(frozen=True)
class Taxonomy:
    """Classes as paths from the root, `aircraft/civil/transport/wide_body`.

    A class is known by the last name of its path, so a name may stand only once
    in the tree; a label may name a leaf, an inner class or a whole path.

    Args:
        classes: Paths of the leaves, names joined by `/`, one to four names each.
        level: Level at which the detector is trained and scored, 1 for the root
            classes. Deeper labels count as their ancestor of that level.

    Raises:
        TaxonomyError: No class, a name twice in different places, a path too deep.
    """

    classes: tuple[str, ...]
    level: int = 1

    def __post_init__(self) -> None:
        if not self.classes:
            raise TaxonomyError(
                "The taxonomy has no class. List at least one under `taxonomy.classes`."
            )
        parents: dict[str, str] = {}
        for path in self.classes:
            names = path.split("/")
            if len(names) > MAX_LEVELS or not all(_is_name(name) for name in names):
                raise TaxonomyError(
                    f"A class is one to {MAX_LEVELS} names of letters, digits, `_` and `-`, "
                    f"joined by `/`. Received: {path!r}."
                )
            for depth, name in enumerate(names):
                parent = "/".join(names[:depth])
                if parents.setdefault(name, parent) != parent:
                    raise TaxonomyError(
                        f"The class name {name!r} stands twice in the taxonomy, under "
                        f"{parents[name]!r} and {parent!r}. Give each its own name."
                    )
        if not 1 <= self.level <= MAX_LEVELS:
            raise TaxonomyError(
                f"`taxonomy.level` must lie in [1, {MAX_LEVELS}]. Received: {self.level}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes that the model tells apart, in the order of its outputs."""
        return self.names_at(self.level)

    def names_at(self, level: int) -> tuple[str, ...]:
        """Names of the classes at `level`; a shallower leaf stands for itself."""
        cut = (path.split("/")[:level][-1] for path in self.classes)
        return tuple(dict.fromkeys(cut))

    def all_names(self) -> tuple[str, ...]:
        """Every name of the tree, root classes first."""
        return tuple(
            dict.fromkeys(
                name for level in range(1, MAX_LEVELS + 1) for name in self.names_at(level)
            )
        )

    def path(self, label: str) -> tuple[str, ...]:
        """Names from the root down to `label`, itself included.

        Raises:
            TaxonomyError: `label` is not in the tree; names the nearest that is.
        """
        wanted = label.split("/")
        for path in self.classes:
            names = path.split("/")
            for depth in range(1, len(names) + 1):
                if names[:depth] == wanted or wanted == [names[depth - 1]]:
                    return tuple(names[:depth])
        known = self.all_names()
        near = difflib.get_close_matches(label, known, n=1, cutoff=0.0)
        raise TaxonomyError(
            f"The class {label!r} is not in the taxonomy ({', '.join(known)}). "
            f"Nearest: {near[0]!r}. Correct the label, or add the class to `taxonomy.classes`."
        )

    def at(self, label: str, level: int) -> str | None:
        """Ancestor of `label` at `level`, or None where `label` itself is shallower.

        A leaf that ends above `level` stands for itself.
        """
        path = self.path(label)
        if len(path) >= level:
            return path[level - 1]
        return path[-1] if "/".join(path) in self.classes else None

    def roll_up(self, labels: Iterable[str], level: int | None = None) -> list[str | None]:
        """Each of `labels` at `level` (default: the level of training), None where too coarse."""
        level = self.level if level is None else level
        labels = list(labels)
        known = {label: self.at(label, level) for label in dict.fromkeys(labels)}
        return [known[label] for label in labels]


def _is_name(name: str) -> bool:
    return bool(name) and name.replace("_", "").replace("-", "").replace(" ", "").isalnum()
