"""Rate of each part of process over a plain windowed copy, and of orthorectify over gdalwarp.

    python benchmarks/process.py                      # 5,000 and 20,000 pixels, half an hour
    python benchmarks/process.py --size 1500 --large 3000 --parts orthorectify,denoise
    python benchmarks/process.py --data DIR           # and the checks on Ventoux and Rotterdam

A generated scene of three bands and 16 bits, with its pan, RPCs, ground points and a DEM, goes
through each part by itself, window by window, into a GeoTIFF. The plain copy reads and writes the
same number of bytes as the part, in the same windows. Each runs in a process of its own on one
thread, the copy before and after the part, so that a machine that changes its speed
spoils the ratio less. gdalwarp gets the same image, DEM, grid and kernel on one thread: `exact` is
with `-et 0`, as precise as ours, `approximate` its default, to an eighth of a pixel. The peak of
memory is that of the process of the part.

The last line is one JSON object; its `ratio` is the rate of the orthorectification over that of
`gdalwarp -et 0`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from process_checks import check_rotterdam, check_ventoux
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from factory_core.kernel import geo, io
from factory_core.kernel.geo import Raster
from factory_core.kernel.io.sensors import sensor_profile
from factory_core.kernel.sensor import GroundPoints
from factory_core.process.add_indices import AddIndices
from factory_core.process.clahe import Clahe
from factory_core.process.clip_to_geofence import ClipToGeofence
from factory_core.process.clouds_to_nodata import CloudsToNodata
from factory_core.process.compose_bands import ComposeBands
from factory_core.process.denoise import Denoise
from factory_core.process.match_histogram import MatchHistogram
from factory_core.process.mosaic import mosaic
from factory_core.process.orthorectify import Orthorectify
from factory_core.process.pansharpen import Pansharpen
from factory_core.process.pixels import BLOCK_PX, blocks
from factory_core.process.rectify_by_points import RectifyByPoints
from factory_core.process.reproject import Reproject
from factory_core.process.to_8bit import To8Bit
from factory_core.process.to_reflectance import ToReflectance
from factory_core.sources.airfield.raw_scene import relief_m, sensor_model

warnings.simplefilter("ignore", NotGeoreferencedWarning)  # raw scenes and copies have no map

BANDS = ("red", "green", "blue")
CORNER_M = (452_000.0, 5_411_000.0)
SIDE_M = 0.5
DEM_M = 10.0


def parts(folder: Path) -> dict[str, list]:
    """What is measured: the part, and what must come before it."""
    dem, fence = folder / "dem.tif", folder / "fence.parquet"
    limits = ((1.0, 4000.0),) * len(BANDS)
    levels = tuple(np.linspace(1, 5000, 257).tolist())
    return {
        "compose_bands": [ComposeBands(("blue", "red"))],
        "reproject": [Reproject(crs="EPSG:32632", resampling="bilinear")],
        "reproject_cubic": [Reproject(crs="EPSG:32632", resampling="cubic")],
        "orthorectify": [Orthorectify(dem=dem, resolution_m=SIDE_M, resampling="bilinear")],
        "orthorectify_cubic": [Orthorectify(dem=dem, resolution_m=SIDE_M, resampling="cubic")],
        "rectify_by_points": [RectifyByPoints(resolution_m=SIDE_M, resampling="bilinear")],
        "pansharpen_brovey": [Pansharpen(method="brovey")],
        "pansharpen_gram_schmidt": [Pansharpen(method="gram_schmidt")],
        "add_indices": [AddIndices(("exg", "vari"))],
        "to_reflectance": [ToReflectance(correct_sun=True, sun_elevation_deg=40.0)],
        "to_8bit": [To8Bit(limits=limits)],
        "to_8bit_by_scene": [To8Bit(by="scene")],
        "clahe": [To8Bit(limits=limits), Clahe()],
        "match_histogram": [MatchHistogram(bands=BANDS, quantiles=(levels,) * len(BANDS))],
        "clouds_to_nodata": [CloudsToNodata()],
        "clip_to_geofence": [ClipToGeofence(fence)],
        "denoise_median": [Denoise("median")],
        "denoise_bilateral": [Denoise("bilateral", radius_px=2)],
        "denoise_non_local_means": [Denoise("non_local_means", radius_px=3)],
        "mosaic": [],
    }


def main() -> None:
    """Write the data, measure in processes of their own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=5000, help="side of the scene in pixels")
    parser.add_argument("--large", type=int, default=0, help="side of the second, for memory")
    parser.add_argument("--parts", default="", help="some of them, with commas; default all")
    parser.add_argument("--data", type=Path, help="folder with the real data")
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "FOLDER"), help="internal")
    arguments = parser.parse_args()
    if arguments.worker:
        what, folder = arguments.worker
        print(json.dumps(work(what, Path(folder))))
        return
    report: dict[str, object] = {"ratio": None}
    with tempfile.TemporaryDirectory(prefix="process-") as name:
        chosen = arguments.parts.split(",") if arguments.parts else list(parts(Path(name)))
        small = write_inputs(Path(name) / "small", arguments.size)
        rates = {what: measure(what, small) for what in chosen}
        report["over_copy"] = {what: round(found["ratio"], 3) for what, found in rates.items()}
        report["megapixels_per_s"] = {what: round(f["rate"], 2) for what, f in rates.items()}
        report |= {
            what: compare_with_gdalwarp(what, small, found)
            for what, found in rates.items()
            if what.startswith("orthorectify")
        }
        ours = report.get("orthorectify") or {}
        report["ratio"] = ours.get("over_gdalwarp_exact")
        large_px = arguments.large or 4 * arguments.size
        shutil.rmtree(small)
        large = write_inputs(Path(name) / "large", large_px)
        peaks = {what: run_worker(what, large)["peak_mb"] for what in chosen}
        report["peak_mb"] = {
            what: {str(arguments.size): rates[what]["peak_mb"], str(large_px): peaks[what]}
            for what in chosen
        }
        report["peak_ratio"] = max(round(peaks[w] / rates[w]["peak_mb"], 3) for w in chosen)
    if arguments.data:
        report["ventoux"] = check_ventoux(arguments.data / "pleiades_ventoux_rpc")
        report["rotterdam"] = check_rotterdam(arguments.data / "spacenet_solaris/preproc_tutorial")
    print(json.dumps(report))


