"""SpaceNet GeoJSON: a file of labels an image, in longitude and latitude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import geopandas as gpd

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import label_files
from factory_core.sources.features import Survey, read_geojson
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss
from factory_core.sources.spacenet_names import find_image


@dataclass(frozen=True)
class SpaceNetGeoJson:
    """SpaceNet GeoJSON: a folder of `<prefix><image id>.geojson`, empty for background.

    A file belongs to the image of its name, without the prefix or with another product in it:
    `buildings_AOI_2_Vegas_img1` to `RGB-PanSharpen_AOI_2_Vegas_img1`.

    Args:
        default_label: Class of the features without a property `label`: SpaceNet has none.
        prefix: Of the files that are written.
    """

    default_label: str = "building"
    prefix: str = "buildings_"

    cannot_carry: ClassVar[Mapping[str, Loss]] = {"labels without an image": Loss.LEFT_OUT}

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of every `.geojson` file in a folder, or of one."""
        found: dict[str, Image] = {}
        labels: dict[str, gpd.GeoDataFrame] = {}
        for path in label_files(source, ending=".geojson"):
            with ledger.record(path, "the file as a whole"):
                image = find_image(path.name, images)
                if image.scene_id in found:
                    raise LabelError(f"another file has told the labels of {image.scene_id!r}.")
                survey = self._survey(path, image, ledger)
                found[image.scene_id] = image
                if len(survey):
                    labels[image.scene_id] = survey.frame()
        return Annotations(found, labels)

    def _survey(self, path: Path, image: Image, ledger: Ledger) -> Survey:
        crs, features = read_geojson(path)
        survey = Survey(crs, ledger=ledger, image=image)
        for feature in features:
            with ledger.record(path, feature.name):
                attributes = dict(feature.properties)
                label = attributes.pop("label", None)
                survey.add(str(label or self.default_label), feature.geometry, attributes)
        return survey

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write a folder with a file an image."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        out.mkdir()
        empty = gpd.GeoDataFrame({"label": []}, geometry=[], crs="EPSG:4326")
        for scene_id in annotations.images:
            frame = annotations.labels.get(scene_id, empty)
            io.write_vectors(frame, out / f"{self.prefix}{scene_id}.geojson")
