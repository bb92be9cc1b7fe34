"""One training on two devices and by two processes: the losses of one device."""

import contextlib
import json
import os
import signal

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.stage import run as run_dataset
from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import load_part
from tests.ports import free_ports
from tests.tiny_dataset import config, write_inputs

SCRIPT = """
import sys
from pathlib import Path
import factory_core.models
import tensorflow as tf
from omegaconf import OmegaConf
from factory_core.train import stage
root = Path(sys.argv[1])
if "two" in root.name:
    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
config = OmegaConf.load(root / "params.yaml")
dataset = root.parent / "dataset"
stage.run(config, dataset=dataset, out=root / "model", curves=root / "curves", member=0)
"""
SETTINGS = {
    "task": "score_map",
    "train__picture_epochs": 0,
    # Dice sums over a batch, of which each device has a part.
    "model__loss": load_part("loss", "cross_entropy"),
    "optimizer": {"_target_": "keras.optimizers.SGD", "learning_rate": 0.05, "momentum": 0.9},
}


def losses(root):
    tables = [root / f"curves/plots/metrics/{name}/loss.tsv" for name in ("train", "val")]
    return np.array([np.loadtxt(table, skiprows=1)[:, -1] for table in tables])


@pytest.mark.slow
def test_losses_are_those_of_one_device(forks, tmp_path):
    run_dataset(config(**SETTINGS), **write_inputs(tmp_path), out=tmp_path / "dataset")
    chosen = {
        "one": load_part("devices", "one"),
        "two": load_part("devices", "mirrored") | {"names": ["CPU:0", "CPU:1"]},
        "workers": load_part("devices", "workers"),
    }
    for name, devices in chosen.items():
        (tmp_path / name).mkdir()
        params = config(**SETTINGS, devices=devices)
        OmegaConf.save(params, tmp_path / name / "params.yaml")
    for name in ("one", "two"):
        folder = tmp_path / name
        assert forks.run(SCRIPT, folder, folder) == 0, (folder / "log").read_text()
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        forks.start(
            SCRIPT,
            tmp_path / "workers",
            tmp_path / "workers",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    try:
        ended = [forks.status(process) for process in processes]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert ended == [0, 0], (tmp_path / "workers/log").read_text()
    for name in ("two", "workers"):
        np.testing.assert_allclose(losses(tmp_path / name), losses(tmp_path / "one"), rtol=1e-4)
        assert (tmp_path / name / "model/model.onnx").is_file()


@pytest.mark.parametrize(
    ("part", "environment", "said"),
    [
        pytest.param("mirrored", None, "two devices or more.*CPU:0.*devices: one", id="no GPU"),
        pytest.param("workers", None, "TF_CONFIG.*Received: None", id="not told"),
        pytest.param("workers", "{}", "TF_CONFIG.*Received", id="told nothing"),
        pytest.param(
            "workers",
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "one of its 1 workers",
            id="no such worker",
        ),
    ],
)
def test_devices_that_are_not_there(part, environment, said, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if environment is not None:
        monkeypatch.setenv("TF_CONFIG", environment)
    with pytest.raises(ConfigError, match=said):
        configuration.build(load_part("devices", part)).start()


def test_another_backend(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(ConfigError, match="needs TensorFlow, and Keras runs on jax"):
        configuration.build(load_part("devices", "mirrored")).start()
