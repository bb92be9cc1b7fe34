import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.predict import layout
from factory_core.predict.blend import Cosine, Uniform
from factory_core.predict.layout import SHARES, Axis


@st.composite
def axes(draw):
    window_px = draw(st.integers(1, 40))
    return Axis(draw(st.integers(1, 300)), window_px, draw(st.integers(0, window_px - 1)))


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "BLOCK_PX", 60)
        yield


@given(axis=axes(), blend=st.sampled_from([Cosine(), Uniform()]))
def test_shares_over_a_pixel_add_up_exactly(axis, blend):
    total = np.zeros(axis.starts[-1] + axis.window_px, int)
    for start, share in zip(axis.starts, axis.shares(blend(axis.window_px)), strict=True):
        total[start : start + axis.window_px] += share
    assert (total == SHARES).all()


@given(axis=axes())
def test_blocks_share_out_windows_and_pixels(axis):
    assert [window for block in axis.blocks for window in block] == list(range(len(axis.starts)))
    owned = [axis.own(block) for block in range(len(axis.blocks))]
    pixels = [pixel for own in owned for pixel in range(own.start, own.stop)]
    assert pixels == list(range(axis.length_px))


@given(axis=axes())
def test_cores_share_out_the_scene_and_lie_in_their_windows(axis):
    assert axis.cores[0][0] == 0
    assert axis.cores[-1][1] == axis.length_px
    for (_, stop), (start, _) in zip(axis.cores[:-1], axis.cores[1:], strict=True):
        assert stop == start
    for start, (low, high) in zip(axis.starts, axis.cores, strict=True):
        assert start <= low <= high <= start + axis.window_px
    for (_, cut), start, after in zip(axis.cores[:-1], axis.starts, axis.starts[1:], strict=False):
        assert cut - after == start + axis.window_px - cut


def test_cosine_falls_off_and_stays_above_zero():
    weights = Cosine()(16)
    assert (weights > 0).all()
    assert weights.argmax() in (7, 8)
    np.testing.assert_allclose(weights, weights[::-1])
