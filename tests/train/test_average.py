"""Averages over steps, against the sums that they stand for."""

import numpy as np
import pytest

from factory_core.train.average import LastStep, Moving, Running, StochasticWeights

STEPS, EPOCH = 40, 10


class Weight:
    """As much of a Keras variable as an average needs."""

    def __init__(self, value):
        self.value = np.array(value, np.float32)

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


def run(average, value_at):
    """What the average is after each epoch, for a weight that has `value_at(step)`."""
    weight = Weight([value_at(0)])
    running = Running(average, [weight], steps=STEPS)
    found = []
    for step in range(1, STEPS + 1):
        weight.value = np.array([value_at(step)], np.float32)
        running.look(step, end_of_epoch=step % EPOCH == 0)
        if step % EPOCH == 0:
            found.append(float(running.values[0][0]))
    return found


@pytest.mark.parametrize(
    "average", [LastStep(), Moving(0.9), StochasticWeights(0.5)], ids=["none", "moving", "swa"]
)
def test_a_constant_stays(average):
    assert run(average, lambda _: 3.0) == pytest.approx([3.0] * 4)


def test_none_follows_the_last_step():
    assert run(LastStep(), float) == [10, 20, 30, 40]


def test_stochastic_weights_are_the_plain_mean_of_the_last_epochs():
    assert run(StochasticWeights(0.5), float) == pytest.approx([10, 20, 30, 35])
    assert run(StochasticWeights(0.0), float) == pytest.approx([10, 15, 20, 25])


def test_moving_forgets_as_one_that_looks_at_every_step():
    looked = [step for step in range(1, STEPS + 1) if step % 8 == 0 or step % EPOCH == 0]
    exact, since = 0.0, 0
    for now in looked:
        keep = 1.0
        for step in range(since, now):
            keep *= min(0.9, step / (10 + step))
        exact, since = keep * exact + (1 - keep) * now, now
    assert run(Moving(0.9), float)[-1] == pytest.approx(exact, rel=1e-5)
    every = 0.0
    for step in range(STEPS):
        keep = min(0.9, step / (10 + step))
        every = keep * every + (1 - keep) * (step + 1)
    assert run(Moving(0.9), float)[-1] == pytest.approx(every, abs=4)  # half of eight steps


def test_is_shown_and_taken_back():
    weight = Weight([1.0])
    running = Running(LastStep(), [weight], steps=STEPS)
    weight.value = np.array([2.0], np.float32)
    with running.shown_by([weight]):
        assert weight.value == [1.0]
    assert weight.value == [2.0]


@pytest.mark.parametrize("make", [lambda: Moving(1.0), lambda: Moving(0.0)])
def test_a_momentum_that_averages_nothing(make):
    with pytest.raises(ValueError, match="momentum"):
        make()
