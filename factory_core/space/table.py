"""The space and its cover, as people read them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from factory_core.kernel import config as configuration
from factory_core.kernel.compute import progress
from factory_core.space.check import overrides_of, sketch_network
from factory_core.space.space import Space


def describe(space: Space) -> Iterator[str]:
    """Lines: what is common, the products of each model, the total, what is left out."""
    yield "whatever the model"
    for address, options in space.common.items():
        yield f"  {address} {len(options)}: {', '.join(options)}"
    for model in space.models:
        products = [product for product in space.products if product.model == model]
        yield f"{model}: {sum(product.count for product in products):,}"
        for product in products:
            factors = [
                f"{address} {len(options)}"
                for address, options in product.options.items()
                if address != "model" and address not in space.common and len(options) > 1
            ]
            common = [str(len(space.common[address])) for address in space.common]
            told = " x ".join([*factors, *common]) or "1"
            held = _held(product.options, space, model=model)
            yield f"  {product.count:,} = {told}{held}"
    yield f"{space.count:,} valid configurations of {len(space.models)} models"
    yield ""
    yield "not counted"
    for what, why in space.left_out:
        if " with model=" not in what:
            yield f"  {what}: {why}"
    misfits = sum(" with model=" in what for what, _ in space.left_out)
    yield f"  {misfits} options with a model that does not take them: --json lists them"


def _held(options: Mapping[str, Sequence[str]], space: Space, *, model: str) -> str:
    """What tells a product from the others of its model: short lists of options."""
    others = [p.options for p in space.products if p.model == model and p.options != options]
    told = [
        f"{address} {'/'.join(names)}"
        for address, names in options.items()
        if len(names) <= 5 and any(other.get(address) not in (None, names) for other in others)
    ]
    return f"   ({', '.join(told)})" if told else ""


def write_script(
    rows: Sequence[Mapping[str, str]], *, head: Sequence[str], priced: bool, root: Path = Path()
) -> str:
    """A shell script that queues each configuration of a list.

    Args:
        rows: The configurations.
        head: Comments at the top.
        priced: Whether each line says its parameters and operations.
        root: Root of the detector.
    """
    lines = ["#!/bin/sh", *(f"# {line}" for line in head)]
    for row in progress(rows, label="configurations") if priced else rows:
        sets = [part for override in overrides_of(row) for part in ("-S", override)]
        line = shlex.join(["dvc", "exp", "run", "--queue", *sets])
        if priced:
            config = configuration.compose(root, overrides=overrides_of(row))
            operations = import_module("factory_core.models.operations")
            cost = operations.cost_of(sketch_network(config, root=root))
            line += f"  # {cost.parameters / 1e6:.2f} M, {cost.operations / 1e9:.2f} G"
        lines.append(line)
    return "\n".join(lines) + "\n"
