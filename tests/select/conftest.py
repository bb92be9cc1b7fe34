"""Scenes as outlines with labels, and a written catalogue."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from shapely.geometry import Point

from factory_core.kernel import geo, io
from factory_core.kernel.parts import load_part
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.areas import lay_out
from factory_core.select.balance import share_out
from factory_core.select.counts import count
from factory_core.select.goals import Wishes, state_problem
from factory_core.select.units import SPLITS, Pool

CRS = "EPSG:32633"
QUERY = {
    "where": "true",
    "geofence": None,
    "level": 1,
    "quotas": {},
    "budget_windows": None,
    "window_m": None,
    "background_share": 0.2,
    "near_duplicate_bits": 4,
    "seed": 0,
}


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
            "select": {**QUERY, "split": load_part("split", "spatial_blocks")},
            "fingerprint": {"select": ""},
        }
    )


@pytest.fixture(scope="session")
def divide():
    """Cut, balance and lay out: a split and a pool -> the blocks of each scene."""

    def divide(split, outlines, labels, *, seed=0, twins=()):
        units = split(Pool(outlines, twins=twins))
        names = sorted({n for frame in labels.values() for n in frame["label"]}) or ["car"]
        of_scene = pd.DataFrame(index=list(outlines))
        counts = count(units, labels, {}, of_scene=of_scene, window_m=None)
        wishes = Wishes({}, None, None, 0.2, split.shares, 1, seed)
        problem = state_problem(units, counts, wishes, taxonomy=Taxonomy(tuple(names)))
        splits = [SPLITS[row.argmax()] if row.any() else "" for row in share_out(problem)]
        crs = {name: str(outline.crs) for name, outline in outlines.items()}
        blocks = lay_out(units, splits, crs=crs, gap_m=split.gap_m, why_left="left")
        return {name: blocks[name] for name in outlines}

    return divide
