"""What a network costs, read off its graph: parameters, operations, activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from factory_core.models.interface import Model

Shape = tuple[int, ...]
Shapes = Sequence[Shape]


@dataclass(frozen=True)
class Cost:
    """What one window costs.

    Attributes:
        parameters: Weights, those that are not trained included.
        trainable: Weights that are trained.
        operations: Multiply-adds of convolutions, dense layers and products of matrices. What
            works value by value (normalisation, activation, pooling, resizing, sums) is not
            counted, as is the custom.
        activations: Values that the layers give, which training keeps for the way back.
        uncounted: Layers with matrices as weights that this does not know; empty where
            `operations` is whole.
    """

    parameters: int
    trainable: int
    operations: int
    activations: int
    uncounted: tuple[str, ...]


def sketch(model: Model, *, shape: Shape, num_classes: int) -> keras.Model:
    """The network of a model with shapes and without values: no memory, a third of the time.

    Args:
        model: What is built.
        shape: Height, width and bands of a window.
        num_classes: Number of classes, background not counted.
    """
    keras.utils.clear_session()
    with keras.StatelessScope(initialize_variables=False):
        image = keras.Input(shape, name="pixels")
        return keras.Model(image, model.network(image, num_classes=num_classes), name="network")


def cost_of(network: keras.Model) -> Cost:
    """Count the graph of a functional network, for one window."""
    operations, activations = 0, 0
    uncounted: list[str] = []
    for operation, inputs, outputs in _nodes(network):
        activations += sum(math.prod(shape) for shape in outputs)
        found = _multiply_adds(operation, inputs, outputs)
        if found is None:
            uncounted.append(f"{operation.name} ({type(operation).__name__})")
        operations += found or 0
    return Cost(
        parameters=network.count_params(),
        trainable=sum(math.prod(weight.shape) for weight in network.trainable_weights),
        operations=operations,
        activations=activations,
        uncounted=tuple(uncounted),
    )


def _nodes(network: keras.Model) -> Iterator[tuple[Any, Shapes, Shapes]]:
    """Every use of an operation in a graph, graphs within it opened, with its shapes."""
    for node in (node for depth in network._nodes_by_depth.values() for node in depth):
        operation = node.operation
        if node.is_input:
            continue
        inner = operation
        if isinstance(operation, keras.Sequential):
            inner = operation._functional
        if isinstance(inner, keras.Model) and hasattr(inner, "_nodes_by_depth"):
            yield from _nodes(inner)
        else:
            # Not `node.input_tensors`: a product with a constant has both as arguments.
            given = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
            inputs = [_shape(value) for value in given if hasattr(value, "shape")]
            yield operation, inputs, [_shape(tensor) for tensor in node.outputs]


def _shape(tensor: Any) -> Shape:
    """Shape for one window."""
    return tuple(1 if side is None else int(side) for side in tensor.shape)


def _multiply_adds(operation: Any, inputs: Shapes, outputs: Shapes) -> int | None:
    """Multiply-adds of one use of an operation; None where it is not known."""
    for kind, count in _COUNTS:
        if isinstance(operation, kind):
            return count(operation, inputs, outputs)
    by_name = _COUNTS_OF_OPS.get(type(operation).__name__)
    if by_name is not None and not isinstance(operation, keras.layers.Layer):
        return by_name(operation, inputs, outputs)
    weights = getattr(operation, "weights", [])
    return None if any(len(weight.shape) > 1 for weight in weights) else 0


def _by_kernel(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    """Each value of the result is a sum over the kernel of one filter."""
    del inputs
    *kernel, _ = layer.kernel.shape
    return math.prod(outputs[0]) * math.prod(map(int, kernel))


def _transposed(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    """Each value of the input is spread by the kernels of all filters."""
    del outputs
    *sides, filters, _ = layer.kernel.shape
    return math.prod(inputs[0]) * math.prod(map(int, sides)) * int(filters)


def _depthwise(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    del inputs
    return math.prod(outputs[0]) * math.prod(map(int, layer.kernel_size))


def _separable(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    places = math.prod(outputs[0][:-1])
    middle = inputs[0][-1] * int(layer.depth_multiplier)
    return places * middle * (math.prod(map(int, layer.kernel_size)) + outputs[0][-1])


def _einsum_dense(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    del outputs
    return _einsum_of(layer.equation, [inputs[0], tuple(layer.kernel.shape)])


def _einsum(operation: Any, inputs: Shapes, outputs: Shapes) -> int:
    del outputs
    return _einsum_of(operation.subscripts, inputs)


def _einsum_of(equation: str, shapes: Shapes) -> int:
    """One multiply-add for each combination of the indices; `...` stands for the first axes."""
    sides: dict[str, int] = {}
    terms = equation.replace(" ", "").split("->")[0].split(",")
    for term, shape in zip(terms, shapes, strict=True):
        dots = len(shape) - len(term.replace("...", ""))
        letters = term.replace("...", "".join(chr(0x3B1 + number) for number in range(dots)))
        for letter, side in zip(letters, shape, strict=True):
            sides[letter] = max(side, sides.get(letter, 1))
    return math.prod(sides.values())


def _matmul(operation: Any, inputs: Shapes, outputs: Shapes) -> int:
    del operation
    return math.prod(outputs[0]) * inputs[0][-1]


def _attention(layer: Any, inputs: Shapes, outputs: Shapes) -> int:
    """Projections of query, key, value and result, and the two products of matrices."""
    del outputs
    query, value = inputs[0], inputs[1] if len(inputs) > 1 else inputs[0]
    asked, known = math.prod(query[1:-1]), math.prod(value[1:-1])
    keys = int(layer.num_heads * layer.key_dim)
    values = int(layer.num_heads * (layer.value_dim or layer.key_dim))
    projected = asked * query[-1] * (keys + values) + known * value[-1] * (keys + values)
    return projected + asked * known * (keys + values)


_Count = Callable[[Any, Shapes, Shapes], int]
# The more special kinds first: a depthwise convolution is no convolution to Keras.
_COUNTS: tuple[tuple[Any, _Count], ...] = (
    ((layers.DepthwiseConv1D, layers.DepthwiseConv2D), _depthwise),
    ((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    ((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), _transposed),
    ((layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense), _by_kernel),
    (layers.EinsumDense, _einsum_dense),
    (layers.MultiHeadAttention, _attention),
)
_COUNTS_OF_OPS: dict[str, _Count] = {"Matmul": _matmul, "Einsum": _einsum}
