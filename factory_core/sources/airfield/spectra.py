"""Reflectance of what stands on an airfield, in blue, green, red and near infrared.

Round figures after the curves of common surfaces (Jensen, Remote Sensing of the
Environment, 2nd edition, 2007): plants are dark in blue and red and bright in near
infrared, snow is bright everywhere and falls off slightly in near infrared, soil rises
from blue to near infrared.
"""

from __future__ import annotations

import numpy as np

BANDS = ("blue", "green", "red", "nir")

Spectrum = tuple[float, float, float, float]

SURFACES: dict[str, Spectrum] = {
    "mown_grass": (0.046, 0.112, 0.072, 0.40),
    "meadow": (0.040, 0.105, 0.058, 0.46),
    "crop": (0.042, 0.122, 0.056, 0.52),
    "ripe_crop": (0.100, 0.165, 0.190, 0.36),
    "stubble": (0.110, 0.155, 0.200, 0.28),
    "soil": (0.075, 0.105, 0.140, 0.20),
    "sand": (0.170, 0.240, 0.310, 0.38),
    "gravel": (0.160, 0.205, 0.245, 0.29),
    "dry_grass": (0.110, 0.160, 0.190, 0.29),
    "crown": (0.022, 0.055, 0.030, 0.36),
    "bare_crown": (0.060, 0.070, 0.085, 0.16),
    "snow": (0.880, 0.880, 0.865, 0.80),
    "asphalt": (0.085, 0.093, 0.100, 0.115),
    "worn_asphalt": (0.135, 0.145, 0.152, 0.17),
    "concrete": (0.230, 0.258, 0.278, 0.30),
    "rubber": (0.045, 0.048, 0.050, 0.055),
    "white_paint": (0.640, 0.660, 0.660, 0.66),
    "yellow_paint": (0.110, 0.430, 0.560, 0.60),
    "white_skin": (0.800, 0.810, 0.800, 0.74),
    "bare_metal": (0.460, 0.480, 0.490, 0.50),
    "navy_blue": (0.240, 0.110, 0.060, 0.15),
    "bright_red": (0.050, 0.060, 0.420, 0.50),
    "teal": (0.260, 0.260, 0.070, 0.30),
    "orange": (0.050, 0.240, 0.560, 0.60),
    "air_force_grey": (0.260, 0.270, 0.265, 0.26),
    "olive": (0.060, 0.085, 0.080, 0.22),
    "glass": (0.060, 0.055, 0.050, 0.05),
    "roof_metal": (0.400, 0.415, 0.420, 0.42),
    "roof_white": (0.620, 0.630, 0.620, 0.60),
    "roof_tiles": (0.075, 0.110, 0.240, 0.33),
    "roof_bitumen": (0.110, 0.118, 0.125, 0.14),
    "roof_green": (0.120, 0.190, 0.130, 0.22),
}
PLANTS = ("mown_grass", "meadow", "crop", "crown")


def spectrum(surface: str, *, tone: float = 1.0) -> np.ndarray:
    """Reflectance in `BANDS`, `tone` times as bright as listed; then the truth of the surface.

    The truth is 1 or 0 for each of plants, snow and shade; what is painted lies in the sun.
    """
    truth = (surface in PLANTS, surface == "snow", False)
    return np.array([value * tone for value in SURFACES[surface]] + list(truth), np.float32)
