"""Windows of several groups, the small groups as often as the large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def draw_evenly(
    groups: Sequence[np.ndarray], count: int, *, evenness: float, generator: np.random.Generator
) -> np.ndarray:
    """`count` windows, of each group a share that grows with `size ** (1 - evenness)`.

    `1 - evenness` is the `q` of Kang et al. 2020 (https://arxiv.org/abs/1910.09217): 1 draws all
    groups as often, 0.5 by the root of their size, 0 by their size. Within a group no window
    comes again before all others of it have come.

    Args:
        groups: Numbers of the windows of each group, none of them empty; they may overlap.
        count: Number of windows to draw.
        evenness: From 0 to 1.
        generator: The only source of chance.
    """
    sizes = np.array([len(group) for group in groups], float)
    wanted = count * sizes ** (1 - evenness) / np.sum(sizes ** (1 - evenness))
    slots = np.floor(wanted).astype(int)
    # What rounding leaves goes to those that it took most from, chance deciding between equals.
    left = wanted - slots + generator.random(len(groups)) * 1e-6
    slots[np.argsort(-left)[: count - slots.sum()]] += 1
    drawn = [_cycled(group, slot, generator) for group, slot in zip(groups, slots, strict=True)]
    return np.concatenate(drawn)


def _cycled(group: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """`count` of `group`, every member before any comes again."""
    rounds = [generator.permutation(group) for _ in range(-(-count // len(group)))]
    return np.concatenate([group[:0], *rounds])[:count]
