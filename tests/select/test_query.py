"""The query: what it keeps, and what it must never reach."""

import pandas as pd
import pytest

from factory_core.kernel.errors import ConfigError, SelectionError
from factory_core.select.query import choose_scenes


@pytest.fixture
def scenes():
    return pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "snow": [0.1, 0.6, None],
            "datetime": pd.to_datetime(["2023-01-05", "2024-06-01", "2024-07-01"], utc=True),
            "labels": [{"car": 0}, {"car": 3}, {"car": 5}],
            "geometry": [b"", b"", b""],
        }
    )


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        pytest.param("true", ["a", "b", "c"], id="all"),
        pytest.param("snow > 0.5", ["b"], id="an unknown context is not above"),
        pytest.param("snow > 0.5 OR labels.car > 4", ["b", "c"], id="labels"),
        pytest.param("year(datetime) = 2024", ["b", "c"], id="time"),
        pytest.param("id LIKE 'a%'", ["a"], id="name"),
    ],
)
def test_keeps(scenes, where, kept):
    assert choose_scenes(scenes, where=where) == kept


def test_refuses_to_keep_nothing(scenes):
    with pytest.raises(SelectionError, match=r"`select.where` \(snow > 2\) keeps none of the 3"):
        choose_scenes(scenes, where="snow > 2")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        pytest.param("snwo > 0.5", "Did you mean 'snow'", id="unknown column"),
        pytest.param("snow >", "is not a condition", id="half a condition"),
        pytest.param("", "is not a condition", id="empty"),
        pytest.param("labels.cra > 1", "is not a condition", id="unknown class"),
        pytest.param("id > 5", "is not a condition", id="wrong type"),
    ],
)
def test_names_what_is_wrong(scenes, where, message):
    with pytest.raises(ConfigError, match=message):
        choose_scenes(scenes, where=where)


HOSTILE = [
    "true; COPY (SELECT 1) TO '{file}'",
    "true) ; ATTACH '{file}' AS x; SELECT (true",
    "id IN (SELECT content FROM read_text('{secret}'))",
    "id IN (SELECT * FROM read_csv('{secret}'))",
    "id IN (SELECT * FROM '{secret}')",
    "id IN (SELECT * FROM glob('/*'))",
    "getenv('HOME') IS NOT NULL",
    "id IN (SELECT id FROM plain)",
    "true; SET enable_external_access = true",
    "true; INSTALL httpfs",
    "true; LOAD httpfs",
]


@pytest.mark.parametrize("where", HOSTILE)
def test_reaches_nothing_but_the_table(scenes, tmp_path, where):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n")
    new = tmp_path / "new"
    with pytest.raises(ConfigError):
        choose_scenes(scenes, where=where.format(file=new, secret=secret))
    assert not new.exists()
