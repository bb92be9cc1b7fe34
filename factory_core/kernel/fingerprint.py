"""A fingerprint of the code that a stage runs, so that DVC reruns what changed and no more.

A stage runs its `stage.py`, the parts that its configuration names, and whatever
modules of the factory and of the detector those import, with the files that lie
beside `stage.py`. Comments, docstrings and blank lines do not count.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import Container, OmegaConf

PACKAGE = Path(__file__).parents[1]


def register(root: Path) -> None:
    """Give OmegaConf the resolver `${code:stage,section,...}` for the detector at `root`."""

    def code(stage: str, *sections: str, _root_: Container) -> str:
        targets = (
            target
            for name in sections
            for target in _targets(OmegaConf.to_container(_root_[name], resolve=True))
        )
        return fingerprint(stage, targets=sorted(set(targets)), root=root)

    OmegaConf.register_new_resolver("code", code, replace=True)


def fingerprint(stage: str, *, targets: list[str], root: Path = Path()) -> str:
    """Twelve hex digits that change with the code of a stage.

    Args:
        stage: Folder of `factory_core` with a `stage.py`.
        targets: Dotted paths of the parts that the stage builds.
        root: Root of the detector, for its own modules.
    """
    digest = hashlib.sha256()
    start = [f"factory_core.{stage}.stage", *(target.rpartition(".")[0] for target in targets)]
    for name, file in sorted(_reachable(start, root=root).items()):
        digest.update(f"{name}\n{_read(file.read_text(encoding='utf-8'))[1]}\n".encode())
    for file in sorted((PACKAGE / stage).glob("*.*")):
        if file.is_file() and file.suffix not in (".py", ".pyc"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _reachable(modules: list[str], *, root: Path) -> dict[str, Path]:
    """Every module that `modules` import, themselves included, with its file."""
    seen: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = _file_of(name, root=root)
        if file is None or name in seen:
            continue
        seen[name] = file
        waiting += _read(file.read_text(encoding="utf-8"))[0]
    return seen


def _file_of(module: str, *, root: Path) -> Path | None:
    first, *rest = module.split(".")
    base = (PACKAGE if first == "factory_core" else root / first).joinpath(*rest)
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file() and (rest or first != "factory_core"):
            return file
    return None


@lru_cache(maxsize=1024)
def _read(source: str) -> tuple[tuple[str, ...], str]:
    """What `source` imports, and its lines without comments, docstrings and blank lines."""
    lines = source.splitlines()
    for row, column in _comments(source):
        lines[row] = lines[row][:column]
    tree = ast.parse(source)
    imported: list[str] = []
    for node in (tree, *_statements(tree)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                for row in range(first.lineno - 1, first.end_lineno or first.lineno):
                    lines[row] = ""
    return tuple(imported), "\n".join(line.rstrip() for line in lines if line.strip())


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement within `node`: `ast.walk` would visit ten times as many expressions."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            yield child
            yield from _statements(child)


def _comments(source: str) -> Iterator[tuple[int, int]]:
    if "#" not in source:
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0] - 1, token.start[1]


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)
