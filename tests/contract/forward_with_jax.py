"""Computes deployed graphs with JAX, in a process of its own; called by `test_model.py`."""

import sys
import traceback
from pathlib import Path

import jax
import keras
import numpy as np

from tests.contract.networks import built


def main(folder: Path) -> None:
    """For each `<architecture>.npz` of images and weights write `<architecture>.found.npz`.

    Where one fails, it writes `<architecture>.error.txt` and goes on.
    """
    assert keras.backend.backend() == "jax"
    for path in sorted(folder.glob("*.npz")):
        given = np.load(path)
        images, *values = (given[key] for key in given.files)
        try:
            np.savez(path.with_suffix(".found.npz"), **outputs_of(path.stem, values, images))
        except Exception:  # noqa: BLE001 - the test of this architecture shows it
            path.with_suffix(".error.txt").write_text(traceback.format_exc(), encoding="utf-8")


def outputs_of(name: str, values: list[np.ndarray], images: np.ndarray) -> dict:
    """Outputs of an architecture for the weights in the order of `get_weights`."""
    # Weights come from the file: to make them first is most of the time.
    with keras.StatelessScope(initialize_variables=False):
        deployed = built(name).deployed
    return forward(deployed, values, images)


def forward(deployed: keras.Model, values: list[np.ndarray], images: np.ndarray) -> dict:
    """Outputs of a graph, compiled as one."""
    of = {id(v): value for v, value in zip(deployed.weights, values, strict=True)}
    # The seed of a dropout is no weight, and is not asked for here.
    trainable, others = (
        [of.get(id(v), np.zeros(v.shape, v.dtype)) for v in variables]
        for variables in (deployed.trainable_variables, deployed.non_trainable_variables)
    )
    for variable in deployed.weights:
        assert tuple(variable.shape) == of[id(variable)].shape, variable.path
    call = jax.jit(lambda *given: deployed.stateless_call(*given, training=False)[0])
    return {key: np.asarray(value) for key, value in call(trainable, others, images).items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
