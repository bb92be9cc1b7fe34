"""What runs the models: the processor, a GPU, an accelerator, as ONNX Runtime offers them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import onnxruntime

from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.kernel.limits import check_at_least

CPU = "CPUExecutionProvider"


class Provider(ABC):
    """An execution provider of ONNX Runtime.

    Attributes:
        name: What ONNX Runtime calls it.
        package: The build of ONNX Runtime that has it.
    """

    name: ClassVar[str]
    package: ClassVar[str]

    @abstractmethod
    def options(self) -> dict[str, str]:
        """What the provider is told, in ONNX Runtime's words."""

    def threads_of_session(self) -> int:
        """Threads of ONNX Runtime itself; 0: a core each."""
        return 0

    def load(self, path: Path) -> onnxruntime.InferenceSession:
        """Load a model on it.

        Raises:
            ConfigError: It is not installed, or does not start here.
            ModelError: The file is damaged.
        """
        installed = onnxruntime.get_available_providers()
        if self.name not in installed:
            raise ConfigError(
                f"`predict.provider` asks for {self.name}, which is not installed. Installed: "
                f"{', '.join(installed)}. Put {self.package} in place of onnxruntime (never "
                "beside it), or choose provider=cpu."
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self.threads_of_session()
        # Its plans, one for each size of batch, doubled the peak memory and saved no time.
        options.enable_mem_pattern = False
        chosen = [(self.name, self.options())]
        if self.name != CPU:  # what it cannot compute, the processor does
            chosen.append((CPU, {}))
        try:
            session = onnxruntime.InferenceSession(path, sess_options=options, providers=chosen)
        except Exception as error:
            raise ModelError(
                f"{path} cannot be loaded as an ONNX model: {error}. Run the stage train again."
            ) from error
        if self.name not in session.get_providers():
            raise ConfigError(
                f"`predict.provider`: {self.name} is installed but does not start here; ONNX "
                f"Runtime fell back to {', '.join(session.get_providers())}. Look for its driver "
                "and libraries, or choose provider=cpu."
            )
        return session


@dataclass(frozen=True)
class Cpu(Provider):
    """The processor.

    Attributes:
        threads: Threads of one model; 0: one for each core. With several workers on one machine
            give each its share, or they wait for each other.
    """

    threads: int = 0

    name: ClassVar[str] = CPU
    package: ClassVar[str] = "onnxruntime"

    def __post_init__(self) -> None:
        check_at_least(0, threads=self.threads)

    def options(self) -> dict[str, str]:
        """Nothing: its threads are those of the session."""
        return {}

    def threads_of_session(self) -> int:
        """Threads of ONNX Runtime itself; 0: a core each."""
        return self.threads


@dataclass(frozen=True)
class Cuda(Provider):
    """A GPU of NVIDIA.

    Attributes:
        device: Number of the GPU.
        tf32: Whether factors are rounded to 10 bits: faster on newer GPUs, scores differ.
    """

    device: int = 0
    tf32: bool = False

    name: ClassVar[str] = "CUDAExecutionProvider"
    package: ClassVar[str] = "onnxruntime-gpu"

    def __post_init__(self) -> None:
        check_at_least(0, device=self.device)

    def options(self) -> dict[str, str]:
        """Its GPU, and algorithms that are chosen by rule: a race chooses others each time."""
        return {
            "device_id": str(self.device),
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": str(int(self.tf32)),
        }


@dataclass(frozen=True)
class OpenVino(Provider):
    """OpenVINO, on processors and GPUs of Intel.

    Attributes:
        device: `CPU`, `GPU`, `NPU`, as OpenVINO names them.
        threads: Threads of one model on `CPU`; 0: as many as OpenVINO finds best.
    """

    device: str = "CPU"
    threads: int = 0

    name: ClassVar[str] = "OpenVINOExecutionProvider"
    package: ClassVar[str] = "onnxruntime-openvino"

    def __post_init__(self) -> None:
        check_at_least(0, threads=self.threads)

    def options(self) -> dict[str, str]:
        """Its device, and that it computes as exactly as the model asks."""
        told = {"device_type": self.device, "precision": "ACCURACY"}
        if self.threads:
            told["num_of_threads"] = str(self.threads)
        return told
