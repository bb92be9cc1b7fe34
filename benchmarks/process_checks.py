"""The checks of process on real imagery: Ventoux (orthorectify), Rotterdam (pansharpen)."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.ndimage import uniform_filter

from factory_core.kernel import geo, io
from factory_core.kernel.geo import Raster
from factory_core.kernel.sensor import Rpc
from factory_core.process.ground import Ground
from factory_core.process.orthorectify import Orthorectify
from factory_core.process.pansharpen import Pansharpen
from factory_core.process.reproject import on_grid

RATIO = 2


def check_ventoux(data: Path) -> dict[str, dict[str, float]]:
    """Pleiades PAN and MS: how far our places are from those of `gdalwarp -rpc -et 0`, in pixels.

    The image is replaced by its own columns and rows, so that what comes out are the places
    that were looked up.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="ventoux-") as name:
        folder = Path(name)
        dem, geoid = data / "N44E005.hgt", data / "egm96_15.gtx"
        ellipsoidal = _above_ellipsoid(dem, geoid, folder / "dem.tif")
        for label, stem in {"pan": "left_image", "ms": "lowres_color_image"}.items():
            image = rasterio.open(data / f"{stem}.tif")
            begin = image.transform
            model = _read_geom(data / f"{stem}.geom")
            model = model.shifted(column_px=begin.c, row_px=begin.f)
            rows, columns = np.mgrid[: image.height, : image.width] + 0.5
            places = _write(folder / "places.tif", np.stack([columns, rows]), sensor=model)
            part = Orthorectify(dem=dem, geoid=geoid, resampling="bilinear")
            result = part(io.open_raster(places))
            ours = result.read(result.geobox)
            theirs = _gdalwarp(places, ellipsoidal, result.geobox, folder / "out.tif")
            both = ((ours > 1) & (theirs > 1)).all(axis=0)
            apart = np.abs(ours - theirs)[:, both]
            found[label] = {
                "pixels": int(both.sum()),
                "max_px": float(f"{apart.max():.2g}"),
                "mean_px": float(f"{apart.mean():.2g}"),
            }
    return found


def _above_ellipsoid(dem: Path, geoid: Path, out: Path) -> Path:
    """The DEM with the geoid added at its own pixels, as gdalwarp takes it."""
    raster = io.open_raster(dem)
    rows, columns = np.mgrid[: raster.geobox.shape[0], : raster.geobox.shape[1]] + 0.5
    longitude, latitude = raster.geobox.affine @ (columns, rows)
    up = Ground(dem, geoid, 0.0, None).undulation(longitude, latitude)
    return _write(out, raster.read(raster.geobox) + up[None], grid=raster.geobox)


def _read_geom(path: Path) -> Rpc:
    """The RPC of an OSSIM keyword list."""
    stated = dict(re.findall(r"^(\S+):\s+(\S+)$", path.read_text(), re.MULTILINE))
    single = ("line_off", "samp_off", "lat_off", "long_off", "height_off")
    scales = ("line_scale", "samp_scale", "lat_scale", "long_scale", "height_scale")
    many = ("line_num", "line_den", "samp_num", "samp_den")
    return Rpc(
        *(float(stated[name]) for name in (*single, *scales)),
        *(tuple(float(stated[f"{name}_coeff_{k:02d}"]) for k in range(20)) for name in many),
    )


def _write(path: Path, pixels: np.ndarray, *, grid: GeoBox | None = None, **place: Rpc) -> Path:
    grid = grid or GeoBox(pixels.shape[1:], Affine.identity(), "EPSG:4326")
    bands = tuple(f"band_{k}" for k in range(len(pixels)))
    io.write_cog(
        path,
        geobox=grid,
        bands=bands,
        dtype="float64",
        nodata=None,
        blocks=[(grid, pixels.astype(float))],
        **place,
    )
    return path


