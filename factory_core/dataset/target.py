"""What a target promises: the labels of a window in the form that a model learns from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.dataset.sample import Boxes


class Target(ABC):
    """Draws the labels of a window.

    Attributes:
        form: What it gives: one mask, or boxes.
        geometry_types: Kinds of geometries that it can draw.
    """

    form: ClassVar[Literal["mask", "boxes"]]

    @property
    @abstractmethod
    def geometry_types(self) -> tuple[str, ...]:
        """Kinds of geometries that it can draw, as shapely names them."""

    @abstractmethod
    def __call__(self, labels: gpd.GeoDataFrame, *, window: GeoBox) -> np.ndarray | Boxes:
        """Labels that meet `window`, drawn in its pixels.

        Args:
            labels: In the CRS of `window`, with `class_index`, an index into the names of
                the classes.
            window: The window; its rows go south.

        Returns:
            `(height, width)` uint8, 0 for background and class index + 1, or boxes.
        """
