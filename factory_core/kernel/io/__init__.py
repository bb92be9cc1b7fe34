"""Every file format: the only place that opens rasters, vectors and tables.

Rasters in `rasters`, vectors in `vectors`, whole outputs in `outputs`. Each is imported at
its first use, so that a command which only writes text does not wait for GDAL.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factory_core.kernel.io.outputs import (
        identity,
        read_json,
        staged,
        staged_file,
        unfinished,
        write_json,
    )
    from factory_core.kernel.io.rasters import (
        open_raster,
        read_grid,
        read_overview,
        read_pixels,
        read_score_map,
        read_tags,
        write_cog,
    )
    from factory_core.kernel.io.shrunk import open_shrunk, read_onto
    from factory_core.kernel.io.vectors import (
        as_read_by_scene,
        read_areas,
        read_by_scene,
        read_geofence,
        read_table,
        read_vectors,
        write_by_scene,
        write_shapefile,
        write_table,
        write_vectors,
    )

_HOMES = {
    "outputs": (
        "identity",
        "read_json",
        "staged",
        "staged_file",
        "unfinished",
        "write_json",
    ),
    "rasters": (
        "open_raster",
        "read_grid",
        "read_overview",
        "read_pixels",
        "read_score_map",
        "read_tags",
        "write_cog",
    ),
    "shrunk": (
        "open_shrunk",
        "read_onto",
    ),
    "vectors": (
        "as_read_by_scene",
        "read_areas",
        "read_by_scene",
        "read_geofence",
        "read_table",
        "read_vectors",
        "write_by_scene",
        "write_shapefile",
        "write_table",
        "write_vectors",
    ),
}

__all__ = [
    "as_read_by_scene",
    "identity",
    "open_raster",
    "open_shrunk",
    "read_areas",
    "read_by_scene",
    "read_geofence",
    "read_grid",
    "read_json",
    "read_onto",
    "read_overview",
    "read_pixels",
    "read_score_map",
    "read_table",
    "read_tags",
    "read_vectors",
    "staged",
    "staged_file",
    "unfinished",
    "write_by_scene",
    "write_cog",
    "write_json",
    "write_shapefile",
    "write_table",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
