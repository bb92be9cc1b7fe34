"""What float16 and int8 cost in accuracy and bring in speed, on the models of a detector.

    python benchmarks/precision.py --detector DIR      # a detector that has been trained

Windows of train tell the ranges of int8, windows of val the loss. Rates are windows a second of
the work of the cores (with another provider of the clock), precisions in turn, the median of the
rounds: on a machine that others use too the clock tells little.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from factory_core.kernel import config, io
from factory_core.kernel.errors import ModelError
from factory_core.kernel.parts import load_part
from factory_core.predict.change import REPORT, change_models
from factory_core.predict.engine import Engine, load_engine, read_window
from factory_core.predict.model import find_models
from factory_core.predict.settings import read_settings

NAMES = ("float32", "float16", "int8")
MOST_WINDOWS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="default: DIR/models")
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder = arguments.detector
    models = arguments.models or folder / "models"
    scenes, selection = folder / "data/processed", folder / "data/selection"
    node = load_part("provider", arguments.provider)
    provider = config.build(node | ({"threads": arguments.threads} if "threads" in node else {}))
    settings = replace(read_settings(config.load(folder / "params.yaml")), provider=provider)
    paths = find_models(models)
    engines, reports, sizes = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="precision-") as work:
        for name in NAMES:
            precision = config.build(load_part("precision", name))
            chosen = replace(settings, precision=precision)
            target = Path(work, name)
            try:
                found = change_models(
                    paths, chosen, models=models, scenes=scenes, selection=selection, folder=target
                )
            except ModelError as error:
                print(f"refused: {error}")
                found = [target / path.relative_to(models) for path in paths]
            if name != "float32":
                reports[name] = io.read_json(target / REPORT)
            engines[name] = load_engine(found, chosen)
            sizes[name] = sum(path.stat().st_size for path in found) / 1e6
        rates = measure_rates(engines, read_all(engines["float32"], scenes, selection), arguments)
    print("| precision | mean | most | common | windows a second, over float32 | MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in NAMES:
        r = reports.get(name, {"mean": 0.0, "max": 0.0, "iou": 1.0})
        print(
            f"| {name} | {r['mean']:.4f} | {r['max']:.3f} | {r['iou']:.3f} | {rates[name]:.1f}, "
            f"{rates[name] / rates['float32']:.2f} | {sizes[name]:.1f} |"
        )


def read_all(engine: Engine, scenes: Path, selection: Path) -> np.ndarray:
    """Up to `MOST_WINDOWS` windows of val."""
    windows = []
    for name, area in io.read_areas(selection / "selection.parquet", "val").items():
        plan = engine.plan(io.open_raster(scenes / f"{name}.tif"), area=area)
        for row, column in np.argwhere(plan.wanted).tolist():
            window = read_window(plan, (row, column))
            if window is not None:
                windows.append(window)
    return np.stack(windows[:MOST_WINDOWS])


def measure_rates(
    engines: dict[str, Engine], windows: np.ndarray, arguments: argparse.Namespace
) -> dict[str, float]:
    """Windows a second of each engine."""
    clock = time.process_time if arguments.provider == "cpu" else time.perf_counter
    size = engines["float32"].settings.batch_size
    batches = [windows[first : first + size] for first in range(0, len(windows), size)]
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for round_ in range(arguments.rounds + 1):  # the first warms up
        for name, engine in engines.items():
            start = clock()
            for batch in batches:
                for _, session in engine.ensemble.members:
                    session.run(None, {"image": batch})
            if round_:
                seconds[name].append(clock() - start)
    return {name: len(windows) / median(times) for name, times in seconds.items()}


if __name__ == "__main__":
    main()
