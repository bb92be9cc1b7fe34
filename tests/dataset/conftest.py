"""What the stage takes, and where it writes."""

import pytest

from tests.tiny_dataset import write_inputs


@pytest.fixture
def inputs(tmp_path):
    return write_inputs(tmp_path)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "dataset"
