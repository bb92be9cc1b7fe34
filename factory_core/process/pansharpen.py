"""Give the colours of a scene the detail of its panchromatic companion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox
from scipy.optimize import nnls

from factory_core.kernel import geo
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.geo import Raster
from factory_core.process.pixels import (
    as_floats,
    check_on_map,
    companion,
    resolution_ratio,
    sample_windows,
    to_dtype,
    values,
    with_nodata,
)
from factory_core.process.reproject import on_grid

# A quarter of a million pixels of the colours: enough for a mean, a gain and a few weights.
SAMPLE_WINDOWS = 64


@dataclass(frozen=True)
class _Fit:
    """What is measured in a scene: the share of each band in the pan, how pan becomes it, gains."""

    weights: np.ndarray
    scale: float
    offset: float
    gains: np.ndarray


@dataclass(frozen=True)
class Pansharpen:
    """Bring the bands to the grid of the panchromatic companion and add its detail.

    The bands are resampled to its grid (M) and summed with weights to what the pan would
    be without its detail (I). Then, with P the pan:

    `brovey`: M times P / I, as `gdal_pansharpen`. It keeps the ratios of the bands; where I is
    not positive, M stays.
    `additive`: M + P' - I, where P' is P with the mean and deviation of I (generalised IHS).
    `gram_schmidt`: M + g (P' - I), where g is the covariance of M and I over the variance
    of I, for each band.

    Sources: Gillespie et al. 1987 (Brovey); Tu et al. 2001 (generalised IHS); Laben and Brower
    2000, US patent 6,011,875 (Gram-Schmidt); Aiazzi et al. 2007 (fitted weights). Means, gains
    and fitted weights are those of each scene, from windows spread over it.

    Attributes:
        method: As above.
        weights: `fitted`, how the bands add up to the pan of each scene best; `equal`; or one
            for each band, 0 where the pan does not see it.
        companion: Name of the pan among the companions of a scene.
        resampling: Of the bands to the grid of the pan.

    Raises:
        ValueError: Weights that are negative, or all 0.
    """

    method: Literal["brovey", "additive", "gram_schmidt"] = "brovey"
    weights: Literal["fitted", "equal"] | tuple[float, ...] = "fitted"
    companion: str = "pan"
    resampling: Literal["bilinear", "cubic"] = "cubic"

    def __post_init__(self) -> None:
        stated = () if isinstance(self.weights, str) else self.weights
        if not isinstance(self.weights, str) and (min(stated, default=-1) < 0 or not sum(stated)):
            raise ValueError(
                f"`weights` must not be negative, and one positive. Received: {self.weights}."
            )

    def __call__(self, raster: Raster) -> Raster:
        """`raster` on the grid of its pan.

        Raises:
            SceneError: It has no such companion, or one of another place or CRS, a coarser one,
                or of several bands.
            ConfigError: There is not one weight for each band.
        """
        check_on_map(raster, part="pansharpen")
        pan = companion(raster, self.companion, part="pansharpen")
        self._check(raster, pan)
        nodata, lowest = with_nodata(raster)
        colours = on_grid(as_floats(raster), grid=pan.geobox, resampling=self.resampling)

        @cache
        def fit() -> _Fit:
            return self._fit(raster, pan)

        def read(window: GeoBox) -> np.ndarray:
            found = fit()
            bands = colours.read(window).astype(np.float64)
            detail = values(pan, window)[0]
            # Band by band: a product of matrices would round as the window is cut.
            smooth = np.zeros_like(detail)
            for band, weight in zip(bands, found.weights, strict=True):
                smooth += band * weight
            if self.method == "brovey":
                with np.errstate(divide="ignore", invalid="ignore"):
                    factor = np.where(smooth > 0, detail / smooth, 1)
                bands *= np.where(np.isnan(smooth), np.nan, factor)
            else:
                added = detail * found.scale + found.offset - smooth
                bands += found.gains[:, None, None] * added
            bands[:, np.isnan(bands).any(axis=0)] = np.nan
            return to_dtype(bands, raster, nodata=nodata, lowest=lowest)

        others = {name: r for name, r in raster.companions.items() if name != self.companion}
        return replace(raster, geobox=pan.geobox, nodata=nodata, read=read, companions=others)

    def _check(self, raster: Raster, pan: Raster) -> None:
        check_on_map(pan, part="pansharpen")
        if not isinstance(self.weights, str) and len(self.weights) != len(raster.bands):
            raise ConfigError(
                f"`process.tasks.pansharpen.weights` has {len(self.weights)} weights, and the "
                f"scene {raster.scene_id!r} {len(raster.bands)} bands: {', '.join(raster.bands)}. "
                "State one for each, 0 for what the pan does not see."
            )
        problem = ""
        if len(pan.bands) != 1:
            problem = f"has {len(pan.bands)} bands ({', '.join(pan.bands)}) where one is expected"
        elif str(pan.geobox.crs) != str(raster.geobox.crs):
            problem = f"is in {pan.geobox.crs} and the scene in {raster.geobox.crs}"
        elif not geo.footprint(pan.geobox).intersects(geo.footprint(raster.geobox)):
            problem = "shows another place"
        elif resolution_ratio(pan, raster) < 0.999:
            problem = f"is coarser ({geo.resolution_m(pan.geobox):.2f} m) than the scene"
        if problem:
            raise SceneError(
                f"The companion {self.companion!r} of the scene {raster.scene_id!r} {problem}. "
                "Give the scene its own pan (`catalogue.companions`), and put `pansharpen` before "
                "`reproject`."
            )

    def _fit(self, raster: Raster, pan: Raster) -> _Fit:
        """Measure what a scene and its pan have in common, on the grid of the colours."""
        coarse = on_grid(as_floats(pan), grid=raster.geobox, resampling="bilinear")
        count = len(raster.bands)
        pieces = [np.empty((count + 1, 0))]
        for window, _ in sample_windows(raster, windows=SAMPLE_WINDOWS):
            seen = np.concatenate([values(raster, window), coarse.read(window)])
            pieces.append(seen[:, np.isfinite(seen).all(axis=0)])
        *bands, detail = np.concatenate(pieces, axis=1)
        colours = np.array(bands)
        if detail.size == 0:
            return _Fit(np.ones(count) / count, 1.0, 0.0, np.ones(count))
        weights = self._weights(colours, detail)
        smooth = weights @ colours
        deviation, variance = detail.std(), smooth.var()
        scale = float(smooth.std() / deviation) if deviation > 0 else 1.0
        gains = np.ones(count)
        if self.method == "gram_schmidt" and variance > 0:
            apart = colours - colours.mean(axis=1, keepdims=True)
            gains = (apart * (smooth - smooth.mean())).mean(axis=1) / variance
        return _Fit(weights, scale, float(smooth.mean() - scale * detail.mean()), gains)

    def _weights(self, colours: np.ndarray, detail: np.ndarray) -> np.ndarray:
        count = len(colours)
        if self.weights == "equal":
            return np.full(count, 1 / count)
        if not isinstance(self.weights, str):
            return np.array(self.weights)
        if self.method != "brovey":  # the others match the mean anyhow
            colours = colours - colours.mean(axis=1, keepdims=True)
            detail = detail - detail.mean()
        found, _ = nnls(colours.T, detail)
        return np.asarray(found) if found.sum() > 0 else np.full(count, 1 / count)
