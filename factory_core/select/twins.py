"""Scenes that look alike: copies, frames a moment apart, one image under two names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from shapely.geometry.base import BaseGeometry

from factory_core.select.ground import overlap_share

BITS = 64
# Scenes with this much ground in common look alike because of it.
SAME_GROUND = 0.5


def find_twins(
    hashes: Mapping[str, object], outlines: Mapping[str, BaseGeometry], *, max_bits: int
) -> list[tuple[str, str]]:
    """Pairs of scenes whose pixels are nearly the same, and whose ground is not.

    Scenes that show the same ground may look alike and be cut there: their ground decides.

    Args:
        hashes: `image_hash` of each scene: 16 hex digits; anything else has no twin.
        outlines: Footprints, all in one CRS.
        max_bits: Bits in which the hashes of a pair may differ; negative finds none.
    """
    known = {name: int(str(value), 16) for name, value in hashes.items() if is_hash(value)}
    names = sorted(known)
    values = np.array([known[name] for name in names], dtype=np.uint64)
    return [
        (names[a], names[b])
        for a, b in near_pairs(values, max_bits=max_bits)
        if overlap_share(outlines[names[a]], outlines[names[b]]) <= SAME_GROUND
    ]


def is_hash(value: object) -> bool:
    """Whether `value` is an `image_hash`: flat scenes have none."""
    return isinstance(value, str) and len(value) == BITS // 4


def near_pairs(values: np.ndarray, *, max_bits: int) -> list[tuple[int, int]]:
    """Places of every pair of `values` that differs in at most `max_bits` of 64 bits.

    Cut into `max_bits` + 1 bands, near values agree wholly in one band at least (Manku, Jain
    and Sarma, Detecting near-duplicates for web crawling, WWW 2007): only those are compared.
    """
    if max_bits < 0:
        return []
    pairs: set[tuple[int, int]] = set()
    for low, high in _bands(max_bits + 1):
        mask = np.uint64((1 << (high - low)) - 1)
        band = (values >> np.uint64(low)) & mask
        for places in _equal(band):
            for number, place in enumerate(places[:-1].tolist()):
                others = places[number + 1 :]
                apart = np.bitwise_count(values[others] ^ values[place])
                pairs |= {(place, other) for other in others[apart <= max_bits].tolist()}
    return sorted(pairs)


def _bands(count: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, BITS, min(count, BITS) + 1).astype(int).tolist()
    return list(pairwise(edges))


def _equal(band: np.ndarray) -> Iterator[np.ndarray]:
    """Places, ascending, of each value that stands more than once."""
    order = np.argsort(band, kind="stable")
    starts = np.flatnonzero(np.diff(band[order], prepend=~band[order][:1]))
    return (places for places in np.split(order, starts[1:]) if len(places) > 1)


def copies_of(value: int, known: Mapping[str, int], *, max_bits: int) -> Sequence[str]:
    """Names of the scenes whose hash differs from `value` in at most `max_bits`."""
    return [name for name, own in known.items() if (own ^ value).bit_count() <= max_bits]
