"""The query: what it keeps, and what it must never reach."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from factory_core.kernel.errors import ConfigError, OutputError, SelectionError
from factory_core.select.query import choose_scenes


@pytest.fixture
def scenes(tmp_path):
    """A table of three scenes, as a file."""
    frame = gpd.GeoDataFrame(
        {
            "id": ["c", "a", "b"],
            "snow": [None, 0.1, 0.6],
            "proj:code": ["EPSG:32633", "EPSG:32633", "EPSG:32632"],
            "datetime": pd.to_datetime(
                ["2024-07-01T00:00", "2023-12-31T23:30", "2024-06-01T00:00"], utc=True
            ),
            "labels": [{"car": 5, "aircraft": 0}, {"car": 0, "aircraft": 1}, {"car": 3}],
            "bands": [[{"name": "red"}], [{"name": "red"}], [{"name": "nir"}]],
        },
        geometry=[Point(0, 0)] * 3,
        crs="EPSG:4326",
    )
    path = tmp_path / "scenes.parquet"
    frame.to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        pytest.param("true", ["a", "b", "c"], id="all, sorted"),
        pytest.param("snow > 0.5", ["b"], id="an unknown context is not above"),
        pytest.param("snow > 0.5 OR labels.car > 4", ["b", "c"], id="labels"),
        pytest.param("LABELS.Car > 4 -- many", ["c"], id="case and comments do not matter"),
        pytest.param("labels['car'] BETWEEN 1 AND 3", ["b"], id="labels by key"),
        pytest.param("year(datetime) = 2024", ["b", "c"], id="years in UTC"),
        pytest.param("datetime < DATE '2024-06-02'", ["a", "b"], id="time"),
        pytest.param("id LIKE 'a%' OR id IN ('b')", ["a", "b"], id="name"),
        pytest.param("regexp_matches(id, '^[bc]$')", ["b", "c"], id="pattern"),
        pytest.param("\"proj:code\" = 'EPSG:32632'", ["b"], id="quoted name"),
        pytest.param("bands[1].name = 'nir'", ["b"], id="list"),
        pytest.param("scenes.snow IS NULL", ["c"], id="missing"),
        pytest.param("CASE WHEN snow > 0.5 THEN id = 'b' ELSE id = 'c' END", ["b", "c"], id="case"),
        pytest.param("round(snow * 10)::INT = 6", ["b"], id="cast"),
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
        pytest.param("labels.aircarft > 1", "'labels.aircarft'.*Did you mean 'airc", id="label"),
        pytest.param("aircraft > 1", "Did you mean 'labels.aircraft'", id="label without labels."),
        pytest.param("labels['bus'] > 1", "is not a condition.*bus", id="label by unknown key"),
        pytest.param("geometry IS NULL", "'geometry', which the scenes do not", id="geometry"),
        pytest.param("snow >", "is not a condition", id="half a condition"),
        pytest.param(" ", "is not a condition", id="empty"),
        pytest.param("-- true", "is not a condition", id="comment only"),
        pytest.param("id > 5", "is not a condition", id="wrong type"),
        pytest.param("yaer(datetime) = 2024", "Did you mean 'year'", id="unknown function"),
    ],
)
def test_names_what_is_wrong(scenes, where, message):
    with pytest.raises(ConfigError, match=message):
        choose_scenes(scenes, where=where)


HOSTILE = [
    "true; COPY (SELECT 1) TO '{file}'",
    "true); COPY (SELECT 1) TO '{file}'; SELECT (true",
    "true) ; ATTACH '{file}' AS x; SELECT (true",
    "id IN (SELECT content FROM read_text('{secret}'))",
    "id IN (SELECT content FROM read_blob('{secret}'))",
    "id IN (SELECT * FROM read_csv('{secret}'))",
    "id IN (SELECT * FROM read_csv_auto('{secret}'))",
    "id IN (SELECT a FROM read_parquet('{scenes}'))",
    "id IN (SELECT a FROM read_json('{secret}'))",
    "EXISTS (FROM '{secret}')",
    "id IN (SELECT * FROM glob('/*'))",
    "(SELECT count(*) FROM scenes a, scenes b, scenes c) > 0",
    "id IN (WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT * FROM r)",
    "true) UNION SELECT content FROM read_text('{secret}') WHERE (true",
    "true) LIMIT (SELECT 1",
    "true) ORDER BY (id",
    "true) GROUP BY ALL HAVING (true",
    "true) QUALIFY (true",
    "getenv('HOME') IS NOT NULL",
    "current_setting('home_directory') = ''",
    "id IN (SELECT name FROM duckdb_settings())",
    "id IN (SELECT id FROM plain)",
    "id IN (SELECT id FROM scenes)",
    "true; SET enable_external_access = true",
    "true; PRAGMA database_list",
    "true; INSTALL httpfs",
    "true; LOAD httpfs",
    "true; EXPORT DATABASE '{file}'",
    "true /* ",
    "length(repeat('x', 100000000000)) > 0",
    "len(range(1000000000000)) > 0",
    "length(replace(replace(id, 'a', 'aaaaaaaaaaaaaaaa'), 'a', 'aaaaaaaaaaaaaaaa')) > 0",
    "len(list_transform([1], x -> x)) > 0",
    "query('SELECT 1') IS NULL",
    "nextval('x') > 0",
    "random() > 0.5",
    "datetime < now()",
    "datetime < current_date",
    "sum(snow) > 0",
    "row_number() OVER () < 3",
    "COLUMNS('s.*') > 0",
    "snow > $1",
    "snow > ?",
    "pg_read_file('{secret}') = ''",
    "lpad(id, 2000000000, 'x') > ''",
]


@pytest.mark.parametrize("where", HOSTILE)
def test_reaches_nothing_but_the_table(scenes, tmp_path, where):
    plain = pd.DataFrame({"id": ["a"]})  # a name that DuckDB's Python client would look up
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n")
    new = tmp_path / "new"
    with pytest.raises(ConfigError, match=r"select\.where"):
        choose_scenes(scenes, where=where.format(file=new, secret=secret, scenes=scenes))
    assert not new.exists()
    assert len(plain) == 1


def test_the_second_lock_holds_without_the_first(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("factory_core.select.query._check_nodes", lambda *_: None)
    monkeypatch.setattr("factory_core.select.query._check_names", lambda *_: None)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nb\n")
    for where in HOSTILE[3:11]:
        with pytest.raises(ConfigError):
            choose_scenes(scenes, where=where.format(secret=secret, scenes=scenes, file=secret))


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no table"], ids=repr)
def test_refuses_a_damaged_table(tmp_path, content):
    path = tmp_path / "scenes.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OutputError, match=r"scenes\.parquet cannot be read"):
        choose_scenes(path, where="true")
