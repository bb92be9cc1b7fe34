"""Schedules stated in epochs, asked for at steps."""

import numpy as np
import pytest

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import list_parts, load_part
from factory_core.train.schedules import (
    Constant,
    Cosine,
    CosineCycles,
    Exponential,
    Polynomial,
    Steps,
)

EPOCHS, STEPS, RATE = 10, 4, 0.1


def rates(schedule):
    """The rate at each step of a training."""
    found = schedule(RATE, epochs=EPOCHS, steps=STEPS)
    if isinstance(found, float):
        return np.full(EPOCHS * STEPS, found)
    return np.array([float(found(step)) for step in range(EPOCHS * STEPS)])


@pytest.mark.parametrize("name", [part.name for part in list_parts("schedule")])
def test_all_stay_between_zero_and_the_rate(name):
    found = rates(config.build(load_part("schedule", name)))
    assert (found > 0).all()
    assert (found <= RATE * (1 + 1e-6)).all()
    assert found.max() == pytest.approx(RATE)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(Constant(), {0: 1, 39: 1}, id="constant"),
        pytest.param(Cosine(0.0), {0: 1, 20: 0.5, 39: 0.00154}, id="cosine"),
        pytest.param(Cosine(2.0), {0: 1 / 9, 4: 5 / 9, 8: 1, 24: 0.5}, id="warm-up of two epochs"),
        pytest.param(Cosine(0.0, end_share=0.5), {0: 1, 20: 0.75}, id="an end above 0"),
        pytest.param(Cosine(0.5), {0: 1 / 3, 2: 1}, id="half an epoch"),
        pytest.param(
            CosineCycles(5), {0: 1, 4: 0.5, 7: 0.0381, 8: 1, 12: 0.5, 32: 1}, id="five cycles"
        ),
        pytest.param(Polynomial(power=1.0), {0: 1, 10: 0.75, 20: 0.5}, id="line"),
        pytest.param(Polynomial(power=1.0, end_share=0.5), {20: 0.75}, id="line to a half"),
        pytest.param(Exponential(0.5), {0: 1, 4: 0.5, 8: 0.25}, id="half an epoch's"),
        pytest.param(
            Steps((0.5, 0.75)), {0: 1, 19: 1, 20: 0.1, 29: 0.1, 30: 0.01, 39: 0.01}, id="steps"
        ),
    ],
)
def test_rate_at_steps(schedule, expected):
    found = rates(schedule) / RATE
    assert {step: found[step] for step in expected} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        pytest.param(lambda: rates(Cosine(10.0)), ConfigError, "warmup_epochs", id="only warm-up"),
        pytest.param(
            lambda: rates(CosineCycles(4)), ConfigError, "train.epochs: 12", id="broken cycle"
        ),
        pytest.param(lambda: Cosine(-1.0), ValueError, "warmup_epochs", id="negative"),
        pytest.param(lambda: CosineCycles(0), ValueError, "cycles", id="no cycle"),
        pytest.param(lambda: Steps(()), ValueError, "at_shares", id="no step"),
        pytest.param(lambda: Steps((0.8, 0.2)), ValueError, "at_shares", id="falling"),
        pytest.param(lambda: Exponential(1.5), ValueError, "keep", id="growing"),
    ],
)
def test_bad_fields(make, error, said):
    with pytest.raises(error, match=said):
        make()
