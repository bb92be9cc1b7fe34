"""The graph of a model in 16 bits as it should be: each cast once, and none there and back."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

# Names that ONNX Runtime's conversion gives to casts behind a node that stays in 32 bits, before
# such a node, and before an output of the model.
TO_16_BITS = "_cast_to_fp16_node"
TO_32_BITS = "_cast_to_fp32_node"
OF_OUTPUT = "graph_output_cast"


def drop_casts(graph: Any, *, exact: Any) -> None:
    """Drop what ONNX Runtime's conversion to 16 bits casts too often, and sort the nodes.

    It casts a tensor of 16 bits once for each node that reads it in 32, all under one name, and
    then refuses to load that. Between two nodes that stay in 32 bits it goes through 16 bits and
    back, which would round places in a window and cut pixels beyond 65504. And constants that
    nodes of both kinds read are rounded, then cast; `Resize` bears no cast of its scales.

    Args:
        graph: Converted `onnx.GraphProto` whose nodes hold no graphs; changed in place.
        exact: The graph before.
    """
    outputs = {value.name for value in graph.output}
    nodes = list({node.output[0]: node for node in graph.node}.values())
    nodes = _with_constants(nodes, graph=graph, exact=exact)
    nodes = _sorted(_read(_straight(nodes, outputs=outputs), outputs=outputs))
    made = {name for node in nodes for name in node.output}
    shapes = {value.name: value for value in graph.value_info if value.name in made}
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(shapes.values())


def _with_constants(nodes: list[Any], *, graph: Any, exact: Any) -> list[Any]:
    """The nodes without casts of constants, which `graph` then holds in 32 bits too."""
    constants = {tensor.name: tensor for tensor in exact.initializer}
    kept = []
    for node in nodes:
        if node.name.endswith(TO_32_BITS) and node.input[0] in constants:
            constant = graph.initializer.add()
            constant.CopyFrom(constants[node.input[0]])
            constant.name = node.output[0]
        else:
            kept.append(node)
    return kept


def _straight(nodes: list[Any], *, outputs: set[str]) -> list[Any]:
    """The nodes without casts back to 32 bits of what came from 32 bits."""
    came = {node.output[0]: node.input[0] for node in nodes if node.name.endswith(TO_16_BITS)}
    names: dict[str, str] = {}  # of tensors that stay -> of an output of the model, which stays
    casts: dict[str, str] = {}  # of tensors cast back -> of those that they came from
    straight = []
    for node in nodes:
        back = node.name.endswith(TO_32_BITS) or node.name.startswith(OF_OUTPUT)
        if not (back and node.input[0] in came):
            straight.append(node)
        elif node.output[0] in outputs:
            names[came[node.input[0]]] = node.output[0]
        else:
            casts[node.output[0]] = came[node.input[0]]
    for node in straight:
        before = [casts.get(name, name) for name in node.input]
        node.input[:] = [names.get(name, name) for name in before]
        node.output[:] = [names.get(name, name) for name in node.output]
    return straight


def _read(nodes: list[Any], *, outputs: set[str]) -> list[Any]:
    """The nodes without casts that nothing reads."""
    read = outputs.union(*(node.input for node in nodes))
    return [node for node in nodes if node.op_type != "Cast" or node.output[0] in read]


def _sorted(nodes: list[Any]) -> list[Any]:
    """The nodes, each behind those that it reads from; the conversion puts its casts last."""
    maker = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    before = {
        number: [maker[name] for name in node.input if name in maker]
        for number, node in enumerate(nodes)
    }
    return [nodes[number] for number in TopologicalSorter(before).static_order()]
