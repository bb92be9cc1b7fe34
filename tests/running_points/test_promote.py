"""Running points beside plain DVC: the same numbers, and experiments that DVC takes for its own."""

import pandas as pd
import pytest
import yaml
from dvc.repo import Repo

from factory_core.kernel.errors import ConfigError, OutputError
from factory_core.running_points import search
from factory_core.tune import experiments
from tests.running_points.conftest import run, write_points

pytestmark = pytest.mark.slow

KEY = "postprocess.tasks.threshold.min_score"
SPACE = f"{{{KEY}: [0.3, 0.7]}}"
METRICS = "evaluation/val/metrics.json"


def shown():
    """Metrics, parameters and commit of each experiment by its name, as `dvc exp show` has them."""
    with Repo() as repo:
        states = repo.experiments.show()
    revisions = [one.revs[0] for state in states for one in state.experiments or ()]
    return {
        one.name: (
            one.data.metrics[METRICS]["data"],
            one.data.params["params.yaml"]["data"],
            one.rev,
        )
        for one in revisions
    }


def locked(revision, *, root):
    """Hashes of what val's stages wrote, in the dvc.lock of a revision."""
    lock = yaml.safe_load(run("git", "show", f"{revision}:dvc.lock", cwd=root))["stages"]
    return {
        out["path"]: out["md5"]
        for stage in ("postprocess@val", "evaluate@val")
        for out in lock[stage]["outs"]
    }


def test_the_same_numbers_as_dvc_point_by_point_and_experiments_of_its_own_kind(repository):
    run("dvc", "exp", "run", "--queue", "-S", f"{KEY}=0.3,0.7", cwd=repository)
    run("dvc", "exp", "run", "--run-all", cwd=repository)
    by_value = {
        params["postprocess"]["tasks"]["threshold"]["min_score"]: (metrics, revision)
        for metrics, params, revision in shown().values()
    }
    assert sorted(by_value) == [0.3, 0.7]
    status = run("git", "status", "--porcelain", cwd=repository)

    lines = list(search.search(write_points(repository, space=SPACE), promote=2))
    table = pd.read_parquet("running_points/first/points.parquet").set_index("point").drop("now")
    for _, row in table.iterrows():
        metrics, _ = by_value[row[KEY]]
        for name in ("f1", "precision", "recall", "found", "missed", "false", "labels"):
            assert row[name] == metrics[name]
    assert table["f1"].nunique() == 2

    best, second = table["f1"].sort_values(ascending=False).index[:2]
    assert f"promoted: {best}   # dvc exp apply {best}" in lines
    found = shown()
    assert {best, second} < set(found)
    for name in (best, second):
        metrics, params, revision = found[name]
        plain, plain_revision = by_value[table.loc[name, KEY]]
        assert metrics == plain
        assert params["postprocess"]["tasks"]["threshold"]["min_score"] == table.loc[name, KEY]
        # Detections, plots, pictures and report are in the cache, and the same to the byte.
        assert locked(revision, root=repository) == locked(plain_revision, root=repository)
    assert run("git", "status", "--porcelain", cwd=repository) == status

    # They are promoted once: again is the same, and under one name there are no other values.
    list(search.search(write_points(repository, space=SPACE), promote=2))
    other = f"{{{KEY}: [0.2, 0.4]}}"
    with pytest.raises(ConfigError, match=f"There is an experiment {best}|first-00"):
        list(search.search(write_points(repository, space=other), promote=2))

    with Repo() as repo:
        changed = repo.experiments.diff(a_rev=best, b_rev=second)
        assert KEY in changed["params"]["params.yaml"]
        repo.experiments.apply(best)
        assert yaml.safe_load((repository / METRICS).read_text())["f1"] == table.loc[best, "f1"]
        assert (repository / "evaluation/val/report.html").is_file()
        repo.experiments.branch(best, "adopted")
    with Repo() as repo:
        assert repo.status() == {}, "nothing is to be run again after an apply"
        assert repo.experiments.remove([second]) == [second]
    assert second not in shown()
    assert best in run("git", "log", "-1", "--format=%s", "adopted", cwd=repository)


def test_what_dvc_does_not_list_is_removed_and_the_commands_are_told(repository, monkeypatch):
    monkeypatch.setattr(experiments, "listed", lambda _: set())
    with pytest.raises(OutputError, match=r"(?s)does not list.*dvc exp run -S .*--name first-00"):
        list(search.search(write_points(repository, space=SPACE), promote=1))
    assert not run("git", "for-each-ref", "refs/exps", cwd=repository)
    (repository / "conf/config.yaml").write_text(
        (repository / "conf/config.yaml").read_text() + "#"
    )
    with pytest.raises(ConfigError, match=r"not committed: conf/config\.yaml"):
        list(search.search(write_points(repository, space=SPACE), promote=1))
