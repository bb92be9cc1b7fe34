"""A training that chooses its windows by loss, stopped within an epoch, ends in the same bytes."""

import hashlib

import pytest

from factory_core.dataset.shards import Shards
from factory_core.dataset.stage import run as run_dataset
from factory_core.kernel.parts import load_part
from factory_core.train import checkpoint, stage
from factory_core.train.batches import TrainingBatches
from tests.tiny_dataset import config, write_inputs

AUGMENT = ["mosaic", "copy_paste", "cutmix", "mixup", "flip"]
CHANGES = {
    "task": "score_map",
    "dataset__window_px": 16,
    "dataset__background_share": 0.9,
    "sampler": load_part("sampler", "hard_negatives") | {"looked_at": 6, "hard_share": 1.0},
    "augment": {
        "tasks": {name: load_part("augmentation", name) for name in AUGMENT},
        "order": AUGMENT,
    },
    "model__encoder__depth": 2,
    "train__batch_size": 4,
    "train__save_minutes": 0.0,
}


def train(dataset, root):
    folders = {"out": root / "model", "curves": root / "curves"}
    stage.run(config(**CHANGES), dataset=dataset, **folders, member=0)


def bytes_of(folder):
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
def test_goes_on_with_the_windows_that_it_had_chosen(tmp_path, monkeypatch):
    run_dataset(config(**CHANGES), **write_inputs(tmp_path), out=tmp_path / "dataset")
    orders, told = [], []
    begin = TrainingBatches.begin

    def noted(self, epoch, *, losses=None):
        begin(self, epoch, losses=losses)
        orders.append((epoch, self.order.tolist()))
        told.append(losses)

    monkeypatch.setattr(TrainingBatches, "begin", noted)
    train(tmp_path / "dataset", tmp_path / "whole")
    whole = dict(orders)
    labels = Shards(tmp_path / "dataset/train")
    empty = {w for w in range(len(labels)) if not labels[w].labels.any()}
    for epoch, losses in zip((0, 1, 2), told[1:], strict=True):
        assert set(losses or {}) <= empty
        assert len(losses or {}) == (6 if epoch else 0)
        if epoch:
            assert max(losses, key=losses.get) in whole[epoch]
    orders.clear()
    stop_in_the_middle_of(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "dataset", tmp_path / "stopped")
    orders.clear()
    train(tmp_path / "dataset", tmp_path / "stopped")
    after = [order for order in orders[1:] if order[0]]
    assert after == [(1, whole[1]), (2, whole[2])]
    assert bytes_of(tmp_path / "stopped") == bytes_of(tmp_path / "whole")


def stop_in_the_middle_of(epoch, monkeypatch):
    save = checkpoint.Progress.save

    def stopping(self, folder, **values):
        save(self, folder, **values)
        if len(self.curves) == epoch and self.batches:
            monkeypatch.setattr(checkpoint.Progress, "save", save)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Progress, "save", stopping)
