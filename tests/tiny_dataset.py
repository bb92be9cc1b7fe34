"""Two tiny scenes with squares on them, as the stages before dataset leave them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import DictConfig, OmegaConf
from shapely import box

from factory_core.kernel import io
from factory_core.kernel.parts import load_part
from tests.models.compose import compose

CRS = "EPSG:32633"
SIDE_PX = 96
PIXEL_M = 0.5
BANDS = ("red", "green", "blue")
# Row and column of the squares.
PLACES = ((10, 10), (10, 60), (60, 20), (70, 70))


def geobox_of(number: int = 0, *, side_px: int = SIDE_PX) -> GeoBox:
    """Grid of a scene, each a kilometre east of the one before."""
    east = 500_000 + 1_000 * number
    return GeoBox((side_px, side_px), Affine(PIXEL_M, 0, east, 0, -PIXEL_M, 5_000_000), CRS)


def square(geobox: GeoBox, *, row: int, column: int, side_px: int):
    """A square of whole pixels, on the ground."""
    left, top = geobox.affine @ (column, row)
    right, bottom = geobox.affine @ (column + side_px, row + side_px)
    return box(left, bottom, right, top)


def write_scene(
    folder: Path,
    number: int,
    *,
    bands: tuple[str, ...] = BANDS,
    dtype: str = "uint8",
    places=PLACES,
    side_px: int = SIDE_PX,
) -> gpd.GeoDataFrame:
    """Write `scene_<number>.tif`, dark with bright squares; returns the squares as labels."""
    geobox = geobox_of(number, side_px=side_px)
    generator = np.random.default_rng(number)
    pixels = generator.integers(20, 60, (len(bands), side_px, side_px)).astype(dtype)
    for row, column in places:
        pixels[:, row : row + 12, column : column + 12] += 120
    name = f"scene_{number}"
    io.write_cog(
        folder / f"{name}.tif",
        geobox=geobox,
        bands=bands,
        dtype=dtype,
        nodata=0,
        blocks=[(geobox, pixels)],
    )
    shapes = [square(geobox, row=row, column=column, side_px=12) for row, column in places]
    return gpd.GeoDataFrame(
        {"label": ["square"] * len(shapes), "scene_id": [name] * len(shapes)},
        geometry=shapes,
        crs=CRS,
    )


def blocks(number: int, split: str, *, area=None) -> gpd.GeoDataFrame:
    """The selection of a scene: one block, all of it or `area`."""
    geobox = geobox_of(number)
    area = area or square(geobox, row=0, column=0, side_px=SIDE_PX)
    fields = {"scene_id": [f"scene_{number}"], "block": [number], "split": [split], "reason": [""]}
    return gpd.GeoDataFrame(fields, geometry=[area], crs=CRS)


def write_inputs(root: Path, *, labels=None, selection=None, places=PLACES) -> dict[str, Path]:
    """Scene 0 to train and scene 1 to val; gives the paths that the stage takes."""
    found = [write_scene(root / "processed", number, places=places) for number in (0, 1)]
    io.write_by_scene(found if labels is None else labels, root / "catalogue/labels.parquet")
    chosen = [blocks(0, "train"), blocks(1, "val")] if selection is None else selection
    io.write_by_scene(chosen, root / "selection/selection.parquet")
    return {name: root / folder for name, folder in PATHS.items()}


PATHS = {"scenes": "processed", "catalogue": "catalogue", "selection": "selection"}


def config(*, task: str = "boxes", **changes: object) -> DictConfig:
    """Settings of dataset and train, everything small; `changes` are `dotted__keys`."""
    boxes = task == "boxes"
    small = ("encoder=resnet", "encoder.width=4", "encoder.depth=3", "model.width=4")
    model = OmegaConf.to_container(compose("centernet" if boxes else "unet", *small).model)
    augment = ["flip", "quarter_turn", "colour_jitter"]
    content = {
        "taxonomy": {"classes": ["square"], "level": 1},
        "dataset": {
            "window_px": 32,
            "overlap_px": 0,
            "background_share": 0.2,
            "min_shown": 0.0,
            "shard_windows": 4,
            "seed": 0,
            "target": load_part("target", "boxes" if boxes else "mask"),
        },
        "augment": {
            "tasks": {name: load_part("augmentation", name) for name in augment},
            "order": augment,
        },
        "model": model | ({"max_boxes": 10} if boxes else {}),
        "sampler": load_part("sampler", "shuffled"),
        "optimizer": load_part("optimizer", "adamw"),
        "schedule": load_part("schedule", "cosine") | {"warmup_epochs": 1.0},
        "train": {
            "members": [0],
            "seed": 0,
            "epochs": 3,
            "batch_size": 4,
            "patience": 10,
            "precision": "float32",
            "deterministic": True,
            "threads": 2,
            "feed_threads": 1,
            "save_minutes": 10.0,
            "picture_epochs": 2,
            "average": load_part("average", "moving") | {"momentum": 0.9},
        },
        "devices": load_part("devices", "one"),
        "compute": load_part("compute", "local"),
        "fingerprint": {"dataset": "a", "train": "b"},
    }
    made = OmegaConf.create(content)
    for key, value in changes.items():
        OmegaConf.update(made, key.replace("__", "."), value, merge=False, force_add=True)
    return made
