"""The class tree: names, paths, levels, and what it refuses."""

import pytest

from factory_core.kernel.errors import TaxonomyError
from factory_core.kernel.taxonomy import Taxonomy

AIRCRAFT = Taxonomy(
    (
        "aircraft/civil/transport/wide_body",
        "aircraft/civil/transport/narrow_body",
        "aircraft/civil/light",
        "aircraft/military/combat/fighter",
        "helicopter",
    ),
    level=2,
)


@pytest.mark.parametrize(
    ("level", "names"),
    [
        (1, ("aircraft", "helicopter")),
        (2, ("civil", "military", "helicopter")),
        (3, ("transport", "light", "combat", "helicopter")),
        (4, ("wide_body", "narrow_body", "light", "fighter", "helicopter")),
    ],
)
def test_names_at_each_level(level, names):
    assert AIRCRAFT.names_at(level) == names


@pytest.mark.parametrize(
    ("label", "level", "expected"),
    [
        pytest.param("wide_body", 1, "aircraft", id="leaf to root"),
        pytest.param("wide_body", 4, "wide_body", id="leaf at its own level"),
        pytest.param("aircraft/civil", 2, "civil", id="a whole path"),
        pytest.param("light", 4, "light", id="a shallow leaf stands for itself"),
        pytest.param("civil", 3, None, id="an inner class is too coarse"),
    ],
)
def test_a_label_at_a_level(label, level, expected):
    assert AIRCRAFT.at(label, level) == expected


def test_rolls_up_to_the_level_of_training():
    assert AIRCRAFT.roll_up(["fighter", "aircraft", "helicopter"]) == [
        "military",
        None,
        "helicopter",
    ]


def test_an_unknown_class_names_the_nearest():
    with pytest.raises(TaxonomyError, match=r"'widebody'.*Nearest: 'wide_body'"):
        AIRCRAFT.path("widebody")


@pytest.mark.parametrize(
    ("classes", "level", "message"),
    [
        pytest.param((), 1, "no class", id="empty"),
        pytest.param(("a/b/c/d/e",), 1, "one to 4 names", id="five levels"),
        pytest.param(("a//b",), 1, "one to 4 names", id="an empty name"),
        pytest.param(("a/x", "b/x"), 1, "stands twice", id="a name in two places"),
        pytest.param(("a/a",), 1, "stands twice", id="a name under itself"),
        pytest.param(("a",), 0, "must lie in", id="level zero"),
        pytest.param(("a",), 5, "must lie in", id="level five"),
    ],
)
def test_refuses_what_is_no_tree(classes, level, message):
    with pytest.raises(TaxonomyError, match=message):
        Taxonomy(classes, level)
