"""Labels and settings for the stage, and what all its errors have in common."""

import hashlib

import geopandas as gpd
import pytest

from factory_core.dataset.stage import run
from factory_core.kernel.errors import FactoryError
from factory_core.kernel.parts import load_part
from tests.tiny_dataset import CRS, config, geobox_of, square


def bytes_of(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def polygons(*shapes):
    return gpd.GeoDataFrame(
        {"label": ["square"] * len(shapes), "scene_id": ["scene_0"] * len(shapes)},
        geometry=list(shapes),
        crs=CRS,
    )


GOOD = square(geobox_of(), row=10, column=10, side_px=12)


def with_target(name, *, changed=None, **fields):
    """Settings with one target in place of another, as a choice in `conf/config.yaml` gives."""
    made = changed or config(dataset__background_share=1.0)
    made.dataset.target = load_part("target", name) | fields
    return made


def refuses(inputs, out, error, said, **changes):
    """The error names what is wrong, and what was there before stays."""
    out.mkdir()
    (out / "stats.json").write_text("before")
    with pytest.raises(error, match=said) as found:
        run(config(**changes), **inputs, out=out)
    assert isinstance(found.value, FactoryError)
    assert bytes_of(out) == {"stats.json": hashlib.sha256(b"before").hexdigest()}