def measure(what: str, folder: Path) -> dict[str, float]:
    """The part between two plain copies of as many bytes."""
    part = run_worker(what, folder)
    copies = []
    for _ in range(2):
        sizes = f"copy:{part['read_mb']:.3f}:{part['written_mb']:.3f}"
        copies.append(run_worker(sizes, folder)["seconds"])
    again = run_worker(what, folder)
    seconds = (part["seconds"] + again["seconds"]) / 2
    ratio = sum(copies) / 2 / seconds
    print(f"{what}: {ratio:.3f} of a copy, {part['peak_mb']} MB", file=sys.stderr, flush=True)
    return {**part, "seconds": seconds, "ratio": ratio, "rate": part["megapixels"] / seconds}


def run_worker(what: str, folder: Path) -> dict[str, float]:
    """Run a worker in a process of its own and give what it prints last."""
    print(f"{what} in {folder.name}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--worker", what, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def work(what: str, folder: Path) -> dict[str, float]:
    """Run one part, or a copy, from file to file."""
    out = folder / "out.tif"
    started = time.perf_counter()
    if what.startswith("copy:"):
        read_mb, written_mb = (float(number) for number in what.split(":")[1:])
        copy(folder, out, read_mb=read_mb, written_mb=written_mb)
        return {"seconds": time.perf_counter() - started}
    raster, sources = open_for(what, folder)
    for part in parts(folder)[what]:
        raster = part(raster)
    write(raster, out)
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    height, width = raster.geobox.shape
    return {
        "seconds": seconds,
        "peak_mb": round(peak_kb / 1024),
        "megapixels": height * width / 1e6,
        "read_mb": sum(_bytes(source) for source in sources) / 1e6,
        "written_mb": _bytes(raster) / 1e6,
    }


def open_for(what: str, folder: Path) -> tuple[Raster, list[Raster]]:
    """The scene that a part takes, and all the rasters that it reads."""
    if what.startswith("orthorectify"):
        raster = io.open_raster(folder / "raw.tif")
    elif what == "rectify_by_points":
        raster = io.open_raster(folder / "points.tif")
    elif what == "mosaic":
        whole = io.open_raster(folder / "scene.tif")
        cut = [_part_of(whole, window) for window in geo.cut_windows(whole.geobox, size_px=1000)]
        return mosaic(cut, scene_id="whole"), [whole]
    elif what.startswith("pansharpen"):
        pan, raster = io.open_raster(folder / "pan.tif"), io.open_raster(folder / "colours.tif")
        return geo.Raster(**{**vars(raster), "companions": {"pan": pan}}), [raster, pan]
    else:
        raster = io.open_raster(folder / "scene.tif")
    return raster, [raster]


def _part_of(whole: Raster, window: GeoBox) -> Raster:
    return geo.Raster(**{**vars(whole), "geobox": window})


def _bytes(raster: Raster) -> int:
    height, width = raster.geobox.shape
    return height * width * len(raster.bands) * np.dtype(raster.dtype).itemsize


def write(raster: Raster, out: Path) -> None:
    """Write by windows into a plain tiled GeoTIFF: making a COG is the same for all parts."""
    height, width = raster.geobox.shape
    profile = {"height": height, "width": width, "count": len(raster.bands)}
    with rasterio.open(out, "w", **profile, **TILED, dtype=raster.dtype) as sink:
        for window in blocks(raster.geobox):
            row, column = geo.offset_px(window, of=raster.geobox)
            there = Window(column, row, window.shape[1], window.shape[0])
            sink.write(raster.read(window), window=there)


TILED = {"tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX, "bigtiff": "if_safer"}


def copy(folder: Path, out: Path, *, read_mb: float, written_mb: float) -> None:
    """Read windows until so many bytes are read, and write as many as the part does."""
    raster = io.open_raster(folder / "scene.tif")
    windows = list(blocks(raster.geobox))
    side = int(np.ceil((written_mb * 1e6 / len(BANDS) / 2) ** 0.5))
    height = max(1, side)
    target = GeoBox((height, height), raster.geobox.affine, raster.geobox.crs)
    profile = {"height": height, "width": height, "count": len(BANDS), "dtype": "uint16"}
    left = read_mb * 1e6
    pixels = raster.read(windows[0])
    with rasterio.open(out, "w", **profile, **TILED) as sink:
        for number, window in enumerate(blocks(target)):
            if left > 0:
                pixels = raster.read(windows[number % len(windows)])
                left -= pixels.nbytes
            row, column = geo.offset_px(window, of=target)
            shape = window.shape
            part = np.resize(pixels, (len(BANDS), *shape)) if pixels.shape[1:] != shape else pixels
            sink.write(part, window=Window(column, row, shape[1], shape[0]))
    number = 0
    while left > 0:
        left -= raster.read(windows[number % len(windows)]).nbytes
        number += 1


def compare_with_gdalwarp(what: str, folder: Path, ours: dict[str, float]) -> dict[str, float]:
    """The rate of our orthorectification over that of gdalwarp, on one thread each."""
    (part,) = parts(folder)[what]
    grid = part(io.open_raster(folder / "raw.tif")).geobox
    found = {"seconds": round(ours["seconds"], 2)}
    for name, error_px in {"exact": "0", "approximate": "0.125"}.items():
        box, out = grid.boundingbox, folder / "gdalwarp.tif"
        edges = [str(side) for side in (box.left, box.bottom, box.right, box.top)]
        command = ["gdalwarp", "-q", "-overwrite", "-rpc", "-et", error_px, "-r", part.resampling]
        command += ["-to", f"RPC_DEM={folder / 'dem.tif'}", "-t_srs", str(grid.crs), "-te", *edges]
        command += ["-tr", str(SIDE_M), str(SIDE_M), "-co", "TILED=YES", "-wo", "NUM_THREADS=1"]
        command += ["-co", f"BLOCKXSIZE={BLOCK_PX}", "-co", f"BLOCKYSIZE={BLOCK_PX}"]
        started = time.perf_counter()
        subprocess.run([*command, str(folder / "raw.tif"), str(out)], check=True)
        seconds = time.perf_counter() - started
        found[f"gdalwarp_{name}_seconds"] = round(seconds, 2)
        found[f"over_gdalwarp_{name}"] = round(seconds / ours["seconds"], 3)
    return found


def write_inputs(folder: Path, size: int) -> Path:
    """Write the scene in all the forms that parts take, all of soft shapes and noise."""
    folder.mkdir()
    affine = Affine(SIDE_M, 0, CORNER_M[0], 0, -SIDE_M, CORNER_M[1])
    grid = GeoBox((size, size), affine, "EPSG:32633")
    _write_scene(folder / "scene.tif", grid, BANDS)
    _write_scene(folder / "pan.tif", grid, ("pan",))
    quarter = GeoBox((size // 4, size // 4), grid.affine @ Affine.scale(4), grid.crs)
    _write_scene(folder / "colours.tif", quarter, BANDS)
    model, shape = sensor_model(grid, off_nadir_deg=20.0, azimuth_deg=100.0, turn_deg=0.0)
    image = GeoBox(shape, Affine.identity(), "EPSG:4326")
    _write_scene(folder / "raw.tif", image, BANDS, rpcs=sensor_profile(model)["rpcs"])
    columns, rows = np.meshgrid(np.linspace(0, size, 5), np.linspace(0, size, 5))
    points = GroundPoints(
        str(grid.crs),
        tuple(
            (c * 0.99 + r * 0.02, r * 0.99, *(grid.affine @ (c, r)))
            for c, r in zip(columns.ravel(), rows.ravel(), strict=True)
        ),
    )
    _write_scene(folder / "points.tif", grid, BANDS, **sensor_profile(points))
    _write_dem(folder / "dem.tif", grid)
    outline = geo.footprint(grid).centroid.buffer(size * SIDE_M * 0.45)
    fence = gpd.GeoDataFrame(geometry=[outline], crs=str(grid.crs))
    io.write_vectors(fence, folder / "fence.parquet")
    return folder


def _write_scene(path: Path, grid: GeoBox, bands: tuple[str, ...], **place: object) -> None:
    height, width = grid.shape
    profile = {"height": height, "width": width, "count": len(bands), "dtype": "uint16"}
    place = place or {"crs": str(grid.crs), "transform": grid.affine}
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 12, BLOCK_PX)
    soft = 1500 + 900 * np.sin(slope)[:, None] * np.cos(slope)
    with rasterio.open(path, "w", **profile, **TILED, **place, nodata=0) as sink:
        sink.descriptions = bands
        for window in blocks(grid):
            row, column = geo.offset_px(window, of=grid)
            pixels = soft + rng.integers(0, 200, (len(bands), BLOCK_PX, BLOCK_PX))
            pixels = pixels[:, : window.shape[0], : window.shape[1]].astype("uint16")
            sink.write(pixels, window=Window(column, row, window.shape[1], window.shape[0]))


def _write_dem(path: Path, grid: GeoBox) -> None:
    """Heights with room around, for what the image shows beside the scene."""
    around = 0.4 * grid.shape[1] * SIDE_M + 200
    count = int((grid.shape[1] * SIDE_M + 2 * around) / DEM_M)
    affine = Affine(DEM_M, 0, CORNER_M[0] - around, 0, -DEM_M, CORNER_M[1] + around)
    there = GeoBox((count, count), affine, grid.crs)

    def read() -> Iterator[tuple[GeoBox, np.ndarray]]:
        for window in blocks(there):
            height, width = window.shape
            columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
            yield window, relief_m(grid, *(window.affine @ (columns, rows)))[None].astype("float32")

    io.write_cog(path, geobox=there, bands=("h",), dtype="float32", nodata=None, blocks=read())


if __name__ == "__main__":
    main()
