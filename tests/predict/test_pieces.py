"""Blocks in pieces: few enough that the network seldom waits, enough that no worker does."""

import pytest

from factory_core.predict.scenes import MOST_BLOCKS, in_pieces


@pytest.mark.parametrize(
    ("blocks", "of", "at_once", "sizes"),
    [
        pytest.param(0, 0, 1, [], id="none"),
        pytest.param(1, 1, 1, [1], id="one"),
        pytest.param(9, 9, 1, [4, 5], id="one worker"),
        pytest.param(32, 32, 1, 4 * [MOST_BLOCKS], id="one worker, a larger scene"),
        pytest.param(9, 9, 2, [1] * 9, id="two workers share a small scene"),
        pytest.param(9, 900, 2, [4, 5], id="one scene of many"),
        pytest.param(9, 900, 64, [3, 3, 3], id="one scene of many, many workers"),
    ],
)
def test_every_block_once_in_pieces_of_a_fitting_size(blocks, of, at_once, sizes):
    pieces = in_pieces(range(blocks), of=of, at_once=at_once)
    assert [len(piece) for piece in pieces] == sizes
    assert [block for piece in pieces for block in piece] == list(range(blocks))
