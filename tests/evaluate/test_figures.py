"""Charts of the report: of many classes, the commonest are shown."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from factory_core.evaluate import figures
from factory_core.evaluate.figures import _pooled, draw_confusion
from factory_core.evaluate.training_curves import Curve


def test_rare_classes_are_pooled_and_nothing_is_lost():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 5, (101, 101))
    counts[40, 40] = 900
    names = [f"kind{number}" for number in range(100)]
    pooled, kept = _pooled(counts, names)
    assert len(kept) == 30
    assert pooled.shape == (31, 31)
    assert pooled.sum() == counts.sum()
    assert "kind40" in kept
    assert kept[-1] == "71 other"
    own = kept.index("kind40")
    assert pooled[own, own] == 900
    # Background stays the last row and column.
    assert pooled[-1, -1] == counts[-1, -1]
    assert pooled[own, -1] == counts[40, -1]


def test_training_is_drawn_over_epochs_in_words(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "as_png", lambda figure: drawn.append(figure) or b"")
    figures.draw_training([Curve("learning_rate", "learning_rate", (0.0, 1.0), (0.1, 0.05))])
    axes = drawn[0].axes[0]
    assert (axes.get_title(loc="left"), axes.get_xlabel()) == ("learning rate", "epoch")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["learning rate"]


def test_few_classes_stay_as_they_are():
    counts = np.arange(9).reshape(3, 3)
    pooled, kept = _pooled(counts, ["a", "b"])
    assert pooled is counts
    assert kept == ["a", "b"]


@pytest.mark.slow
def test_the_confusion_of_a_hundred_classes_fits_a_page():
    names = [f"kind{number}" for number in range(100)]
    chart = draw_confusion(np.eye(101, dtype=int), classes=names)
    with Image.open(BytesIO(chart)) as image:
        assert max(image.size) < 5000
