"""Choices compose as DVC composes them, and nothing wrong is ever built."""

from dataclasses import dataclass, field
from typing import Literal

import pytest
from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.compute import Local
from factory_core.kernel.errors import ConfigError

LOCAL = "factory_core.kernel.compute.Local"


@dataclass(frozen=True)
class Settings:
    """A bit of everything."""

    size_px: int
    share: float = 0.5
    blend: Literal["cosine", "uniform"] = "cosine"
    names: tuple[str, ...] = ()
    edges: tuple[float, float] = (0.0, 1.0)
    limit: int | None = None
    compute: Local = field(default_factory=Local)


def settings(**values):
    return config.section(OmegaConf.create({"it": {"size_px": 8, **values}}), "it", Settings)


def test_builds_a_part_from_its_mapping():
    node = OmegaConf.create({"_target_": LOCAL, "workers": 3})
    assert config.build(node) == Local(workers=3)


def test_a_whole_number_serves_as_float_and_a_list_as_tuple():
    assert settings(share=1, names=["a"], edges=[0, 2]) == Settings(
        8, share=1.0, names=("a",), edges=(0.0, 2.0)
    )


def test_a_section_leaves_its_parts_to_build():
    whole = OmegaConf.create(
        {"it": {"size_px": 8, "split": {"_target_": LOCAL}, "tasks": {}, "order": []}}
    )
    assert config.section(whole, "it", Settings) == Settings(8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param(
            {"size_px": "8"}, r"`it.size_px` must be int. Received: '8'", id="text for int"
        ),
        pytest.param({"size_px": 8.5}, r"`it.size_px` must be int", id="fraction for int"),
        pytest.param({"size_px": True}, r"`it.size_px` must be int", id="bool for int"),
        pytest.param({"share": "much"}, r"`it.share` must be float", id="text for float"),
        pytest.param({"names": "a"}, r"`it.names` must be tuple", id="text for list"),
        pytest.param({"edges": [1]}, r"`it.edges` must be tuple", id="list too short"),
        pytest.param({"limit": "x"}, r"`it.limit` must be int \| None", id="text for optional"),
        pytest.param({"blend": "cosin"}, r"Did you mean 'cosine'\?", id="misspelt choice"),
        pytest.param(
            {"sharre": 1}, r"no field 'sharre'. Did you mean 'share'\?", id="misspelt key"
        ),
    ],
)
def test_names_the_key_and_what_was_expected(values, message):
    with pytest.raises(ConfigError, match=message):
        settings(**values)


def test_a_missing_field_is_named():
    with pytest.raises(ConfigError, match=r"lacks the field.*size_px"):
        config.section(OmegaConf.create({"it": {}}), "it", Settings)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("os.system", "may only name a part", id="another package"),
        pytest.param("builtins.open", "may only name a part", id="a builtin"),
        pytest.param("factory_core.cli.sys.exit", "does not exist", id="through a module"),
        pytest.param("factory_core.cli.Path", "names no part", id="what a module imports"),
        pytest.param("factory_core.cli.main", "names no part", id="a function"),
        pytest.param("factory_corex.kernel.compute.Local", "may only name", id="a longer name"),
        pytest.param(
            "factory_core.kernel.compute.Lokal", r"Did you mean '.*Local'\?", id="misspelt"
        ),
        pytest.param("factory_core.kernel.computer.Local", r"Did you mean", id="misspelt module"),
        pytest.param(5, "may only name a part", id="no text"),
    ],
)
def test_refuses_a_target_that_is_no_part(target, message):
    with pytest.raises(ConfigError, match=message):
        config.build({"_target_": target}, where="compute")


@pytest.mark.filterwarnings("ignore:PatientPruner is experimental")
def test_one_call_may_allow_another_package_at_every_depth_and_no_other_call_does():
    pruner = {
        "_target_": "optuna.pruners.PatientPruner",
        "wrapped_pruner": {"_target_": "optuna.pruners.MedianPruner"},
        "patience": 2,
    }
    built = config.build(pruner, where="pruner", also=("optuna.pruners.",))
    assert type(built).__name__ == "PatientPruner"
    with pytest.raises(ConfigError, match="may only name a part of"):
        config.build(pruner, where="pruner")
    for target in ("optuna.samplers.TPESampler", "os.system"):
        inside = {**pruner, "wrapped_pruner": {"_target_": target}}
        with pytest.raises(ConfigError, match=r"`pruner.wrapped_pruner._target_` may only name"):
            config.build(inside, where="pruner", also=("optuna.pruners.",))


