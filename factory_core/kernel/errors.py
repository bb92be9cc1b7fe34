"""Every error that the factory raises for a user's mistake.

    FactoryError
    ├── ConfigError      a key, a type, a part or a chain in the YAML
    ├── TaxonomyError    a class that the taxonomy does not know, or a bad tree
    ├── SceneError       a scene that cannot be read or used
    ├── LabelError       labels that cannot be read or used
    ├── SelectionError   a query or split that selects nothing
    │   └── LeakError    train, val and test overlap in space
    ├── ModelError       a model that cannot be built, trained or run
    ├── ComputeError     a machine or a cluster that cannot be worked on
    └── OutputError      a result that cannot be written

A message says what came, what was expected, and what to do. The command line
prints it without a traceback and exits with status 1; anything else that is
raised is a defect of the factory.
"""

import difflib
from collections.abc import Iterable


class FactoryError(Exception):
    """The base of all errors that a user can mend."""


class ConfigError(FactoryError):
    """A key, a type, a part or a chain in the configuration is wrong."""


class TaxonomyError(FactoryError):
    """A class is unknown, or the taxonomy itself is not a tree."""


class SceneError(FactoryError):
    """A scene cannot be read or used."""


class LabelError(FactoryError):
    """Labels cannot be read or used."""


class SelectionError(FactoryError):
    """A query or a split selects nothing."""


class LeakError(SelectionError):
    """Train, val and test overlap in space."""


class ModelError(FactoryError):
    """A model cannot be built, trained or run."""


class ComputeError(FactoryError):
    """A machine or a cluster cannot be worked on."""


class OutputError(FactoryError):
    """A result cannot be written."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The sentence that offers the most likely of `names`, other than `name`, or nothing.

    Returns:
        ` Did you mean 'aircraft'?`, to be put behind a message, or an empty text.
    """
    near = difflib.get_close_matches(name, [one for one in names if one != name], n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
