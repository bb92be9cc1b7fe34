"""Cells of the pyramid against means written out."""

import keras
import numpy as np
import pytest
from keras import ops

from factory_core.models.bricks.activation import Relu
from factory_core.models.bricks.attention import NoAttention
from factory_core.models.bricks.block import Plain
from factory_core.models.bricks.interface import Bricks
from factory_core.models.bricks.normalisation import BatchNormalisation
from factory_core.models.pyramid_pooling import pyramid_pooling

BRICKS = Bricks(Plain(), NoAttention(), BatchNormalisation(), Relu())


@pytest.mark.parametrize(
    ("rows", "columns", "grid"),
    [
        pytest.param(4, 4, 1, id="one cell is the mean of all"),
        pytest.param(6, 4, 2, id="cells of equal sides"),
        pytest.param(7, 5, 3, id="cells that share pixels"),
        pytest.param(2, 2, 6, id="more cells than pixels"),
    ],
)
def test_a_cell_is_the_mean_of_the_pixels_it_touches(rows, columns, grid):
    pixels = np.random.default_rng(0).uniform(1, 2, (1, rows, columns, 1)).astype(np.float32)
    image = keras.Input((rows, columns, 1))
    pooled = pyramid_pooling(image, 1, grids=(grid,), bricks=BRICKS, name="pyramid")
    network = keras.Model(image, pooled)
    network.get_layer("pyramid_1_conv").set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    cells = np.zeros((1, grid, grid, 1), np.float32)
    for row in range(grid):
        for column in range(grid):
            top, bottom = row * rows // grid, -(-(row + 1) * rows // grid)
            left, right = column * columns // grid, -(-(column + 1) * columns // grid)
            cells[0, row, column] = pixels[0, top:bottom, left:right].mean()
    found = np.asarray(network(pixels))
    wanted = ops.image.resize(cells, (rows, columns), interpolation="bilinear")
    np.testing.assert_array_equal(found[..., :1], pixels)
    np.testing.assert_allclose(found[..., 1:], wanted, rtol=1e-5)
