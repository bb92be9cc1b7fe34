"""How long a bundle takes from a scene on disk to its detections, on this machine."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from factory_core.bundle.checksums import SUMS, verify_checksums
from factory_core.bundle.detector import PARAMS, Detector, load_detector
from factory_core.bundle.inputs import check_out, find_raw_scenes
from factory_core.bundle.machine import Machine, this_machine
from factory_core.evaluate.metric import Estimate, Number, draw_weights, estimate, ratio
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError

# Of fewer runs the slowest is as good a guess at the 95th percentile as any.
MIN_RUNS = 20
DRAWS, SEED = 1000, 0
SHOWN = 10
TITLES = {
    "scene_s": "the median scene",
    "scene_p95_s": "95 % of all runs take at most",
    "s_per_km2": "a square kilometre",
    "s_per_megapixel": "a megapixel",
}


@dataclass(frozen=True)
class SceneTime:
    """One scene and the time that it took.

    Attributes:
        scene_id: Its name.
        megapixels: As it lies on disk.
        km2: Ground with data.
        detections: How many were found.
        runs_s: Seconds of each run.
    """

    scene_id: str
    megapixels: float
    km2: float
    detections: int
    runs_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Seconds, the median of the runs."""
        return float(np.median(self.runs_s))


@dataclass(frozen=True)
class Latency:
    """The times of a bundle on a machine.

    Attributes:
        detector: Name of the detector.
        version: SHA-256 of the bundle's checksums: of all that is in it.
        machine: What it ran on.
        load_s: Seconds to check and load the bundle.
        first_s: Seconds of the very first scene, when nothing is warm.
        scenes: The times of each, with everything warm.
        numbers: `scene_s` (the median scene), `scene_p95_s` (of all runs), `s_per_km2` and
            `s_per_megapixel` (of all scenes together), with intervals by drawing scenes again.
    """

    detector: str
    version: str
    machine: Machine
    load_s: float
    first_s: float
    scenes: tuple[SceneTime, ...]
    numbers: Mapping[str, Estimate]


@dataclass(frozen=True)
class Times:
    """The tally of times: what `estimate` reads.

    Attributes:
        runs_s: `(scene, run)`.
        km2: `(scene,)`.
        megapixels: `(scene,)`.
    """

    runs_s: np.ndarray
    km2: np.ndarray
    megapixels: np.ndarray

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """Numbers of each draw `(draw, scene)`; the time of a scene is the median of its runs."""
        median = np.median(self.runs_s, axis=1)
        total = weights @ median
        runs = weights.sum(axis=1) * self.runs_s.shape[1]
        return {
            "scene_s": Number(_quantile(median[:, None], weights, 0.5)),
            "scene_p95_s": Number(_quantile(self.runs_s, weights, 0.95), runs),
            "s_per_km2": Number(ratio(total, weights @ self.km2)),
            "s_per_megapixel": Number(ratio(total, weights @ self.megapixels)),
        }


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """Quantile of the values `(scene, k)` of the scenes of each draw."""
    drawn = (np.repeat(values, row, axis=0) for row in weights.astype(int))
    return np.array([np.quantile(of_draw, share) for of_draw in drawn])


