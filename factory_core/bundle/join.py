"""Detections of scenes that overlap or adjoin -> each object once, whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.bundle.join_lines import join_lines, lead_to_edges
from factory_core.bundle.seams import WIDER, Seen, find_objects_across
from factory_core.kernel.merging import around_groups
from factory_core.kernel.overlaps import best_first
from factory_core.kernel.rectangles import rectangles_around

# Pieces that agree on a strip two tolerances wide lie no further apart, in tolerances.
GAP = 1.5
LINES, AREAS = 1, 2


def join_scenes(seen: Seen, *, boxes: bool) -> tuple[GeoDataFrame, np.ndarray]:
    """Make one detection of those that different scenes have of an object.

    Which these are says `find_objects_across`. Where its scenes show an object whole, the best
    detection stands as it is; so does the best whole one of boxes. Else the pieces are put
    together: polygons are united, one box is put around boxes in the direction of the best, lines
    are joined end to end. The score is the highest, the other columns are those of the best:
    of one that is whole before one that is cut.

    Args:
        seen: The detections.
        boxes: Whether they are boxes around objects, and no outlines of them.

    Returns:
        The detections, in the place of the best of each object, and `(row,)` whether one was made
        of several.
    """
    frame = seen.detections
    seen = replace(seen, detections=frame.set_geometry(_led_on(seen), crs=frame.crs))
    objects = find_objects_across(seen, once=boxes)
    group = objects.group
    size = np.bincount(group)
    if not (size > 1).any():
        return frame, np.zeros(len(frame), bool)
    shapes = frame.geometry.to_numpy()
    best = _best(frame, group=group, cut=objects.cut)
    whole = np.bincount(group, weights=~objects.cut)
    kind = shapely.get_dimensions(shapes[best])
    apart = (kind == AREAS) & ((whole == 0) if boxes else (whole < size)) & (size > 1)
    shape, of_group = shapes[best], np.arange(len(best))
    if apart.any():
        rows = np.flatnonzero(apart[group])
        number = np.unique(group[rows], return_inverse=True)[1]
        angle = rectangles_around(shape[apart]).angle
        shape[apart] = (
            around_groups(shapes[rows], number=number, angle=angle).polygons()
            if boxes
            else _united(shapes[rows], number=number, gap_m=GAP * seen.tolerance_m)
        )
    lines = (kind == LINES) & (size > 1)
    if lines.any():
        joined, whose = _lines_joined(seen, group=group, chosen=lines)
        of_group = np.concatenate([of_group[~lines], whose])
        shape = np.concatenate([shape[~lines], joined])
    order = np.argsort(best[of_group], kind="stable")
    of_group, shape = of_group[order], shape[order]
    score = np.zeros(len(best))
    np.maximum.at(score, group, frame["score"].to_numpy(float))
    found = frame.iloc[best[of_group]].assign(score=score[of_group])
    return found.set_geometry(shape, crs=frame.crs).reset_index(drop=True), size[of_group] > 1


def _led_on(seen: Seen) -> np.ndarray:
    """The shapes, lines of one part led on to the edges of their scenes where others go on."""
    shapes = seen.detections.geometry.to_numpy().copy()
    line = shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING
    grounds = np.array([ground.shape for ground in seen.grounds])
    tree = shapely.STRtree(grounds)
    for scene in np.unique(seen.scene[line]):
        rows = np.flatnonzero(line & (seen.scene == scene))
        near = tree.query(grounds[scene], predicate="dwithin", distance=seen.tolerance_m)
        others = shapely.union_all(grounds[near[near != scene]])
        edge = shapely.intersection(
            shapely.boundary(grounds[scene]), shapely.buffer(others, seen.tolerance_m)
        )
        shapely.prepare(edge)
        shapes[rows] = lead_to_edges(shapes[rows], edge, reach_m=WIDER * seen.tolerance_m)
    return np.asarray(shapes)


def _best(frame: GeoDataFrame, *, group: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Row of the best detection of each object, a whole one where there is one."""
    rank = np.empty(len(frame), int)
    rank[next(best_first(frame, per_class=False))] = np.arange(len(frame))
    order = np.lexsort([rank, cut, group])
    return np.asarray(order[np.unique(group[order], return_index=True)[1]])


def _lines_joined(
    seen: Seen, *, group: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lines that take the place of those of the `chosen` groups `(group,)`, and their groups."""
    rows = np.flatnonzero(chosen[group])
    joined, number = join_lines(
        seen.detections.geometry.to_numpy()[rows],
        number=np.unique(group[rows], return_inverse=True)[1],
        scene=seen.scene[rows],
        reach_m=WIDER * seen.tolerance_m,
    )
    return joined, np.flatnonzero(chosen)[number]


def _united(shapes: np.ndarray, *, number: np.ndarray, gap_m: float) -> np.ndarray:
    """Pieces of each number as one polygon; gaps between them, and bays as narrow, are filled."""
    order = np.argsort(number, kind="stable")
    sound = shapely.make_valid(shapes[order], method="structure", keep_collapsed=False)
    heaps = shapely.geometrycollections(sound, indices=number[order])
    united = np.asarray(shapely.union_all(heaps[:, None], axis=1))
    parted = shapely.get_type_id(united) != shapely.GeometryType.POLYGON
    wide = shapely.buffer(united[parted], gap_m / 2, join_style="mitre")
    united[parted] = shapely.buffer(wide, -gap_m / 2, join_style="mitre")
    # Straight on over the edge: no corner is left where the pieces met.
    return np.asarray(shapely.simplify(united, 0))