def test_a_mapping_without_a_target_is_no_part():
    with pytest.raises(ConfigError, match="`compute` names no part"):
        config.build({"workers": 1}, where="compute")


def test_values_of_a_part_that_is_not_chosen_name_the_files_that_set_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = {
        "conf/experiment/strict.yaml": "postprocess:\n  tasks:\n    min_area: {min_area_m2: 3.0}\n",
        "conf/experiment/other.yaml": "# min_area: is not set\ndefaults: [min_area]\n",
        "conf/config.yaml": "defaults: []\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said = r"drop its values in conf/experiment/strict.yaml\.$"
    with pytest.raises(ConfigError, match=said):
        config.build({"min_area_m2": 3.0}, where="postprocess.tasks.min_area")


def test_a_chain_is_built_in_its_order():
    node = {
        "tasks": {
            "one": {"_target_": LOCAL, "workers": 1},
            "two": {"_target_": LOCAL, "workers": 2},
        },
        "order": ["two", "one"],
    }
    assert config.build_chain(node, where="it") == [Local(2), Local(1)]
    with pytest.raises(ConfigError, match=r"`it.order` must name each task once"):
        config.build_chain({**node, "order": ["one", "three"]}, where="it")


def test_a_detector_may_use_its_own_package_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("package: boats_of_ours\n")
    (tmp_path / "boats_of_ours").mkdir()
    (tmp_path / "boats_of_ours/__init__.py").write_text("")
    (tmp_path / "boats_of_ours/wake.py").write_text(
        "import dataclasses\n\n@dataclasses.dataclass(frozen=True)\n"
        "class Wake:\n    size_m: float\n"
    )
    wake = config.build({"_target_": "boats_of_ours.wake.Wake", "size_m": 3})
    assert wake.size_m == 3.0
    (tmp_path / "params.yaml").write_text("package: os\n")
    with pytest.raises(ConfigError, match="may only name a part"):
        config.build({"_target_": "os.system"})


@pytest.fixture
def detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(
        "defaults: [compute: local, _self_]\n"
        "hydra: {searchpath: [pkg://factory_core.conf]}\n"
        "chain: {tasks: {a: 1, b: 2}, order: '${oc.dict.keys:chain.tasks}'}\n"
    )
    return tmp_path


def test_composes_own_choices_with_the_factory_s(detector):
    composed = config.compose(detector)
    assert composed.compute == {"_target_": LOCAL, "workers": 1}
    assert composed.chain.order == ["a", "b"]
    assert config.compose(detector, overrides=["compute.workers=4"]).compute.workers == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param("compute.wrokers=2", "wrokers", id="misspelt key"),
        pytest.param("compute=slurmy", "Did you mean .slurm.*: dask, local", id="unknown option"),
        pytest.param("train.epoch=8", "Did you mean 'train.epochs'", id="misspelt setting"),
        pytest.param("encodr=resnet", "Did you mean 'encoder'", id="misspelt group"),
        pytest.param("model.widht=8", "Did you mean 'model.width'", id="misspelt field"),
        pytest.param("merge=core", "Add a line `- merge: NAME`", id="group not chosen yet"),
        pytest.param("neck=pan", "takes `neck`.*model=fcos", id="group that nothing takes"),
    ],
)
def test_a_wrong_override_is_named(detector, override, message):
    with pytest.raises(ConfigError, match=message) as found:
        config.compose(detector, overrides=[override])
    assert "\n" not in str(found.value)
    assert "+" not in str(found.value)  # Hydra's advice: to add a key that nothing reads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "does not exist here", id="missing"),
        pytest.param("a: [", "not valid YAML", id="damaged"),
        pytest.param("- 1", "holds no mapping", id="a list"),
    ],
)
def test_refuses_a_params_file_that_is_none(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(path)


@dataclass(frozen=True)
class Line:
    width_m: float = 1.0


@dataclass(frozen=True)
class Drawing:
    lines: dict[str, Line]


def test_plain_mappings_become_the_dataclasses_of_a_field():
    given = OmegaConf.create({"drawing": {"lines": {"thin": {"width_m": 2}, "own": {}}}})
    assert config.section(given, "drawing", Drawing) == Drawing({"thin": Line(2.0), "own": Line()})


def test_names_the_key_inside_a_dataclass_of_a_field():
    given = OmegaConf.create({"drawing": {"lines": {"thin": {"widht_m": 2}}}})
    with pytest.raises(
        ConfigError, match=r"`drawing\.lines\.thin` has no field 'widht_m'.*Did you"
    ):
        config.section(given, "drawing", Drawing)
