"""Scenes as outlines with labels, and a written catalogue."""

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from shapely.geometry import Point

from factory_core.kernel import geo, io
from factory_core.kernel.parts import load_part

CRS = "EPSG:32633"


@pytest.fixture
def write_catalogue(tmp_path):
    """Write a catalogue of square scenes, in metres: name -> (left, top, side, labels)."""

    def write(scenes, *, crs=None):
        rows, outlines, frames = [], [], []
        for number, (name, (left, top, side, labels)) in enumerate(scenes.items()):
            own = (crs or {}).get(name, CRS)
            grid = GeoBox((side, side), Affine(1, 0, left, 0, -1, top), own)
            rows.append(
                {
                    "id": name,
                    "proj:code": own,
                    "proj:shape": list(grid.shape),
                    "proj:transform": list(grid.affine)[:6],
                    "snow": number / len(scenes),
                    "gsd": 1.0,
                    "labels": {"car": labels},
                }
            )
            outline = gpd.GeoSeries([geo.footprint(grid)], crs=own)
            outlines += list(outline.to_crs("EPSG:4326"))
            rng = np.random.default_rng(number)
            places = rng.uniform(0.02, 0.98, (labels, 2)) * side * [1, -1] + [left, top]
            shapes = [Point(place).buffer(side / 1000) for place in places]
            columns = {"label": ["car"] * labels, "scene_id": name}
            frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=own)
            frames.append(frame.to_crs(geo.metric_crs(grid)))
        folder = tmp_path / "catalogue"
        table = gpd.GeoDataFrame(rows, geometry=outlines, crs="EPSG:4326")
        io.write_table(table, folder / "scenes.parquet")
        io.write_by_scene(frames, folder / "labels.parquet")
        return folder

    return write


@pytest.fixture
def config():
    return OmegaConf.create(
        {
            "taxonomy": {"classes": ["car"], "level": 1},
            "select": {"where": "true", "split": load_part("split", "spatial_blocks")},
            "fingerprint": {"select": ""},
        }
    )
