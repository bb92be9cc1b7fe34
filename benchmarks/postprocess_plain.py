"""Post-processings as one writes them plainly, for benchmarks/postprocess.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from geopandas import GeoDataFrame
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import LineString, Polygon, shape
from skimage.feature import peak_local_max
from skimage.filters import apply_hysteresis_threshold
from skimage.measure import label, regionprops
from skimage.morphology import closing, disk, opening, remove_small_objects
from skimage.segmentation import watershed

from factory_core.kernel.geo import ScoreMap

Plain = Callable[[Any, Mapping[str, Any]], Any]


def _sides(polygon: Polygon) -> list[float]:
    corners = list(polygon.minimum_rotated_rectangle.exterior.coords)
    return sorted(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(corners[:3]))


def _suppress(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    kept = []
    for _, of_class in frame.groupby("label"):
        left = of_class.sort_values("score", ascending=False).reset_index(drop=True)
        index, dropped = left.sindex, np.zeros(len(left), bool)
        for row, polygon in enumerate(left.geometry):
            if dropped[row]:
                continue
            others = index.query(polygon, predicate="intersects")
            others = others[others > row]
            rivals = left.geometry.iloc[others]
            common = rivals.intersection(polygon).area
            iou = common / (rivals.area + polygon.area - common)
            dropped[others[iou > node["max_iou"]]] = True
        kept.append(left[~dropped])
    return gpd.pd.concat(kept)


def _smooth(geometry: Any) -> Any:
    points = np.array(geometry.exterior.coords)
    for _ in range(2):
        here, there = points[:-1], points[1:]
        points = np.stack([0.75 * here + 0.25 * there, 0.25 * here + 0.75 * there], axis=1)
        points = np.vstack([points.reshape(-1, 2), points[0, :1]])
    return Polygon(points)


def _fill(polygon: Polygon, node: Mapping[str, Any]) -> Polygon:
    holes = [ring for ring in polygon.interiors if Polygon(ring).area > node["max_area_m2"]]
    return Polygon(polygon.exterior, holes)


def _polygonise(seen: ScoreMap, _: Mapping[str, Any]) -> GeoDataFrame:
    numbers, _ = ndimage.label(seen.scores[0])
    found = [
        {"geometry": shape(outline), "number": int(number)}
        for outline, number in shapes(numbers, mask=numbers > 0, transform=seen.geobox.affine)
    ]
    frame = GeoDataFrame(found, crs=str(seen.geobox.crs))
    scores = {r.label: r.mean_intensity for r in regionprops(numbers, seen.scores[0])}
    return frame.assign(score=frame["number"].map(scores) / 255)


def _boxes(seen: ScoreMap, _: Mapping[str, Any]) -> GeoDataFrame:
    regions = regionprops(label(seen.scores[0] > 0, connectivity=1), seen.scores[0])
    found = [shapely.box(r.bbox[1], r.bbox[0], r.bbox[3], r.bbox[2]) for r in regions]
    return GeoDataFrame({"score": [r.mean_intensity for r in regions]}, geometry=found)


def _points(seen: ScoreMap, _: Mapping[str, Any]) -> GeoDataFrame:
    regions = regionprops(label(seen.scores[0] > 0, connectivity=1), seen.scores[0])
    found = [shapely.Point(*r.weighted_centroid[::-1]) for r in regions]
    return GeoDataFrame({"score": [r.mean_intensity for r in regions]}, geometry=found)


def _cut(seen: ScoreMap, _: Mapping[str, Any]) -> np.ndarray:
    mask = seen.scores[0] > 0
    depth = ndimage.distance_transform_edt(mask)
    middles = np.zeros(mask.shape, int)
    places = peak_local_max(depth, min_distance=2, labels=label(mask, connectivity=1))
    middles[tuple(places.T)] = np.arange(1, len(places) + 1)
    return watershed(-depth, middles, mask=mask, watershed_line=True)


def _mask(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    layer = gpd.read_file(node["file"]).to_crs(frame.crs)
    numbered = frame.assign(number=np.arange(len(frame)), whole=frame.area)
    parts = gpd.overlay(numbered, layer, how="intersection")
    inside = parts.assign(part=parts.area).groupby("number")["part"].sum()
    share = (
        inside.reindex(numbered["number"], fill_value=0).to_numpy() / numbered["whole"].to_numpy()
    )
    return frame[share < node["min_share"]]


def _fence(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    fence = gpd.read_file(node["file"]).to_crs(frame.crs)
    middles = frame.set_geometry(frame.representative_point())
    return frame.loc[gpd.sjoin(middles, fence, predicate="intersects").index.unique()]


def _near(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    grown = frame.set_geometry(frame.buffer(node["gap_m"] / 2, join_style="mitre"))
    united = grown.dissolve(by="label", aggfunc={"score": "mean"}).explode()
    return united.set_geometry(united.buffer(-node["gap_m"] / 2, join_style="mitre"))


def _attributes(frame: GeoDataFrame, _: Mapping[str, Any]) -> GeoDataFrame:
    sides = frame.geometry.apply(_sides)
    return frame.assign(area_m2=frame.area, width_m=sides.str[0], length_m=sides.str[1])


def _elongation(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    sides = frame.geometry.apply(_sides)
    ratio = sides.str[1] / sides.str[0]
    return frame[ratio.between(node["min_ratio"], node["max_ratio"])]


def _straighten(frame: GeoDataFrame, node: Mapping[str, Any]) -> GeoDataFrame:
    def straight(line: LineString) -> LineString:
        chord = LineString([line.coords[0], line.coords[-1]])
        away = max(shapely.Point(point).distance(chord) for point in line.coords)
        return chord if away <= node["tolerance_m"] else line

    return frame.set_geometry(frame.geometry.apply(straight))


def _band(change: Callable[[np.ndarray, Mapping[str, Any]], np.ndarray]) -> Plain:
    return lambda seen, node: change(seen.scores[0], node)


# What is left out has no plain way that is not a page of code.
PLAIN: dict[str, Plain] = {
    "threshold": _band(lambda b, n: np.where(b >= n["min_score"] * 255, b, 0)),
    "hysteresis_threshold": _band(
        lambda b, n: b * apply_hysteresis_threshold(b, n["min_score"] * 255, n["min_peak"] * 255)
    ),
    "opening": _band(lambda b, n: opening(b, disk(round(n["radius_m"])))),
    "closing": _band(lambda b, n: closing(b, disk(round(n["radius_m"])))),
    "gaussian": _band(lambda b, n: ndimage.gaussian_filter(b, n["sigma_m"])),
    "remove_specks": _band(
        lambda b, n: b * remove_small_objects(b > 0, max_size=int(n["min_area_m2"]) - 1)
    ),
    "fill_holes": _band(lambda b, _: np.where(ndimage.binary_fill_holes(b > 0), b, 0)),
    "watershed": _cut,
    "polygonise": _polygonise,
    "boxes": _boxes,
    "points": _points,
    "min_score": lambda f, n: f[f["score"] >= n["min_score"]],
    "min_area": lambda f, n: f[f.area >= n["min_area_m2"]],
    "max_area": lambda f, n: f[f.area <= n["max_area_m2"]],
    "min_length": lambda f, n: f[f.length >= n["min_length_m"]],
    "simplify": lambda f, n: f.set_geometry(f.simplify(n["tolerance_m"])),
    "buffer": lambda f, n: f.set_geometry(f.buffer(n["distance_m"])),
    "min_rotated_box": lambda f, _: f.set_geometry(f.minimum_rotated_rectangle()),
    "dissolve": lambda f, _: f.dissolve(by="label", aggfunc={"score": "mean"}).explode(),
    "merge_near": _near,
    "smooth": lambda f, _: f.set_geometry(f.geometry.apply(_smooth)),
    "fill_polygon_holes": lambda f, n: f.set_geometry(f.geometry.apply(_fill, node=n)),
    "non_maximum_suppression": _suppress,
    "geofence": _fence,
    "clip_to_geofence": lambda f, n: gpd.clip(f, gpd.read_file(n["file"]).to_crs(f.crs)),
    "mask_layer": _mask,
    "distance_to_layer": lambda f, n: gpd.sjoin_nearest(
        f, gpd.read_file(n["file"]).to_crs(f.crs), distance_col="distance_m"
    ),
    "attributes": _attributes,
    "elongation": _elongation,
    "straighten_lines": _straighten,
    "merge_collinear": lambda f, _: shapely.get_parts(shapely.line_merge(f.union_all())),
}
