"""The contexts that the stage dataset gives to windows."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from factory_core.dataset.stage import run
from factory_core.kernel import io
from factory_core.kernel.errors import SelectionError
from tests.dataset.made import refuses
from tests.tiny_dataset import CRS, config, geobox_of, square


def cells(number, *values, side_px=48):
    """Contexts of a scene on a grid of four cells."""
    geobox = geobox_of(number)
    shapes = [
        square(geobox, row=row, column=column, side_px=side_px)
        for row in (0, side_px)
        for column in (0, side_px)
    ]
    fields = {"scene_id": f"scene_{number}", "snow": values, "haze": 0.5}
    return gpd.GeoDataFrame(fields, geometry=shapes, crs=CRS)


def test_windows_carry_the_contexts_of_their_ground(inputs, out):
    found = [cells(0, 0.0, 0.3, 0.6, np.nan), cells(1, 1.0, 1.0, 1.0, 1.0)]
    io.write_by_scene(found, inputs["catalogue"] / "contexts.parquet")
    changed = config(
        dataset__background_share=1.0, catalogue={"contexts": {"snow": {}, "haze": {}}}
    )
    run(changed, **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet").set_index(["row_px", "column_px"])
    assert table["haze"].tolist() == [0.5] * 9
    snow = table["snow"]
    assert snow[0, 0] == 0
    assert snow[0, 32] == pytest.approx(0.15)
    assert snow[0, 64] == pytest.approx(0.3)
    assert snow[32, 32] == pytest.approx(0.3)  # the quarter that was not measured does not count
    assert np.isnan(snow[64, 64])
    assert (io.read_table(out / "val/windows.parquet")["snow"] == 1).all()


def test_contexts_of_an_older_catalogue_are_those_of_the_scene(inputs, out):
    scenes = pd.concat([cells(n, 0.25, 0, 0, 0, side_px=96).iloc[:1] for n in (0, 1)])
    scenes = scenes.rename(columns={"scene_id": "id"}).to_crs("EPSG:4326")
    io.write_table(scenes, inputs["catalogue"] / "scenes.parquet")
    run(config(catalogue={"contexts": {"snow": {}}}), **inputs, out=out)
    table = io.read_table(out / "train/windows.parquet")
    assert np.allclose(table["snow"], 0.25)
    assert "haze" not in table


def test_a_context_that_the_catalogue_lacks(inputs, out):
    io.write_by_scene([cells(0, 0, 0, 0, 0)], inputs["catalogue"] / "contexts.parquet")
    contexts = {"contexts": {"snow": {}, "cloud": {}}}
    refuses(inputs, out, SelectionError, "contexts.parquet lacks.*cloud", catalogue=contexts)
