"""What does not compose is said in the words of a detector."""

import pytest

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError


@pytest.fixture
def detector(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(
        "defaults: [compute: local, _self_]\n"
        "seed: 0\n"
        "hydra: {searchpath: [pkg://factory_core.conf]}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param("compute.worker=2", r"no 'compute.worker' .*'compute.workers'", id="misspelt"),
        pytest.param("neck=fpn", r"takes `neck`. What does: .*model=fcos", id="not asked for"),
        pytest.param("compute=locall", r"Did you mean 'local'\? There are: dask", id="no option"),
        pytest.param("dataset.window=9", "'dataset.window_px'", id="a plain setting"),
    ],
)
def test_says_what_to_do(detector, override, said):
    with pytest.raises(ConfigError, match=f"config.yaml does not compose: .*{said}") as found:
        config.compose(detector, overrides=[override])
    assert "To append to your config use" not in str(found.value)
