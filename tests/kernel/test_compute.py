"""The same results, in their order, in this process, in several, and on a Dask cluster."""

import pytest

from factory_core.kernel.compute import Dask, Local, progress


def square(number):
    if number == 13:
        raise ValueError("thirteen")
    return number * number


MACHINES = [
    pytest.param(Local(), id="in this process"),
    pytest.param(Local(workers=2), id="in two processes", marks=pytest.mark.slow),
    pytest.param(Dask(workers=2), id="on Dask", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("machine", MACHINES)
def test_results_keep_the_order_of_the_items(machine):
    assert machine.map(square, [3, 1, 2], label="squares") == [9, 1, 4]
    assert machine.map(square, [], label="squares") == []


@pytest.mark.parametrize("machine", MACHINES)
def test_the_first_error_ends_it(machine):
    with pytest.raises(ValueError, match="thirteen"):
        machine.map(square, [1, 13, 2], label="squares")


def test_a_log_gets_a_line_a_tenth(capsys):
    assert list(progress(range(20), label="rows")) == list(range(20))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "rows: 2 of 20"
    assert lines[-1] == "rows: 20 of 20"
