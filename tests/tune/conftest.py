"""A tiny pipeline with its own Git and DVC, and the search over it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

BIN = Path(sys.executable).parent
FILES = {
    "conf/config.yaml": """
        defaults: [net: plain, _self_]
        train: {rate: 0.1, epochs: 4, seconds: 0.0}
    """,
    "conf/net/plain.yaml": "kind: plain\n",
    "conf/net/deep.yaml": "kind: deep\n",
    "params.yaml": "net: {kind: plain}\ntrain: {rate: 0.1, epochs: 4, seconds: 0.0}\n",
    "dvc.yaml": """
        stages:
          train:
            cmd: python train.py
            deps: [train.py]
            params: [net, train]
            outs:
              - curves/0: {persist: true}
              - model.txt: {persist: true}
          evaluate:
            matrix: {split: [val, test]}
            cmd: python evaluate.py ${item.split}
            deps: [model.txt]
            metrics:
              - evaluation/${item.split}/metrics.json: {cache: false, persist: true}
    """,
    # The curve grows in a folder beside, as the factory's stages write theirs; a killed training
    # goes on from there. Each epoch that is computed leaves a line in a file outside.
    "train.py": """
        import os, pathlib, shutil, time, yaml
        params = yaml.safe_load(open("params.yaml"))
        train, net = params["train"], params["net"]["kind"]
        quality = 1 - abs(train["rate"] - 0.3) - (0.3 if net == "plain" else 0)
        name = f"{train['rate']}.{net}"
        work = pathlib.Path(f"curves/.0.{name}.partial")
        table = work / "plots/metrics/val/quality.tsv"
        table.parent.mkdir(parents=True, exist_ok=True)
        lines = table.read_text().splitlines() if table.exists() else ["step\\tquality"]
        for epoch in range(len(lines) - 1, train["epochs"]):
            time.sleep(train["seconds"])
            lines.append(f"{epoch}\\t{quality * (epoch + 1) / train['epochs']}")
            table.write_text("\\n".join(lines) + "\\n")
            with open(os.environ["EPOCHS"], "a") as file:
                file.write(f"{name} {epoch}\\n")
        shutil.rmtree("curves/0", ignore_errors=True)
        work.rename("curves/0")
        pathlib.Path("model.txt").write_text(str(quality))
    """,
    "evaluate.py": """
        import json, pathlib, sys
        out = pathlib.Path("evaluation") / sys.argv[1]
        out.mkdir(parents=True, exist_ok=True)
        value = float(open("model.txt").read())
        (out / "metrics.json").write_text(json.dumps({"f1": value, "classes": {"car": 0.5}}))
    """,
    ".gitignore": "TUNE.yaml\n",
}
TUNE = """
    name: rates
    metric: f1
    trials: 4
    space:
      net: [plain, deep]
      train.rate: {low: 0.01, high: 1.0, log: true}
    sampler: {_target_: optuna.samplers.TPESampler, seed: 0}
    pruner: {_target_: optuna.pruners.MedianPruner, n_startup_trials: 1, n_warmup_steps: 1}
"""


def run(*command, cwd, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
    ).stdout


def write_tune(root, text=TUNE, **changed):
    """Write a TUNE.yaml, some of its keys with other values, as YAML."""
    content = yaml.safe_load(textwrap.dedent(text))
    content |= {key: yaml.safe_load(value) for key, value in changed.items()}
    file = root / "TUNE.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def repository(tmp_path):
    """The files of the pipeline in a Git repository, without DVC."""
    root = tmp_path / "pipeline"
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip())
    run("git", "init", "--quiet", "--initial-branch", "main", cwd=root)
    run("git", "config", "user.email", "a@localhost", cwd=root)
    run("git", "config", "user.name", "a", cwd=root)
    run("git", "add", "--all", cwd=root)
    run("git", "commit", "--quiet", "--message", "one", cwd=root)
    return root


@pytest.fixture
def pipeline(repository):
    """The pipeline under DVC, run once and committed."""
    run("dvc", "init", "--quiet", cwd=repository)
    config = repository / ".dvc/config"
    config.write_text(
        "[core]\n    analytics = false\n    autostage = true\n[hydra]\n    enabled = True\n"
    )
    epochs = repository.parent / "epochs.txt"
    run("dvc", "repro", "--quiet", cwd=repository, EPOCHS=str(epochs))
    run("git", "add", "--all", cwd=repository)
    run("git", "commit", "--quiet", "--message", "two", cwd=repository)
    return repository
