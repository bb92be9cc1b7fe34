"""Providers: what is not installed or does not start is refused, never replaced in silence."""

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.kernel.parts import list_parts, load_part
from factory_core.predict.model import load_ensemble
from factory_core.predict.providers import Cpu, Cuda, OpenVino, Provider
from factory_core.predict.settings import read_settings
from tests.onnx_models import write_network

PARTS = [part.name for part in list_parts("provider")]


@pytest.fixture
def model(tmp_path):
    return write_network(tmp_path / "0/model.onnx")


@pytest.mark.parametrize("name", PARTS)
def test_each_provider_runs_the_model_or_says_what_is_installed(model, name):
    """Where an accelerator is there, its scores are those of the processor to 1e-3."""
    provider = configuration.build(load_part("provider", name), where="predict.provider")
    images = np.random.default_rng(0).integers(1, 256, (2, 16, 16, 3)).astype(np.uint8)
    if provider.name in onnxruntime.get_available_providers():
        found = load_ensemble([model], provider=provider).score_maps(images)
        np.testing.assert_allclose(found, load_ensemble([model]).score_maps(images), atol=1e-3)
        return
    with pytest.raises(ConfigError) as raised:
        provider.load(model)
    for word in (provider.name, "Installed: ", "CPUExecutionProvider", provider.package):
        assert word in str(raised.value)


def test_threads_and_options_reach_onnx_runtime(model, monkeypatch):
    asked = {}

    def session(path, *, sess_options, providers):
        asked.update(path=path, options=sess_options, providers=providers)
        return SimpleNamespace(get_providers=lambda: [name for name, _ in providers])

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [Cuda.name, OpenVino.name, Cpu.name]
    )
    Cpu(threads=3).load(model)
    assert asked["options"].intra_op_num_threads == 3
    assert asked["providers"] == [("CPUExecutionProvider", {})]
    Cuda(device=1).load(model)
    name, options = asked["providers"][0]
    assert (name, options["device_id"], options["use_tf32"]) == (Cuda.name, "1", "0")
    assert asked["providers"][1][0] == "CPUExecutionProvider"
    OpenVino(device="GPU", threads=2).load(model)
    assert asked["providers"][0][1]["device_type"] == "GPU"
    assert asked["providers"][0][1]["num_of_threads"] == "2"


def test_refuses_a_provider_that_falls_back_to_the_processor(model, monkeypatch):
    """ONNX Runtime does so where a driver is missing, and only logs it."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [Cuda.name, Cpu.name])
    session = SimpleNamespace(get_providers=lambda: [Cpu.name])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
    with pytest.raises(ConfigError, match=r"does not start here.*CPUExecutionProvider"):
        Cuda().load(model)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        Cpu().load(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("provider.threads", -1, "threads=-1", id="threads"),
        pytest.param("batch_size", 0, "batch_size=0", id="batch"),
        pytest.param("provider.thread", 2, "threads", id="misspelt"),
        pytest.param("precision.max_score_loss", 2.0, "max_score_loss=2.0", id="bound"),
        pytest.param("precision.check_windows", 0, "check_windows=0", id="no windows"),
        pytest.param("merge.max_iou", 1.5, "max_iou=1.5", id="overlap of boxes"),
    ],
)
def test_refuses_impossible_settings(config, key, value, words):
    choices = {"provider": "cpu", "precision": "int8", "merge": "suppression", "views": "flips"}
    for kind, name in choices.items():
        config.predict[kind] = load_part(kind, name)
    section, _, field = key.rpartition(".")
    node = config.predict[section] if section else config.predict
    node[field] = value
    with pytest.raises(ConfigError, match="predict") as raised:
        read_settings(config)
    assert words in str(raised.value)


def test_settings_of_before_a_part_came_are_its_plainest_choice(config):
    settings = read_settings(config)
    for kind in ("merge", "views", "provider", "precision"):
        plainest = {"merge": "core", "views": "plain", "provider": "cpu", "precision": "float32"}
        node = load_part(kind, plainest[kind])
        assert getattr(settings, kind) == configuration.build(node, where=kind)
    assert isinstance(settings.provider, Provider)
