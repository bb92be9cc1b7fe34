"""One head for the maps of all levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from factory_core.models.interface import Tensor

Head = Callable[..., Tensor]


def over_levels(maps: Sequence[Tensor], head: Head, *, name: str) -> list[Tensor]:
    """Apply one head to every map: what it learns is shared by all levels.

    Only layers that keep figures of what they have seen, as batch normalisation does, are one
    a level: figures that were mixed over levels would fit none of them when training ends
    (EfficientDet, Tan et al. 2020, https://arxiv.org/abs/1911.09070, has them apart as well).

    Args:
        maps: Of all levels, of the same channels.
        head: Called with a map and `name`, the start of the names of all layers it makes.
        name: Start of the names of the layers.
    """
    first: dict[str, Any] = {}
    found = []
    for number, x in enumerate(maps):
        start = f"{name}_{number}"
        inside = keras.Input(x.shape[1:])
        made = keras.Model(inside, head(inside, name=start))
        if not first:
            first = {layer.name: layer for layer in made.layers}
        found.append(_again(made, x, first=first, renamed=(start, f"{name}_0")))
    return found


def _again(
    made: keras.Model, x: Tensor, *, first: dict[str, Any], renamed: tuple[str, str]
) -> Tensor:
    """What `made` gives for `x`, with the layers of the first level where they can be shared."""
    outputs: list[Tensor] = []

    def shared(layer: Any) -> Any:
        learns = getattr(layer, "trainable_weights", None)
        if not learns or layer.non_trainable_weights:
            return layer
        return first[layer.name.replace(*renamed, 1)]

    def call(layer: Any, *arguments: Any, **fields: Any) -> Tensor:
        outputs.append(layer(*arguments, **fields))
        return outputs[-1]

    keras.models.clone_model(made, input_tensors=x, clone_function=shared, call_function=call)
    return outputs[-1]
