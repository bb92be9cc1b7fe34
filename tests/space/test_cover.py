"""Each valid pair meets, no invalid one does, and the list is short."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.space.command import run_cover
from factory_core.space.cover import cover_pairs, least, pairs_in, pairs_of
from factory_core.space.space import Product, Space


def letters(count):
    return tuple("abcdefgh"[:count])


def made(*sizes_of_products):
    """A space of products, each with as many options of each address as its sizes say."""
    products = tuple(
        Product(
            f"m{number}",
            {
                "model": (f"m{number}",),
                **{f"g{place}": letters(n) for place, n in enumerate(sizes)},
            },
        )
        for number, sizes in enumerate(sizes_of_products)
    )
    return Space(products, ())


spaces = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=5), min_size=1, max_size=4)


@given(sizes=spaces, seed=st.integers(0, 3))
def test_covers_every_valid_pair_and_no_other(sizes, seed):
    space = made(*sizes)
    rows = cover_pairs(space, seed=seed)
    wanted = {pair for product in space.products for pair in pairs_of(product)}
    assert {pair for row in rows for pair in pairs_in(row)} == wanted
    for row in rows:
        assert any(p.has(row) and set(p.options) == set(row) for p in space.products)
    assert least(space) <= len(rows) <= space.count


@pytest.mark.parametrize(
    ("sizes", "at_least", "at_most"),
    [
        pytest.param([[2, 2]], 4, 4, id="nothing to save"),
        pytest.param([[3, 3, 3, 3]], 9, 13, id="four of three: nine are possible"),
        pytest.param([[5, 4, 3, 2, 2, 2]], 20, 26, id="bound by the two largest"),
        pytest.param([[4, 3, 2], [5]], 12, 22, id="two models"),
    ],
)
def test_is_near_the_bound(sizes, at_least, at_most):
    space = made(*sizes)
    assert least(space) == at_least
    assert at_least <= len(cover_pairs(space)) <= at_most


def test_is_the_same_each_time():
    space = made([4, 3, 3], [3, 2])
    assert cover_pairs(space, seed=1) == cover_pairs(space, seed=1)


def test_writes_a_script_for_the_queue(detector):
    told = run_cover(
        "pairwise", seed=0, hold=["optimizer"], priced=False, out=detector / "cover.sh"
    )
    lines = (detector / "cover.sh").read_text().splitlines()
    rows = [line for line in lines if line.startswith("dvc exp run --queue")]
    assert f"one of these {len(rows)}" in told
    words = shlex.split(rows[0])
    assert words[:4] == ["dvc", "exp", "run", "--queue"]
    assert "optimizer=adam" in words
    assert all(word == "-S" for word in words[4::2])


def test_draws_each_configuration_as_often():
    space = made([2, 3], [6])
    rows = [tuple(row.values()) for row in space.draw(6000, seed=0)]
    counts = [rows.count(row) for row in set(rows)]
    assert len(counts) == space.count == 12
    assert min(counts) > 380
    assert max(counts) < 620
