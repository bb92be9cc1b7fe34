"""Models of how a scene in its own viewing geometry lies on the ground: RPC and ground points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

COEFFICIENTS = 20


@dataclass(frozen=True)
class Rpc:
    """Rational polynomials from longitude, latitude and height to the image (RPC00B).

    Columns and rows count from the upper left corner of the first pixel, whose middle is
    (0.5, 0.5); the offsets are as the files state them, where that middle is (0, 0).

    Source: NIMA, The Compendium of Controlled Extensions for NITF, STDI-0002, appendix E.

    Attributes:
        line_offset_px: Of the rows; so the others, each with its scale.
        sample_offset_px: Of the columns.
        latitude_offset_deg: WGS84.
        longitude_offset_deg: WGS84.
        height_offset_m: Above the ellipsoid.
        line_scale_px: Half the height of the image, about.
        sample_scale_px: Half its width, about.
        latitude_scale_deg: Half its extent.
        longitude_scale_deg: Half its extent.
        height_scale_m: Half the range of heights for which the model was fitted.
        line_numerator: 20 coefficients; so the three others.
        line_denominator: Of the rows.
        sample_numerator: Of the columns.
        sample_denominator: Of the columns.

    Raises:
        ValueError: Not 20 coefficients, a number that is not finite, a scale of 0.
    """

    line_offset_px: float
    sample_offset_px: float
    latitude_offset_deg: float
    longitude_offset_deg: float
    height_offset_m: float
    line_scale_px: float
    sample_scale_px: float
    latitude_scale_deg: float
    longitude_scale_deg: float
    height_scale_m: float
    line_numerator: tuple[float, ...]
    line_denominator: tuple[float, ...]
    sample_numerator: tuple[float, ...]
    sample_denominator: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = [len(polynomial) for polynomial in self._polynomials()]
        if counts != [COEFFICIENTS] * 4:
            raise ValueError(f"RPCs have four times {COEFFICIENTS} coefficients, not {counts}.")
        numbers = [*self._offsets_and_scales(), *np.concatenate(self._polynomials())]
        scales = self._offsets_and_scales()[5:]
        if not np.isfinite(numbers).all() or not np.all(np.array(scales) > 0):
            raise ValueError("RPCs must be finite numbers, and their scales positive.")

    def to_image(
        self, longitude: np.ndarray, latitude: np.ndarray, height_m: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Column and row at which places on the ground are seen, exactly.

        Args:
            longitude: Degrees, WGS84, any shape; from -180 or from 0.
            latitude: Degrees, of the same shape.
            height_m: Above the ellipsoid.
        """
        around = (np.asarray(longitude) - self.longitude_offset_deg + 180) % 360 - 180
        terms = _terms(
            around / self.longitude_scale_deg,
            (np.asarray(latitude) - self.latitude_offset_deg) / self.latitude_scale_deg,
            (np.asarray(height_m) - self.height_offset_m) / self.height_scale_m,
        )
        line_up, line_down, sample_up, sample_down = (
            np.asarray(sum(c * term for c, term in zip(polynomial, terms, strict=True)))
            for polynomial in self._polynomials()
        )
        row = line_up / line_down * self.line_scale_px + self.line_offset_px + 0.5
        column = sample_up / sample_down * self.sample_scale_px + self.sample_offset_px + 0.5
        return column, row

    def to_ground(
        self, column: np.ndarray, row: np.ndarray, height_m: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude that are seen at places of the image, by Newton's method.

        Args:
            column: From the left edge, any shape.
            row: From the upper edge, of the same shape.
            height_m: Of the ground there, above the ellipsoid.
        """
        column, row = np.asarray(column, np.float64), np.asarray(row, np.float64)
        longitude = np.full(column.shape, self.longitude_offset_deg)
        latitude = np.full(column.shape, self.latitude_offset_deg)
        step = 1e-4 * self.latitude_scale_deg
        for _ in range(20):
            there = np.array(self.to_image(longitude, latitude, height_m))
            east = (np.array(self.to_image(longitude + step, latitude, height_m)) - there) / step
            north = (np.array(self.to_image(longitude, latitude + step, height_m)) - there) / step
            left = np.stack([column, row]) - there
            area = east[0] * north[1] - east[1] * north[0]
            longitude = longitude + (left[0] * north[1] - left[1] * north[0]) / area
            latitude = latitude + (east[0] * left[1] - east[1] * left[0]) / area
            if np.nanmax(np.abs(left), initial=0) < 1e-7:
                break
        return longitude, latitude

    def shifted(self, *, column_px: float, row_px: float) -> Rpc:
        """The model of a crop whose first pixel is at this place of the image."""
        return replace(
            self,
            line_offset_px=self.line_offset_px - row_px,
            sample_offset_px=self.sample_offset_px - column_px,
        )

    def _polynomials(self) -> tuple[tuple[float, ...], ...]:
        return (
            self.line_numerator,
            self.line_denominator,
            self.sample_numerator,
            self.sample_denominator,
        )

    def _offsets_and_scales(self) -> tuple[float, ...]:
        return (
            self.line_offset_px,
            self.sample_offset_px,
            self.latitude_offset_deg,
            self.longitude_offset_deg,
            self.height_offset_m,
            self.line_scale_px,
            self.sample_scale_px,
            self.latitude_scale_deg,
            self.longitude_scale_deg,
            self.height_scale_m,
        )


def _terms(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """The 20 terms of RPC00B, of normalised longitude, latitude and height."""
    one = np.ones(np.broadcast_shapes(x.shape, y.shape, z.shape))
    return (
        *(one, x, y, z, x * y, x * z, y * z, x * x, y * y, z * z),
        *(x * y * z, x * x * x, x * y * y, x * z * z, x * x * y),
        *(y * y * y, y * z * z, x * x * z, y * y * z, z * z * z),
    )


@dataclass(frozen=True)
class GroundPoints:
    """Places of the image whose place on the ground is known (GCPs).

    Attributes:
        crs: Of the places on the ground.
        points: `(column, row, x, y)` each; column and row from the upper left corner.

    Raises:
        ValueError: A number that is not finite.
    """

    crs: str
    points: tuple[tuple[float, float, float, float], ...]

    def __post_init__(self) -> None:
        if not np.isfinite(np.array(self.points, np.float64)).all():
            raise ValueError("Ground points must be finite numbers.")

    def shifted(self, *, column_px: float, row_px: float) -> GroundPoints:
        """The points of a crop whose first pixel is at this place of the image."""
        moved = tuple((c - column_px, r - row_px, x, y) for c, r, x, y in self.points)
        return replace(self, points=moved)


Sensor = Rpc | GroundPoints
