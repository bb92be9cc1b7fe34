"""Seconds of a query over a catalogue of a million scenes, over reading the same columns plainly.

    python benchmarks/catalogue.py                  # a million scenes, about a minute
    python benchmarks/catalogue.py --scenes 10000   # a trial

The catalogue has every column that the stage catalogue writes: that stage runs on the sample
`airfield`, its eight rows are repeated under other names and with other values of the contexts,
of the time and of the counts of labels. The query is answered by the very function that the
stage select calls. Both run in turn, so that a busy machine slows both; medians are compared.
The last line is one JSON object; its `ratio` is the query over pyarrow reading the columns that
the query names, `seconds` the query, `work_seconds` what the cores did for it (on a machine that
others load too it says more than the clock), and `megabytes` the size of the table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from factory_core.catalogue import stage
from factory_core.kernel.parts import load_part
from factory_core.select.query import choose_scenes
from factory_core.sources.airfield import sample

CONTEXTS = ("snow", "vegetation", "cloud", "haze", "water", "shadow", "brightness", "contrast")
CONTEXTS += ("sharpness", "nodata_share", "season", "sun_elevation_deg", "off_nadir_deg")
WHERE = (
    "snow > 0.9 AND haze < 0.2 AND gsd <= 0.5 AND labels.aircraft > 40 AND year(datetime) = 2024"
)
COLUMNS = ["id", "snow", "haze", "gsd", "labels.aircraft", "datetime"]


def main() -> None:
    """Write the catalogue, run both in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9, help="of each, after one that warms up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="catalogue-") as name:
        table = Path(name) / "scenes.parquet"
        write_table(table, folder=Path(name), scenes=arguments.scenes)
        ask: dict[str, Callable[[], int]] = {
            "query": lambda: len(choose_scenes(table, where=WHERE)),
            "plain": lambda: pq.read_table(table, columns=COLUMNS).num_rows,
        }
        seconds: dict[str, list[float]] = {one: [] for one in ask}
        work: list[float] = []
        for _ in range(arguments.runs + 1):
            for one, function in ask.items():
                started, worked = time.perf_counter(), time.process_time()
                found = function()
                seconds[one].append(time.perf_counter() - started)
                if one == "query":
                    kept = found
                    work.append(time.process_time() - worked)
        query, plain = (statistics.median(seconds[one][1:]) for one in ("query", "plain"))
        print(
            json.dumps(
                {
                    "ratio": round(query / plain, 2),
                    "seconds": round(query, 3),
                    "work_seconds": round(statistics.median(work[1:]), 3),
                    "fastest_seconds": round(min(seconds["query"]), 3),
                    "plain_seconds": round(plain, 3),
                    "scenes": arguments.scenes,
                    "kept": kept,
                    "megabytes": round(table.stat().st_size / 1e6),
                    "runs": arguments.runs,
                }
            )
        )


def write_table(out: Path, *, folder: Path, scenes: int) -> None:
    """Write the table of `scenes` scenes, as wide as a real one."""
    print(f"{scenes} scenes", file=sys.stderr, flush=True)
    sample.write(folder / "raw", size_px=64, seed=0)
    stage.run(_config(), raw=folder / "raw", out=folder / "catalogue")
    eight = pq.read_table(folder / "catalogue" / "scenes.parquet")
    table = eight.take(pa.array(np.arange(scenes) % len(eight)))
    rng = np.random.default_rng(0)
    days = np.datetime64("2015-01-01", "us") + rng.integers(0, 86_400 * 3650, scenes) * 1_000_000
    new = {
        "id": pa.array([f"scene_{number:07d}" for number in range(scenes)], pa.large_string()),
        "datetime": pa.array(days, pa.timestamp("us", tz="UTC")),
        **{name: pa.array(rng.uniform(0, 1, scenes)) for name in CONTEXTS},
        "labels": _labels(eight, scenes, rng),
    }
    for name, values in new.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(table.replace_schema_metadata(eight.schema.metadata), out)


def _labels(eight: pa.Table, scenes: int, rng: np.random.Generator) -> pa.StructArray:
    names = [field.name for field in eight.schema.field("labels").type]
    return pa.StructArray.from_arrays([pa.array(rng.poisson(30, scenes)) for _ in names], names)


def _config() -> object:
    classes = ["aircraft/civil/transport/wide_body", "aircraft/civil/transport/narrow_body"]
    classes += ["aircraft/civil/general/business_jet", "aircraft/civil/general/light_propeller"]
    classes += ["aircraft/military/combat/fighter", "aircraft/military/combat/attack_helicopter"]
    return OmegaConf.create(
        {
            "taxonomy": {"classes": [*classes, "aircraft/military/support/airlifter"], "level": 1},
            "catalogue": {
                "scenes": "scenes/*.tif",
                "labels": "labels/aircraft.parquet",
                "companions": {},
                "bands": [],
                "white": None,
                "cell_m": 128.0,
                "contexts": {name: load_part("context", name) for name in CONTEXTS},
            },
            "fingerprint": {"catalogue": "benchmark"},
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
        }
    )


if __name__ == "__main__":
    main()
