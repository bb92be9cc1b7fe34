"""Image to outputs: architectures, encoders, blocks and losses."""

import os
import sys


def _import_keras_quietly() -> None:
    """Keep TensorFlow's notes on its start off the terminal: no setting of its own does."""
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras  # noqa: F401
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


_import_keras_quietly()
