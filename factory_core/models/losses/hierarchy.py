"""The class tree as matrices that losses can use."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from factory_core.kernel.taxonomy import Taxonomy


def ancestors(taxonomy: Taxonomy) -> list[np.ndarray]:
    """Which class of each level every class that the model tells apart belongs to.

    Returns:
        A matrix `(class, class of the level)` float32 of 0 and 1 for each level from the root
        to that of training, the identity. A level at which the tree does not branch is left
        out: it tells nothing apart that the one before does not.
    """
    matrices = [_membership(taxonomy, level) for level in range(1, taxonomy.level + 1)]
    kept = [a for a, b in pairwise(matrices) if a.shape[1] < b.shape[1]]
    return [*kept, matrices[-1]]


def _membership(taxonomy: Taxonomy, level: int) -> np.ndarray:
    columns = {name: column for column, name in enumerate(taxonomy.names_at(level))}
    found = np.zeros((len(taxonomy.names), len(columns)), np.float32)
    for row, name in enumerate(taxonomy.names):
        ancestor = taxonomy.at(name, level)
        found[row, columns[ancestor if ancestor is not None else name]] = 1
    return found


def level_weights(count: int, *, coarse_weight: float) -> np.ndarray:
    """Weights of `count` levels, root first, sum 1; each `coarse_weight` times the finer one's."""
    weights = coarse_weight ** np.arange(count - 1, -1, -1, dtype=float)
    shares: np.ndarray = (weights / weights.sum()).astype(np.float32)
    return shares


def with_background(matrix: np.ndarray) -> np.ndarray:
    """`matrix` with the background as a first class that is its own ancestor."""
    rows, columns = matrix.shape
    found = np.zeros((rows + 1, columns + 1), np.float32)
    found[0, 0] = 1
    found[1:, 1:] = matrix
    return found
