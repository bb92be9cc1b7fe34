"""The words of the report: names of the code as people read them, and which columns come first."""

from __future__ import annotations

from collections.abc import Sequence

from factory_core.kernel.units import UNITS

PARTS = {"_m2": " in m²", "_px": " in pixels", "_m": " in metres"}
CONTEXTS = {
    "gsd_m": "size of a pixel",
    "nodata_share": "share without data",
    "off_nadir_deg": "slant of the view",
    "season": "season (0 midwinter, 1 midsummer)",
    "sun_elevation_deg": "height of the sun",
}
# Wider tables run off the page.
MOST_COLUMNS = 8
FIRST = (
    "labels",
    "found",
    "precision",
    "recall",
    "f1",
    "ap50",
    "pixel_iou",
    "boundary_iou",
    "labelled_m",
    "relaxed_precision",
    "relaxed_recall",
    "relaxed_f1",
    "apls",
    "junction_f1",
)


def context_words(name: str) -> str:
    """A context as people call it, without its unit: that stands beside its numbers.

    Example:
        >>> context_words("sun_elevation_deg"), context_words("my_relief_m")
        ('height of the sun', 'my relief')
    """
    unit = next((ending for ending in UNITS if name.endswith(ending)), "")
    return CONTEXTS.get(name) or name.removesuffix(unit).replace("_", " ")


def part_words(kind: str) -> str:
    """What a table is cut by.

    Example:
        >>> part_words("by_size_m2"), part_words("by_class")
        ('size in m²', 'class')
    """
    what = kind.removeprefix("by_")
    for ending, words in PARTS.items():
        what = what.removesuffix(ending) + words * what.endswith(ending)
    return what.replace("_", " ")


def chosen(metrics: Sequence[str]) -> list[str]:
    """The metrics that a table shows: all of a few, else those that people ask for first."""
    if len(metrics) <= MOST_COLUMNS:
        known = [name for name in FIRST if name in metrics]
        return [*known, *(name for name in metrics if name not in known)]
    known = [name for name in FIRST if name in metrics]
    return (known or list(metrics))[:MOST_COLUMNS]
