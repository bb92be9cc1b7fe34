"""Writes what models cost, as they are declared: `python -m tests.contract.declare_models`."""

import json
from pathlib import Path

from factory_core.models.operations import cost_of
from tests.contract.networks import ARCHITECTURES, changed, network_of

DECLARED = Path(__file__).with_name("models.json")


def declare() -> None:
    """Write parameters and operations of every model, for 2 classes in 256 pixels and 3 bands."""
    table = {}
    for name in ARCHITECTURES:
        cost = cost_of(network_of(changed(name), side_px=256, weights=False))
        table[name] = {"parameters": cost.parameters, "operations": cost.operations}
    DECLARED.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    declare()
