"""Find objects in one raw scene with a bundle; starts in about a second."""

from __future__ import annotations

from pathlib import Path

from factory_core.bundle.checksums import verify_checksums
from factory_core.bundle.detector import load_detector
from factory_core.kernel import io
from factory_core.kernel.errors import OutputError

ENDINGS = (".gpkg", ".geojson", ".parquet")


def predict_bundle(bundle: Path, scene: Path, *, out: Path) -> None:
    """Detect in `scene` and write `out`, as its ending says.

    GeoPackage and GeoParquet keep the CRS in metres, GeoJSON has longitude and latitude.

    Raises:
        OutputError: `out` has another ending; nothing has been run then.
        ModelError: The bundle is damaged, or the scene does not fit its models.
        SceneError: The scene cannot be read or placed.
    """
    if out.suffix not in ENDINGS:
        raise OutputError(
            f"{out} has the ending {out.suffix!r}. Expected one of {', '.join(ENDINGS)}."
        )
    verify_checksums(bundle)
    detector = load_detector(bundle)
    raster = detector.open(scene)
    out.parent.mkdir(parents=True, exist_ok=True)
    io.write_vectors(detector.detect(raster, scratch=out.parent), out)
