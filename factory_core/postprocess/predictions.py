"""What predict wrote for each scene, read and checked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import shapely
from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError
from factory_core.kernel.geo import ScoreMap

KINDS = {".tif": ScoreMap, ".parquet": GeoDataFrame}
COLUMNS = ("score", "label", "scene_id")


def find_predictions(folder: Path, scene_ids: Iterable[str]) -> list[Path]:
    """The file of each scene, all score maps or all candidates.

    Raises:
        OutputError: A scene has none, or they are of both kinds.
    """
    files = []
    for scene_id in scene_ids:
        found = [file for end in KINDS if (file := folder / f"{scene_id}{end}").is_file()]
        if len(found) != 1:
            raise OutputError(
                f"{folder} has {len(found)} predictions for the scene {scene_id!r}; expected one, "
                f"{scene_id}.tif or {scene_id}.parquet. Run the stage predict again."
            )
        files += found
    endings = sorted({file.suffix for file in files})
    if len(endings) > 1:
        raise OutputError(
            f"{folder} mixes score maps and candidates ({', '.join(endings)}). Run the stage "
            "predict again."
        )
    return files


def read_predictions(path: Path) -> ScoreMap | GeoDataFrame:
    """The score map or the candidates of one scene.

    Raises:
        OutputError: Candidates lack a column, or have a shape or score that is none.
    """
    if path.suffix == ".tif":
        return io.read_score_map(path)
    # What is NaN is named below: numpy's own warning would come first, and name no file.
    with np.errstate(invalid="ignore"):
        candidates = cast(GeoDataFrame, io.read_table(path))
    check_detections(candidates, where=str(path))
    return candidates.drop(columns="crs", errors="ignore")


def finish(detections: GeoDataFrame, *, file: Path, area: GeoSeries) -> GeoDataFrame:
    """Check what a chain gave for the scene of `file`, and drop what lies outside `area`.

    Raises:
        OutputError: A column is missing, or a shape or score is none.
    """
    check_detections(detections, where=f"What `postprocess` makes of {file}")
    polygon = area.to_crs(detections.crs).union_all()
    shapely.prepare(polygon)
    points = shapely.point_on_surface(detections.geometry.to_numpy())
    return detections[shapely.intersects(polygon, points)]


def check_detections(detections: GeoDataFrame, *, where: str) -> None:
    """Refuse detections that lack a column, a shape or a place, or whose scores are no scores.

    Raises:
        OutputError: Names `where` they come from.
    """
    missing = [name for name in COLUMNS if name not in detections.columns]
    if missing or not isinstance(detections, GeoDataFrame):
        raise OutputError(
            f"{where} lacks {', '.join(missing) or 'geometry'}; detections have geometry, "
            f"{', '.join(COLUMNS)}. Run the stage that writes them again."
        )
    shapes = detections.geometry.to_numpy()
    nowhere = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    points, row = shapely.get_coordinates(shapes, return_index=True)
    nowhere[row[~np.isfinite(points).all(axis=1)]] = True
    if nowhere.any():
        raise OutputError(
            f"{where} has {int(nowhere.sum())} detections that are empty or have coordinates that "
            f"are NaN or infinite, the first in row {int(nowhere.argmax())}. Every detection needs "
            "a place: run the stage that writes them again, or mend the task that changed them."
        )
    scores = detections["score"]
    wrong = ~scores.between(0, 1)  # NaN is not between
    if wrong.any():
        raise OutputError(
            f"{where} has {int(wrong.sum())} scores that are NaN or outside [0, 1], the first "
            f"{scores[wrong].iloc[0]}. Every detection needs a score in [0, 1]: run the stage "
            "that writes them again, or mend the task that changed them."
        )