def measure_latency(
    bundle: Path,
    scenes: Sequence[Path],
    *,
    repeats: int = 5,
    out: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Time the way from a raw scene on disk to its detections in a GeoPackage.

    First the bundle is loaded and one scene goes through: the cold start, told apart. Then all
    scenes in turn, as many rounds as `repeats`, so that a machine that slows down meanwhile slows
    down all. Files are warm in memory from the second round on, and scenes are not joined.

    Args:
        bundle: Folder that the stage bundle wrote.
        scenes: Raw scenes, and folders of them.
        repeats: Rounds.
        out: File.json to write; None: none.
        clock: Gives seconds.

    Raises:
        ConfigError: There is no round.
        OutputError: `out` cannot be written; nothing has been run then.
        ModelError: The bundle is damaged, or a scene does not fit its models.
        SceneError: A scene cannot be read, is given twice, or a folder has none.
    """
    if repeats < 1:
        raise ConfigError(f"`repeats` must be at least 1. Received: {repeats}. Five are a start.")
    if out is not None:
        check_out(out, endings=(".json",))
    begun = clock()
    verify_checksums(bundle)
    detector = load_detector(bundle)
    load_s = clock() - begun
    paths = find_raw_scenes(scenes, companions=detector.companions)
    machine = this_machine(detector.engine)
    with tempfile.TemporaryDirectory(prefix="latency-") as folder:
        first = _run(detector, paths[0], Path(folder), clock)
        rounds = [
            [_run(detector, path, Path(folder), clock) for path in paths] for _ in range(repeats)
        ]
    times = tuple(
        replace(runs[0], runs_s=tuple(run.runs_s[0] for run in runs))
        for runs in zip(*rounds, strict=True)
    )
    latency = Latency(
        detector=str(configuration.load(bundle / PARAMS).get("detector", bundle.name)),
        version=hashlib.sha256((bundle / SUMS).read_bytes()).hexdigest(),
        machine=machine,
        load_s=load_s,
        first_s=first.runs_s[0],
        scenes=times,
        numbers=_numbers(times),
    )
    if out is not None:
        io.write_json(as_dict(latency), out)
    return latency


def _run(detector: Detector, path: Path, scratch: Path, clock: Callable[[], float]) -> SceneTime:
    begun = clock()
    raster = detector.open(path)
    found = detector.detect(raster, scratch=scratch)
    io.write_vectors(found.detections, scratch / "found.gpkg")
    took_s = clock() - begun
    height, width = raster.geobox.shape
    return SceneTime(
        scene_id=raster.scene_id,
        megapixels=height * width / 1e6,
        km2=float(shapely.area(found.watch.ground().shape)) / 1e6,
        detections=len(found.detections),
        runs_s=(took_s,),
    )


def _numbers(scenes: Sequence[SceneTime]) -> dict[str, Estimate]:
    """The numbers of all scenes; those of few scenes have no interval."""
    tally = Times(
        np.array([scene.runs_s for scene in scenes]),
        np.array([scene.km2 for scene in scenes]),
        np.array([scene.megapixels for scene in scenes]),
    )
    weights = draw_weights(len(scenes), draws=DRAWS, seed=SEED)
    return estimate([tally], weights, min_samples=MIN_RUNS)


def as_dict(latency: Latency) -> dict[str, Any]:
    """What is written as JSON: seconds to a tenth of a millisecond."""
    return {
        "detector": latency.detector,
        "version": latency.version,
        "machine": asdict(latency.machine),
        "cold_start": {"load_s": _rounded(latency.load_s), "first_s": _rounded(latency.first_s)},
        "repeats": len(latency.scenes[0].runs_s),
        "latency": {
            name: {key: _rounded(value) for key, value in asdict(number).items()}
            for name, number in latency.numbers.items()
        },
        "scenes": [
            asdict(scene)
            | {
                "runs_s": [_rounded(run_s) for run_s in scene.runs_s],
                "median_s": _rounded(scene.median_s),
                "s_per_km2": _rounded(scene.median_s / scene.km2 if scene.km2 else None),
                "s_per_megapixel": _rounded(scene.median_s / scene.megapixels),
            }
            for scene in latency.scenes
        ],
    }


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def describe(latency: Latency) -> Iterator[str]:
    """Lines of a short table."""
    machine = latency.machine
    threads = f", {machine.threads} threads" if machine.threads else ""
    yield f"{latency.detector}, version {latency.version[:12]}"
    yield (
        f"on {machine.cpu}, {machine.cores} cores, {machine.provider}{threads}, "
        f"{machine.precision}, ONNX Runtime {machine.onnxruntime}, load {machine.load:g}"
    )
    if machine.gpus:
        yield f"GPUs: {', '.join(machine.gpus)}"
    yield f"cold start: {latency.load_s:.2f} s to load, {latency.first_s:.2f} s for the first scene"
    yield ""
    slowest = sorted(latency.scenes, key=lambda scene: -scene.median_s)
    width = max(len(scene.scene_id) for scene in slowest[:SHOWN])
    yield f"{'scene':<{width}}  seconds   a km2  a megapixel  detections"
    for scene in slowest[:SHOWN]:
        a_km2 = f"{scene.median_s / scene.km2:.3g}" if scene.km2 else "-"
        yield (
            f"{scene.scene_id:<{width}}  {scene.median_s:7.3g}  {a_km2:>6}  "
            f"{scene.median_s / scene.megapixels:11.3g}  {scene.detections:10}"
        )
    if len(slowest) > SHOWN:
        yield f"({len(slowest) - SHOWN} faster ones: --out names all)"
    yield ""
    for name, title in TITLES.items():
        yield f"{title}: {_told(latency.numbers[name])}"


def _told(number: Estimate) -> str:
    if number.value is None:
        return f"none ({number.note})"
    if number.low is None:
        return f"{number.value:.3g} s ({number.note})"
    return f"{number.value:.3g} s ({number.low:.3g} to {number.high:.3g})"
