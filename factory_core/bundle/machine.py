"""What a bundle computes on, named: a time says nothing without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from factory_core.predict.engine import Engine
from factory_core.predict.providers import CPU

CPUINFO = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Machine:
    """A machine, as far as it decides how long a detection takes.

    Attributes:
        cpu: Model of the processor.
        cores: How many of them this process may use.
        gpus: Models of the GPUs of NVIDIA, those that are not used too.
        provider: Execution provider of ONNX Runtime that the models run on.
        threads: Of one model on the processor; None where the provider chooses.
        precision: In which numbers the models compute.
        onnxruntime: Its version.
        system: Operating system.
        load: Mean number of processes that wanted to run in the minute before; beside others, times
            are longer.
    """

    cpu: str
    cores: int
    gpus: tuple[str, ...]
    provider: str
    threads: int | None
    precision: str
    onnxruntime: str
    system: str
    load: float


def this_machine(engine: Engine) -> Machine:
    """The machine of this process, and how `engine` uses it."""
    _, session = engine.ensemble.members[0]
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone tells
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    provider = session.get_providers()[0]
    threads = engine.settings.provider.threads_of_session()
    return Machine(
        cpu=_stated(CPUINFO, "model name") or platform.processor() or platform.machine(),
        cores=cores,
        gpus=tuple(_stated(file, "Model") for file in sorted(GPUS.glob("*/information"))),
        provider=provider,
        threads=(threads or cores) if provider == CPU else None,
        precision=engine.settings.precision.name,
        onnxruntime=onnxruntime.__version__,
        system=f"{platform.system()} {platform.machine()}",
        load=round(os.getloadavg()[0], 2),
    )


def _stated(file: Path, name: str) -> str:
    """What a file of `name: value` lines first says of `name`; empty: nothing."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = (
        line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name
    )
    return next(values, "")
