"""Views for contexts, made of images by band."""

from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.catalogue.acquisition import Acquisition
from factory_core.catalogue.view import Overview, View


def view_of(
    image, *, pixel_m=1.0, detail=None, scene=None, acquired=None, corner=(500_000, 5_400_000)
):
    """A view that shows `image`, `(height, width)` reflectance by band."""
    shape = next(iter(image.values())).shape
    return View(
        image=image,
        detail=image if detail is None else detail,
        scene=Overview(image if scene is None else scene),
        geobox=GeoBox(shape, Affine(pixel_m, 0, corner[0], 0, -pixel_m, corner[1]), "EPSG:32633"),
        pixel_m=pixel_m,
        gsd_m=pixel_m,
        acquired=acquired or Acquisition(),
    )
