"""Batches ahead of their use."""

import threading

import pytest

from factory_core.train.feed import ahead


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_keeps_the_order(threads, count):
    assert list(ahead(lambda n: n * n, range(count), threads=threads)) == [
        n * n for n in range(count)
    ]


def test_makes_the_next_while_one_is_used():
    made = [threading.Event() for _ in range(3)]

    def make(number):
        made[number].set()
        return number

    batches = ahead(make, range(3), threads=1)
    assert next(batches) == 0
    assert made[2].wait(10)
    batches.close()


def test_an_error_comes_where_its_batch_would():
    def make(number):
        if number == 2:
            raise ValueError("two")
        return number

    batches = ahead(make, range(9), threads=2)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(batches)
