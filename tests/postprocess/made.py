"""Detections and score maps made by code."""

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.kernel.geo import ScoreMap

CRS = "EPSG:32633"


def score_map(scores, classes=("tree",), pixel_m=1.0):
    scores = np.array(scores, np.uint8)
    scores = scores.reshape(len(classes), *scores.shape[-2:])
    affine = Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_000_000)
    return ScoreMap("a", GeoBox(scores.shape[1:], affine, CRS), classes, scores)


def frame(shapes, scores=None, labels="tree"):
    scores = np.linspace(1, 0.5, len(shapes)) if scores is None else scores
    return gpd.GeoDataFrame(
        {"score": scores, "label": labels, "scene_id": "a"}, geometry=list(shapes), crs=CRS
    )
