"""A short list of configurations in which every pair of choices meets.

Rows are made one after the other, each greedily so that it brings as many pairs that have not met
as possible: Cohen et al. 1997, The AETG system (https://doi.org/10.1109/32.605761), with the
valid products of choices in place of its constraints.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from factory_core.kernel.compute import progress
from factory_core.space.space import Product, Space

Choice = tuple[str, str]
Pair = frozenset[Choice]
# Rows that are tried for each that is taken.
TRIED = 12


def pairs_of(product: Product) -> Iterator[Pair]:
    """Every pair of choices that some configuration of a product has."""
    for (one, firsts), (two, seconds) in combinations(product.options.items(), 2):
        for first in firsts:
            for second in seconds:
                yield frozenset({(one, first), (two, second)})


def pairs_in(row: Mapping[str, str]) -> Iterator[Pair]:
    """Every pair of choices of one configuration."""
    for pair in combinations(row.items(), 2):
        yield frozenset(pair)


def least(space: Space) -> int:
    """Rows below which no list can cover: a row has one pair of any two addresses."""
    pairs = {pair for product in space.products for pair in pairs_of(product)}
    kinds = Counter(frozenset(address for address, _ in pair) for pair in pairs)
    return max(kinds.values(), default=space.count and 1)


def cover_pairs(space: Space, *, seed: int = 0) -> list[dict[str, str]]:
    """Configurations of `space` in which each pair that is valid meets at least once."""
    generator = random.Random(seed)  # noqa: S311 (no secret)
    homes: dict[Pair, list[Product]] = {}
    for product in space.products:
        for pair in pairs_of(product):
            homes.setdefault(pair, []).append(product)
    if not homes:
        return [{at: options[0] for at, options in p.options.items()} for p in space.products]
    # In the order of the space, not of hashes: the same list each time.
    open_pairs = dict.fromkeys(sorted(homes, key=sorted))
    rows: list[dict[str, str]] = []
    for pair in progress(list(open_pairs), label="pairs"):
        if pair not in open_pairs:
            continue
        places = homes[pair]
        tried = [
            _fill(generator.choice(places), pair, open_pairs, generator=generator)
            for _ in range(TRIED)
        ]
        best = max(tried, key=lambda row: sum(found in open_pairs for found in pairs_in(row)))
        rows.append(best)
        for found in pairs_in(best):
            open_pairs.pop(found, None)
    return _needed(rows)


def _fill(
    product: Product,
    pair: Iterable[Choice],
    open_pairs: Mapping[Pair, None],
    *,
    generator: random.Random,
) -> dict[str, str]:
    """One configuration of a product with `pair`, each further choice the one that brings most."""
    row = dict(sorted(pair))
    rest = [address for address in product.options if address not in row]
    generator.shuffle(rest)
    for address in rest:
        options = list(product.options[address])
        generator.shuffle(options)
        row[address] = max(
            options,
            key=lambda option: sum(
                frozenset({(address, option), other}) in open_pairs for other in row.items()
            ),
        )
    return {address: row[address] for address in product.options}


def _needed(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without those all of whose pairs meet in others too."""
    met = Counter(pair for row in rows for pair in pairs_in(row))
    kept = []
    for row in rows:
        pairs = list(pairs_in(row))
        if all(met[pair] > 1 for pair in pairs):
            met.subtract(pairs)
        else:
            kept.append(row)
    return kept
