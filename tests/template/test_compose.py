"""`factory compose` refuses what a stage would refuse hours later, and writes nothing then."""

import pytest
from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import FactoryError
from factory_core.space.sections import check_sections
from tests.template.conftest import bake, run


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    out = tmp_path_factory.mktemp("compose") / "out"
    assert bake(out, licence="MIT").returncode == 0
    return out / "tree_detector"


@pytest.fixture(scope="module")
def composed(detector):
    return config.load(detector / "params.yaml")


def test_takes_what_a_new_detector_composes_to(composed):
    check_sections(composed)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("taxonomy.level", 9, "`taxonomy.level` must lie in"),
        ("catalogue.cell_m", 0, "`cell_m` must be greater than 0"),
        ("select.background_share", 2.0, "`background_share` must lie in"),
        ("select.split.gap_m", -4.0, "select.split` is wrong.*gap_m"),
        ("dataset.shard_windows", 0, "`shard_windows` must be at least 1"),
        ("process.order", ["to_8bit"], "`process.order` must name each task once"),
        ("train.epochs", "three", "`train.epochs` must be int. Received: 'three'"),
        ("train.epochs", -1, "`epochs` must be at least 1"),
        ("train.batch_size", 0, "`batch_size` must be at least 1"),
        ("train.epoch", 3, "`train` has no field 'epoch'. Did you mean 'epochs'"),
        ("ensemble.weights", "none", "`ensemble.weights` must be one of"),
        ("predict.overlap_px", "abc", "`predict.overlap_px` must be int"),
        ("predict.overlap_px", 9999, r"`predict.overlap_px` must lie in \[0, 256\).*Use"),
        ("predict.merge.max_iou", 3.0, "predict.merge` .*max_iou"),
        ("evaluate.iou", 7.0, r"`iou` must lie in \(0, 1\]"),
        ("evaluate.metrics.order", [], "`evaluate.metrics.order` must name each task once"),
        ("compute.workers", "x", "`compute.workers` must be int"),
        ("postprocess.tasks.min_score.min_score", 7.0, "min_score. is wrong"),
    ],
)
def test_refuses_what_a_stage_would_refuse(composed, key, value, said):
    wrong = OmegaConf.create(OmegaConf.to_container(composed))
    OmegaConf.update(wrong, key, value, force_add=True)
    with pytest.raises(FactoryError, match=said):
        check_sections(wrong)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        pytest.param(["train.epochs=-1"], "`epochs` must be at least 1", id="a value"),
        pytest.param(["train.epochs"], "An override is KEY=VALUE", id="no value"),
        pytest.param(
            ["postprocess=[non_maximum_suppression,threshold]"], "takes a score", id="a chain"
        ),
        pytest.param(["target=mask"], "but the predictions are a score", id="a target"),
        pytest.param(
            ["merge=core", "predict.merge.max_iou=0.4"],
            "nothing that is chosen has `predict.merge.max_iou`. It is a field of merge ",
            id="a field of a part that is not chosen",
        ),
    ],
)
def test_writes_nothing_then(detector, overrides, said):
    before = (detector / "params.yaml").read_text()
    done = run("factory", "compose", *overrides, cwd=detector, check=False)
    assert done.returncode == 1
    assert said in done.stdout
    assert (detector / "params.yaml").read_text() == before
