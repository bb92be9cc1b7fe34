"""The section `ensemble` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """Plain settings of `ensemble`.

    Attributes:
        weights: Found on the windows of val, or equal.
    """

    weights: Literal["validation", "equal"]
