"""Two images of 80 x 60 pixels, half a metre each, without a place."""

import numpy as np
import pytest
from PIL import Image

from factory_core.sources.annotations import Ledger, to_pixels
from factory_core.sources.images import ImageFolder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    for name in ("a", "b"):
        Image.fromarray(np.full((60, 80, 3), 90, "uint8")).save(out / f"{name}.png")
    return out


@pytest.fixture
def images(folder):
    return ImageFolder(folder, 0.5)


@pytest.fixture
def read(images):
    """Read a source: rows of scene, class, shape in pixels and attributes; what was lost."""

    def go(form, source, *, keep_going=False):
        ledger = Ledger(keep_going=keep_going)
        found = form.read(source, images=images, ledger=ledger)
        rows = []
        for scene_id, frame in found.labels.items():
            shapes = to_pixels(frame, grid=found.images[scene_id].grid)
            further = frame.drop(columns=["label", "geometry"])
            for label, shape, (_, columns) in zip(
                frame["label"], shapes, further.iterrows(), strict=True
            ):
                rows.append((scene_id, label, shape, columns.dropna().to_dict()))
        return rows, found, ledger

    return go
