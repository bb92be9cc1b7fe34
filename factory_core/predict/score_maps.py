"""Score maps of windows blended into one of the scene, in whole numbers, so exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel import io
from factory_core.kernel.geo import Raster, window_at
from factory_core.predict.blend import Blend
from factory_core.predict.layout import SHARES, Layout

# A sum holds score * 255 * STEPS * SHARES**2, which fits 32 bits: the order of windows,
# batches and blocks cannot change a result, on this machine or on many. A power of two, so that
# a shift divides by it.
STEPS = 16
ONE = STEPS * SHARES**2


def sum_block(
    found: Iterable[tuple[Sequence[tuple[int, int]], np.ndarray]],
    block: tuple[int, int],
    *,
    layout: Layout,
    classes: int,
    blend: Blend,
) -> np.ndarray:
    """Weighted sum of the score maps of a block's windows.

    Args:
        found: Places of windows in the layout, and their scores `(batch, side, side, class)`.
        block: Row and column of the block.
        layout: The windows of the scene.
        classes: Number of classes.
        blend: Weights along a window.

    Returns:
        `(class, height, width)` uint32 over the extent of the block, `ONE * 255` for
        the score 1 where all windows over a pixel belong to the block.
    """
    profile = blend(layout.window_px)
    row_shares, column_shares = layout.rows.shares(profile), layout.columns.shares(profile)
    rows, columns = layout.rows.extent(block[0]), layout.columns.extent(block[1])
    side = layout.window_px
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    sums = np.zeros((classes, *shape), np.uint32)

    for places, scores in found:
        steps = np.minimum(scores, 1)
        steps *= np.float32(255 * STEPS)
        np.rint(steps, out=steps)
        for (row, column), window in zip(places, steps, strict=True):
            top = layout.rows.starts[row] - rows.start
            left = layout.columns.starts[column] - columns.start
            weights = np.outer(row_shares[row], column_shares[column])
            here = sums[:, top : top + side, left : left + side]
            for summed, scored in zip(here, np.moveaxis(window, -1, 0), strict=True):
                summed += weights * scored.astype(np.uint32)
    return sums


def write(
    files: Mapping[tuple[int, int], Path],
    out: Path,
    *,
    layout: Layout,
    raster: Raster,
    classes: tuple[str, ...],
) -> None:
    """Add up the blocks where they overlap and write the score map of the scene.

    What was not computed (no data, outside the area) has the score 0.

    Args:
        files: Sums of each computed block.
        out: GeoTIFF to write, a band a class, uint8: score times 255.
        layout: The windows of the scene.
        raster: The scene, for its grid.
        classes: Names of the bands.
    """
    io.write_cog(
        out,
        geobox=raster.geobox,
        bands=classes,
        dtype="uint8",
        nodata=None,
        blocks=_own_parts(files, layout=layout, scene=raster.geobox, bands=len(classes)),
    )


def _own_parts(
    files: Mapping[tuple[int, int], Path], *, layout: Layout, scene: GeoBox, bands: int
) -> Iterator[tuple[GeoBox, np.ndarray]]:
    for row in range(len(layout.rows.blocks)):
        rows = layout.rows.own(row)
        for column in range(len(layout.columns.blocks)):
            columns = layout.columns.own(column)
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            # Halves are rounded up.
            sums = np.full((bands, *shape), ONE // 2, np.uint32)
            for (other_row, other_column), file in files.items():
                theirs = layout.rows.extent(other_row), layout.columns.extent(other_column)
                _add_common(sums, (rows, columns), file, theirs)
            sums >>= ONE.bit_length() - 1
            scores = sums.astype(np.uint8)
            yield window_at(scene, row=rows.start, column=columns.start, shape=shape), scores


def _add_common(
    sums: np.ndarray, here: tuple[slice, slice], file: Path, there: tuple[slice, slice]
) -> None:
    """Add to `sums`, which lies `here`, what it has in common with the block in `file`."""
    common = [
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(here, there, strict=True)
    ]
    if any(part.start >= part.stop for part in common):
        return
    to, source = (
        (
            slice(None),
            *(
                slice(c.start - p.start, c.stop - p.start)
                for c, p in zip(common, place, strict=True)
            ),
        )
        for place in (here, there)
    )
    sums[to] += np.load(file, mmap_mode="r")[source]
