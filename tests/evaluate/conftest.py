"""A small world made by code: processed scenes, catalogue, selection, labels and detections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import DictConfig, OmegaConf
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from factory_core.evaluate.comparison import Comparison, comparisons
from factory_core.evaluate.matching import Match
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene
from factory_core.kernel import io
from factory_core.kernel.geo import footprint
from factory_core.kernel.taxonomy import Taxonomy

CRS = "EPSG:32632"
LEFT, TOP = 500_000, 5_000_000
CLASSES = ("house", "road")
TAXONOMY = Taxonomy(CLASSES)

Labels = Sequence[tuple[str, BaseGeometry]]
Detections = Sequence[tuple[str, float, BaseGeometry]]


def geobox(*, height: int = 100, width: int = 120) -> GeoBox:
    return GeoBox((height, width), Affine(1, 0, LEFT, 0, -1, TOP), CRS)


def square(x: float, y: float, side: float = 10) -> BaseGeometry:
    """A square on the ground: `x`, `y` metres right of and below the corner of the scene."""
    return box(LEFT + x, TOP - y - side, LEFT + x + side, TOP - y)


def labels_frame(labels: Labels, *, scene_id: str = "a") -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "label": np.array([label for label, _ in labels], object),
            "scene_id": np.array([scene_id] * len(labels), object),
        },
        geometry=[shape for _, shape in labels],
        crs=CRS,
    )


def detections_frame(detections: Detections, *, scene_id: str = "a") -> gpd.GeoDataFrame:
    frame = labels_frame([(label, shape) for label, _, shape in detections], scene_id=scene_id)
    return frame.assign(score=np.array([score for _, score, _ in detections], float))


def make_scene(labels: Labels, detections: Detections, *, scene_id: str = "a") -> Scene:
    """A scene in memory, as `read_scenes` gives it, all of it in the split."""
    from factory_core.evaluate.scenes import in_fixed_order

    grid = geobox()
    true = in_fixed_order(labels_frame(labels, scene_id=scene_id))
    found = in_fixed_order(detections_frame(detections, scene_id=scene_id))
    return Scene(
        scene_id=scene_id,
        path=Path(f"{scene_id}.tif"),
        geobox=grid,
        area=footprint(grid),
        named_labels=true,
        named_detections=found,
        labels=true,
        detections=found,
    )


def make_results(*scenes: Scene, taxonomy: Taxonomy = TAXONOMY, **settings: object) -> Results:
    return Results(scenes, taxonomy=taxonomy, **settings)


def compare(scene: Scene, *, match: Match = "box", iou: float = 0.5) -> Comparison:
    """Who is whose on one scene."""
    return comparisons(make_results(scene, match=match, iou=iou))[0]


@dataclass
class World:
    """The folders that the stage reads, and its configuration."""

    root: Path
    settings: dict[str, object] = field(default_factory=dict)
    metrics: Sequence[str] = ("matches", "average_precision", "pixel_iou")

    @property
    def paths(self) -> dict[str, Path]:
        data = self.root / "data"
        return {
            "detections": data / "detections/test.parquet",
            "predictions": data / "predictions/test",
            "scenes": data / "processed",
            "catalogue": data / "catalogue",
            "selection": data / "selection",
            "out": self.root / "evaluation/test",
        }

    @property
    def config(self) -> DictConfig:
        from factory_core.kernel.parts import CONF, load_part

        stated = OmegaConf.load(CONF / "factory.yaml").evaluate
        tasks = {name: load_part("metric", name) for name in self.metrics}
        quick = {
            "min_labels": 1,
            "draws": 20,
            "picture_px": 300,
            "metrics": {"tasks": tasks, "order": list(tasks)},
        }
        return OmegaConf.create(
            {
                "detector": "house_detector",
                "taxonomy": {"classes": ["building/house", "road"], "level": 2},
                "catalogue": {"contexts": {"snow": {}, "haze": {}}},
                "evaluate": {**stated, **quick, **self.settings},
                "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
                "fingerprint": {"evaluate": "abc"},
            }
        )

    def add(
        self,
        *,
        labels: dict[str, Labels],
        detections: dict[str, Detections],
        areas: dict[str, BaseGeometry] | None = None,
        score_maps: bool = False,
    ) -> World:
        """Write scenes with these labels and detections; every scene is in the split test."""
        paths = self.paths
        grid = geobox()
        areas = areas or dict.fromkeys(labels, footprint(grid))
        generator = np.random.default_rng(0)
        for scene_id in labels:
            pixels = generator.integers(60, 140, (3, *grid.shape)).astype("uint8")
            io.write_cog(
                paths["scenes"] / f"{scene_id}.tif",
                geobox=grid,
                bands=("red", "green", "blue"),
                dtype="uint8",
                nodata=0,
                blocks=[(grid, pixels)],
            )
        paths["predictions"].mkdir(parents=True)
        if score_maps:
            (paths["predictions"] / "a.tif").touch()
        self.write(
            "catalogue/labels.parquet", (labels_frame(v, scene_id=k) for k, v in labels.items())
        )
        self.write(
            "detections/test.parquet",
            (detections_frame(v, scene_id=k) for k, v in detections.items()),
        )
        self.write(
            "selection/selection.parquet",
            (
                gpd.GeoDataFrame(
                    {"scene_id": [k], "block": [0], "split": ["test"], "reason": [""]},
                    geometry=[shape],
                    crs=CRS,
                )
                for k, shape in areas.items()
            ),
        )
        ids = list(labels)
        values = np.linspace(0, 1, len(ids))
        io.write_table(
            pd.DataFrame({"id": ids, "snow": values, "haze": values[::-1]}),
            paths["catalogue"] / "scenes.parquet",
        )
        return self

    def write(self, name: str, frames: Iterable[gpd.GeoDataFrame]) -> None:
        io.write_by_scene(frames, self.root / "data" / name)

    def run(self, **extra: Path) -> dict[str, object]:
        from factory_core.evaluate.stage import run

        run(self.config, **self.paths, split="test", **extra)
        out = self.paths["out"]
        slices = {"by_context": io.read_json(out / "slices.json")}
        return io.read_json(out / "metrics.json") | slices


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    return lambda **settings: World(tmp_path, settings)
