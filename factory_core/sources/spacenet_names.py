"""Images and labels of SpaceNet, whose names differ in the product: matched by area and number."""

from __future__ import annotations

import re

from factory_core.kernel.errors import LabelError
from factory_core.sources.images import Image, ImageFolder, scene_id_of

# RGB-PanSharpen_AOI_2_Vegas_img1.tif, SN2_buildings_train_AOI_2_Vegas_PS-RGB_img1.tif: one place.
PLACE = re.compile(r"(AOI_\d+_[A-Za-z]+).*?(img-?\d+|chip\d+|Tile_?\d+)", re.IGNORECASE)
# `buildings_` and such, before the name of the image.
PREFIX = re.compile(r"^(?:[a-z]+_)?(?=.)")


def find_image(name: str, images: ImageFolder) -> Image:
    """The image that a name of SpaceNet means: the same one, or the only one of the same place.

    Raises:
        LabelError: There is none, or there are several.
    """
    scene_id = scene_id_of(name).removesuffix(".geojson")
    bare = PREFIX.sub("", scene_id)
    for candidate in (scene_id, bare):
        if candidate in images.paths:
            return images.find(candidate)
    place = _place(scene_id)
    found = [other for other in images.paths if place is not None and _place(other) == place]
    if len(found) > 1:
        raise LabelError(
            f"{name!r} may mean several images: {', '.join(found)}. Keep one product of them in "
            "the folder."
        )
    return images.find(found[0] if found else bare)


def _place(name: str) -> tuple[str, str] | None:
    match = PLACE.search(name)
    return (match[1].lower(), match[2].lower()) if match else None
