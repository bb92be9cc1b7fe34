"""What a scene looks like in 64 bits, so that near-duplicates are found without its pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.fft import dctn
from skimage.transform import resize

SIDE_PX = 32
KEPT = 8
# Below this spread of the reflectance an image shows nothing that could be recognised.
MIN_SPREAD = 2e-3


def fingerprint_pixels(image: Mapping[str, np.ndarray]) -> str | None:
    """Perceptual hash of a scene: two that look alike differ in few bits.

    The lowest 8 x 8 frequencies of the discrete cosine transform of the shrunken grey image,
    each above or below their median (Zauner, Implementation and benchmarking of perceptual
    image hash functions, 2010, section 3.2.1). It survives another resolution, brightness,
    contrast, compression and a crop of a few pixels; a turned or mirrored copy has another hash.

    Args:
        image: `(height, width)` reflectance of each band, NaN without data.

    Returns:
        16 hex digits; None where the image is flat (water, fog, one colour), which would make
        all such images duplicates of each other.
    """
    with np.errstate(invalid="ignore"):
        pixels = np.stack(list(image.values()))
        seen = np.isfinite(pixels).all(axis=0)
    if not seen.any():
        return None
    grey = np.where(seen, pixels.mean(axis=0), 0.0)
    grey = np.where(seen, grey, grey[seen].mean())
    small = np.asarray(resize(grey, (SIDE_PX, SIDE_PX), order=1, anti_aliasing=True))  # type: ignore[no-untyped-call]
    if small.std() < MIN_SPREAD:
        return None
    low = dctn(small, norm="ortho")[:KEPT, :KEPT].ravel()
    # The first is the mean brightness, of which a copy may have another.
    low[0] = np.median(low[1:])
    bits = low > np.median(low[1:])
    return np.packbits(bits).tobytes().hex()
