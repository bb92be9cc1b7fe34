"""Rasters in memory, and a written catalogue and selection over files."""

import shutil
import subprocess

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf

from factory_core.kernel import geo, io
from factory_core.kernel.geo import Raster
from factory_core.kernel.parts import load_part
from tests import debian

BANDS = ("red", "green", "blue")
CHAIN = ("compose_bands", "reproject", "to_8bit")


@pytest.fixture
def make_raster():
    """A raster in memory, from `(band, height, width)` pixels."""

    def make(pixels, *, side=1.0, corner=(500_000, 5_400_000), crs="EPSG:32633", **given):
        pixels = np.asarray(pixels)
        grid = GeoBox(pixels.shape[1:], Affine(side, 0, corner[0], 0, -side, corner[1]), crs)
        fill = given.get("nodata") or 0

        def read(window):
            row, column = geo.offset_px(window, of=grid)
            margin = max(*window.shape, *pixels.shape[1:], abs(row), abs(column)) + 1
            edge = ((0, 0), (margin, margin), (margin, margin))
            padded = np.pad(pixels, edge, constant_values=fill)
            rows = slice(row + margin, row + margin + window.shape[0])
            columns = slice(column + margin, column + margin + window.shape[1])
            return padded[:, rows, columns]

        return Raster(
            given.get("scene_id", "scene"),
            grid,
            given.get("bands", BANDS[: len(pixels)]),
            str(pixels.dtype),
            given.get("nodata"),
            read,
        )

    return make


@pytest.fixture
def ground():
    """The whole ground of a raster, as the training area of its scene."""

    def whole(raster):
        return gpd.GeoSeries([geo.footprint(raster.geobox)], crs=str(raster.geobox.crs))

    return whole


@pytest.fixture
def write_inputs(tmp_path, make_raster, ground):
    """Write scenes with their catalogue and selection, the first train, the others test."""

    def write(scenes):
        rows, blocks = [], []
        for number, (name, given) in enumerate(scenes.items()):
            raster = make_raster(scene_id=name, **given)
            path = tmp_path / "raw" / "scenes" / f"{name}.tif"
            io.write_cog(
                path,
                geobox=raster.geobox,
                bands=raster.bands,
                dtype=raster.dtype,
                nodata=raster.nodata,
                blocks=[(raster.geobox, raster.read(raster.geobox))],
            )
            assets = {"image": {"href": f"scenes/{name}.tif"}}
            for companion, other in given.get("companions", {}).items():
                assets[companion] = {"href": f"scenes/{name}_{companion}.tif"}
                io.write_cog(
                    tmp_path / "raw" / assets[companion]["href"],
                    geobox=other.geobox,
                    bands=other.bands,
                    dtype=other.dtype,
                    nodata=other.nodata,
                    blocks=[(other.geobox, other.read(other.geobox))],
                )
            bands = [{"name": band} for band in raster.bands]
            rows.append({"id": name, "assets": assets, "bands": bands})
            split = ("train", "test")[min(number, 1)]
            columns = {"scene_id": [name], "block": number, "split": split, "reason": ""}
            blocks.append(gpd.GeoDataFrame(columns, geometry=ground(raster)))
        io.write_table(gpd.pd.DataFrame(rows), tmp_path / "catalogue" / "scenes.parquet")
        io.write_by_scene(blocks, tmp_path / "selection" / "selection.parquet")
        return {name: tmp_path / name for name in ("raw", "catalogue", "selection")}

    return write


@pytest.fixture
def config():
    tasks = {name: load_part("process", name) for name in CHAIN}
    return OmegaConf.create(
        {
            "process": {"tasks": tasks, "order": list(CHAIN)},
            "fingerprint": {"process": ""},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        }
    )


@pytest.fixture(scope="session")
def gdalwarp():
    """Run gdalwarp; installed from Debian where it is missing."""
    if shutil.which("gdalwarp") is None:
        debian.install("gdal-bin")

    def run(source, *, grid, options):
        """`source` on `grid`, as `(band, height, width)` floats."""
        target = source.with_name("gdalwarp.tif")
        box = grid.boundingbox
        edges = [str(side) for side in (box.left, box.bottom, box.right, box.top)]
        size = [str(grid.affine.a), str(-grid.affine.e)]
        command = ["gdalwarp", "-q", "-overwrite", "-et", "0", "-t_srs", str(grid.crs)]
        command += ["-te", *edges, "-tr", *size, *options, str(source), str(target)]
        subprocess.run(command, check=True)
        return io.read_pixels(target).astype(float)

    return run
