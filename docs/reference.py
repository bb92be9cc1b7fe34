"""Write the reference pages from the code each time the documentation is built."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import typer
from mkdocs.structure.files import File, Files

from factory_core.cli import app
from factory_core.cli.stages import STAGES
from factory_core.kernel.parts import Part, kinds, list_parts
from factory_core.sources.shapes import FEATURES, Loss

DOCS = Path(__file__).parent
PICTURE = "postprocess_{}.png"


def on_files(files: Files, config: object) -> Files:
    """Add the generated pages; called by MkDocs."""
    pages = {
        "reference/commands.md": _commands(),
        "reference/parts.md": _parts(),
        "reference/formats.md": _formats(),
        "reference/metrics.md": _metrics(),
        "reference/kernel.md": _kernel(),
        "reference/stages.md": _stages(),
        "decisions/index.md": _decisions(),
    }
    for path, lines in pages.items():
        files.append(File.generated(config, path, content="\n".join(lines) + "\n"))
    for name, png in _pictures().items():
        files.append(File.generated(config, f"reference/{PICTURE.format(name)}", content=png))
    return files


@cache
def _pictures() -> dict[str, bytes]:
    """What each post-processing does to a small scene, by its name."""
    # Hooks are no package: MkDocs loads this file by its path.
    sys.path.insert(0, str(DOCS))
    try:
        draw = import_module("before_and_after").draw
    finally:
        sys.path.remove(str(DOCS))
    drawn = {part.name: draw(part) for part in list_parts("postprocess")}
    return {name: png for name, png in drawn.items() if png is not None}


def _commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "Each stage is one command; `dvc.yaml` calls them with their paths in the open.\n"
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        yield f"## factory {name}\n\n{inspect.cleandoc(command.help or '')}\n"
        yield "| argument | meaning | default |\n| --- | --- | --- |"
        for parameter in command.params:
            if parameter.name == "help":
                continue
            shown = (
                f"`{parameter.opts[0]}`"
                if parameter.param_type_name == "option"
                else (f"`{parameter.name.upper()}`")
            )
            default = "" if parameter.required or parameter.default is None else parameter.default
            yield f"| {shown} | {getattr(parameter, 'help', '') or ''} | {default} |"
        yield ""


def _parts() -> Iterator[str]:
    yield "# Parts\n"
    yield (
        "What a detector chooses from, one YAML file each. `factory parts KIND` prints the same. "
        "Choose in `conf/config.yaml`; set a field by its key, anywhere that Hydra takes one.\n"
    )
    for kind in kinds():
        yield f"## {kind}\n"
        for part in list_parts(kind):
            yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    yield f"### {part.name} {{ #{part.kind}-{part.name} }}\n\n*{part.help}*\n"
    yield f"{_docstring(part.target)}\n"
    if part.kind == "postprocess" and part.name in _pictures():
        yield f"![before and after]({PICTURE.format(part.name)})\n"
    yield f"`{part.target}`, under the key `{part.key}`.\n"
    if part.fields:
        yield "| field | default |\n| --- | --- |"
        for field, default in part.fields.items():
            yield f"| `{field}` | `{json.dumps(default)}` |"
        yield ""


def _formats() -> Iterator[str]:
    yield "# Formats\n"
    yield (
        "What `factory import` reads and `factory export` writes, and what each format cannot "
        "hold. Whatever that is, it is counted and named when you export: nothing is lost "
        "silently. The statements are the formats' own, and a test holds every one of them to "
        "it. How to use them: [labels in and out](../tutorials/labels.md); their options: "
        "[parts](parts.md).\n"
    )
    yield "| feature | what it is |\n| --- | --- |"
    for feature, meaning in FEATURES.items():
        yield f"| {feature} | {meaning} |"
    yield ""
    for part in list_parts("format"):
        yield f"## {part.name}\n\n{_docstring(part.target)}\n"
        module, _, name = part.target.rpartition(".")
        form = getattr(import_module(module), name)
        if not hasattr(form, "write"):
            yield "It is read alone.\n"
        elif form.cannot_carry:
            yield "| cannot hold | goes out |\n| --- | --- |"
            for feature, loss in form.cannot_carry.items():
                yield f"| {feature} | {'not at all' if loss is Loss.LEFT_OUT else loss} |"
            yield ""
        else:
            yield "It holds everything.\n"


def _metrics() -> Iterator[str]:
    yield "# Metrics\n"
    yield (
        "What `factory evaluate` measures, by the parts that `evaluate.metrics` chooses. Every "
        "number stands in `metrics.json` under its name, also by class, size or level where the "
        "part gives that, and in `intervals.json` with the interval of 95 % that drawing the "
        "scenes again gives, and with the samples that it rests on. One with fewer samples than "
        "`evaluate.min_labels` is null, and its note says how many there are. There is no limit "
        "of detections a scene: COCO's of 100 would drop most of one silently.\n"
    )
    for part in list_parts("metric"):
        module, _, name = part.target.rpartition(".")
        metric = getattr(import_module(module), name)
        yield f"## {part.name}\n\n*{part.help}*\n\n{_docstring(part.target)}\n"
        yield "| number | title | what it says | best |\n| --- | --- | --- | --- |"
        for number, quantity in metric.gives.items():
            best = "" if quantity.best is None else f"{quantity.best:g}"
            yield f"| `{number}` | {quantity.title} | {quantity.meaning} | {best} |"
        yield ""


def _docstring(target: str) -> str:
    """First paragraphs of the docstring of a class, read without importing its libraries."""
    module, _, name = target.rpartition(".")
    if not module.startswith("factory_core"):
        return f"`{name}` of [Keras](https://keras.io/api/)."
    file = DOCS.parent.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            text = ast.get_docstring(node) or ""
            return text.split("\nArgs:")[0].split("\nAttributes:")[0].rstrip()
    raise ValueError(f"{target} names no class: mend the `_target_` of its YAML file.")


def _kernel() -> Iterator[str]:
    yield "# Kernel\n\nWhat every step may use.\n"
    kernel = DOCS.parent / "factory_core/kernel"
    for file in sorted(kernel.glob("*.py")):
        if file.stem != "__init__":
            yield f"::: factory_core.kernel.{file.stem}\n"
    for file in sorted((kernel / "io").glob("*.py")):
        if file.stem != "__init__":
            yield f"::: factory_core.kernel.io.{file.stem}\n"


def _stages() -> Iterator[str]:
    yield "# Stages\n\nThe steps on the data's way, in their order.\n"
    for stage in STAGES:
        yield f"::: factory_core.{stage}.stage\n"


def _decisions() -> Iterator[str]:
    yield "# Decisions\n\nWhere the design was wrong or left a choice, and why we chose so.\n"
    for file in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        yield f"- [{title}]({file.name})"