def _gdalwarp(source: Path, dem: Path, grid: GeoBox, out: Path) -> np.ndarray:
    box = grid.boundingbox
    edges = [str(side) for side in (box.left, box.bottom, box.right, box.top)]
    size = [str(grid.affine.a), str(-grid.affine.e)]
    command = ["gdalwarp", "-q", "-overwrite", "-rpc", "-et", "0", "-to", f"RPC_DEM={dem}"]
    command += ["-t_srs", str(grid.crs), "-te", *edges, "-tr", *size, "-r", "bilinear"]
    subprocess.run([*command, str(source), str(out)], check=True)
    return io.read_pixels(out)


def check_rotterdam(data: Path) -> dict[str, dict[str, float]]:
    """Wald's protocol: both degraded by the ratio, sharpened, held against the true colours.

    Once as delivered, and once with all of it averaged by the ratio before: the colours of
    this pair are sampled finer than they resolve, so that plain resampling loses little.

    Source: Wald, Ranchin and Mangolini 1997; ERGAS of Wald 2000; SAM of Yuhas et al. 1992;
    Q of Wang and Bovik 2002, in windows of 32 pixels.
    """
    colours, pan = io.open_raster(data / "ms1.tif"), io.open_raster(data / "pan1.tif")
    return {
        f"pixels of {geo.resolution_m(other.geobox):.0f} m: {label}": figures
        for other, detail in ((colours, pan), (_degraded(colours), _degraded(pan)))
        for label, figures in _wald(other, detail).items()
    }


def _wald(colours: Raster, pan: Raster) -> dict[str, dict[str, float]]:
    true = _read(colours)
    scene = replace(_degraded(colours), companions={"pan": _degraded(pan)})
    found = {"no sharpening (cubic)": _quality(_read(_upsampled(scene)), true)}
    for method in ("brovey", "additive", "gram_schmidt"):
        for weights in ("equal", "fitted"):
            result = Pansharpen(method=method, weights=weights)(scene)
            found[f"{method}, {weights}"] = _quality(_read(result), true)
    return found


def _degraded(raster: Raster) -> Raster:
    """Every square of pixels as its mean."""
    pixels = raster.read(raster.geobox).astype(float)
    bands, height, width = pixels.shape
    squares = pixels.reshape(bands, height // RATIO, RATIO, width // RATIO, RATIO)
    coarse = squares.mean(axis=(2, 4))
    grid = GeoBox(coarse.shape[1:], raster.geobox.affine @ Affine.scale(RATIO), raster.geobox.crs)

    def read(window: GeoBox) -> np.ndarray:
        row, column = geo.offset_px(window, of=grid)
        rows = np.arange(row, row + window.shape[0]).clip(0, grid.shape[0] - 1)
        columns = np.arange(column, column + window.shape[1]).clip(0, grid.shape[1] - 1)
        return coarse[:, rows[:, None], columns]

    return replace(raster, geobox=grid, dtype="float64", nodata=None, read=read)


def _upsampled(scene: Raster) -> Raster:
    return on_grid(scene, grid=scene.companions["pan"].geobox, resampling="cubic")


def _read(raster: Raster) -> np.ndarray:
    return raster.read(raster.geobox).astype(float)


def _quality(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    inner = (slice(None), slice(8, -8), slice(8, -8))
    found, true = found[inner], true[inner]
    error = np.sqrt(((found - true) ** 2).mean(axis=(1, 2)))
    ergas = 100 / RATIO * np.sqrt(((error / true.mean(axis=(1, 2))) ** 2).mean())
    along = (found * true).sum(axis=0)
    sizes = np.sqrt((found**2).sum(axis=0) * (true**2).sum(axis=0))
    angle = np.degrees(np.arccos(np.clip(along / sizes, -1, 1))).mean()
    q = np.mean([_q(one, other) for one, other in zip(found, true, strict=True)])
    figures = {"ergas": ergas, "sam_deg": angle, "q": q}
    return {name: round(float(value), 4) for name, value in figures.items()}


def _q(one: np.ndarray, other: np.ndarray) -> float:
    """Mean of the universal quality index over windows of 32 pixels."""

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, 32)[16:-16, 16:-16]

    a, b = mean(one), mean(other)
    variances = mean(one**2) - a**2 + mean(other**2) - b**2
    shared = mean(one * other) - a * b
    return float((4 * shared * a * b / (variances * (a**2 + b**2))).mean())
