"""Append spectral indices to the bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import SceneError, nearest
from factory_core.kernel.geo import Raster
from factory_core.process.pixels import values, white_of


@dataclass(frozen=True)
class Index:
    """A spectral index.

    Attributes:
        bands: Common names of what it needs, in the order of `formula`.
        formula: Of the reflectances of these bands.
        source: Who proposed it.
    """

    bands: tuple[str, ...]
    formula: Callable[..., np.ndarray]
    source: str


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a - b) / (a + b))


INDICES = {
    "ndvi": Index(("nir", "red"), _ratio, "(nir - red) / (nir + red); Rouse et al. 1974"),
    "gndvi": Index(("nir", "green"), _ratio, "(nir - green) / (nir + green); Gitelson et al. 1996"),
    "ndre": Index(
        ("nir", "rededge"), _ratio, "(nir - rededge) / (nir + rededge); Barnes et al. 2000"
    ),
    "ndwi": Index(("green", "nir"), _ratio, "(green - nir) / (green + nir); McFeeters 1996"),
    "mndwi": Index(("green", "swir16"), _ratio, "(green - swir16) / (green + swir16); Xu 2006"),
    "ndsi": Index(
        ("green", "swir16"), _ratio, "(green - swir16) / (green + swir16); Hall et al. 1995"
    ),
    "ndbi": Index(("swir16", "nir"), _ratio, "(swir16 - nir) / (swir16 + nir); Zha et al. 2003"),
    "nbr": Index(("nir", "swir22"), _ratio, "(nir - swir22) / (nir + swir22); Key and Benson 2006"),
    "savi": Index(
        ("nir", "red"),
        lambda nir, red: 1.5 * (nir - red) / (nir + red + 0.5),
        "1.5 (nir - red) / (nir + red + 0.5); Huete 1988",
    ),
    "evi": Index(
        ("nir", "red", "blue"),
        lambda nir, red, blue: 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
        "2.5 (nir - red) / (nir + 6 red - 7.5 blue + 1); Huete et al. 2002",
    ),
    "evi2": Index(
        ("nir", "red"),
        lambda nir, red: 2.5 * (nir - red) / (nir + 2.4 * red + 1),
        "2.5 (nir - red) / (nir + 2.4 red + 1); Jiang et al. 2008",
    ),
    "vari": Index(
        ("green", "red", "blue"),
        lambda green, red, blue: (green - red) / (green + red - blue),
        "(green - red) / (green + red - blue); Gitelson et al. 2002",
    ),
    "exg": Index(
        ("red", "green", "blue"),
        lambda red, green, blue: (2 * green - red - blue) / (red + green + blue),
        "(2 green - red - blue) / (red + green + blue); Woebbecke et al. 1995",
    ),
}


@dataclass(frozen=True)
class AddIndices:
    """Append spectral indices as bands, and give every band as reflectance (float32).

    `ndvi` (Rouse et al. 1974), `gndvi` (Gitelson et al. 1996), `ndre` (Barnes et al. 2000),
    `ndwi` (McFeeters 1996), `mndwi` (Xu 2006), `ndsi` (Hall et al. 1995), `ndbi` (Zha et al.
    2003), `nbr` (Key and Benson 2006), `savi` (Huete 1988), `evi` (Huete et al. 2002), `evi2`
    (Jiang et al. 2008), `vari` (Gitelson et al. 2002), `exg` (Woebbecke et al. 1995). The
    formulas stand in `factory_core.process.add_indices.INDICES`. A pixel where an index is
    not defined (all its bands 0) has no data there.

    Attributes:
        names: Which, in order.
        white: Value of a white surface, for indices with constants in them; null: 255 for
            8-bit scenes, 10,000 for other integers, 1 for floats.

    Raises:
        ValueError: An index that is not known, or one twice.
    """

    names: tuple[str, ...] = ("ndvi",)
    white: float | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in INDICES:
                raise ValueError(f"`names` has {name!r}, no index.{nearest(name, INDICES)}")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"`names` must name each index once. Received: {self.names}.")

    def __call__(self, raster: Raster) -> Raster:
        """`raster` with the indices behind its bands.

        Raises:
            SceneError: It lacks a band that an index needs, or has a band of its name.
        """
        for name in self.names:
            missing = [band for band in INDICES[name].bands if band not in raster.bands]
            if missing or name in raster.bands:
                what = f"no band {', '.join(map(repr, missing))}, which" if missing else "already"
                raise SceneError(
                    f"The scene {raster.scene_id!r} has {what} `{name}` "
                    f"{'needs' if missing else 'as a band'}. It has: {', '.join(raster.bands)}. "
                    "Choose others in `process.tasks.add_indices.names`, or name the bands of the "
                    "files in `catalogue.bands`."
                )
        white = white_of(raster, self.white)

        def read(window: GeoBox) -> np.ndarray:
            reflectance = values(raster, window) / white
            bands = dict(zip(raster.bands, reflectance, strict=True))
            with np.errstate(divide="ignore", invalid="ignore"):
                added = [
                    index.formula(*(bands[band] for band in index.bands))
                    for index in (INDICES[name] for name in self.names)
                ]
            found = np.concatenate([reflectance, np.stack(added)] if added else [reflectance])
            found[~np.isfinite(found)] = np.nan
            return found.astype(np.float32)

        names = (*raster.bands, *self.names)
        return replace(raster, bands=names, dtype="float32", nodata=float("nan"), read=read)
