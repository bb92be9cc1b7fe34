"""Refuse bad answers before anything is written, each with its reason."""

import importlib.util
import json
import keyword
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
FOLDERS = {"conf", "curves", "data", "docs", "evaluation", "models", "bundle", "tests"}


def main() -> None:
    """Print every reason to refuse and exit with status 1 if there is one."""
    # Cookiecutter runs this from the folder for temporary files, whose folders are no packages.
    here = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != here]
    reasons = list(find_reasons())
    for reason in reasons:
        print(f"error: {reason}", file=sys.stderr)
    if reasons:
        sys.exit(1)


def find_reasons():
    """Yield one sentence for each answer that cannot be used."""
    if importlib.util.find_spec("factory_core") is None:
        yield (
            "factory_core is not installed beside this cookiecutter, and composing params.yaml "
            "needs it. Run `make env` in the factory and bake with its .venv/bin/cookiecutter."
        )
        return
    for question in ("detector_name", "package_name"):
        name = ANSWERS[question]
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,49}", name) or keyword.iskeyword(name):
            yield (
                f"{question} must be 2 to 50 lower-case letters, digits and _, begin with a "
                f"letter and be no word of Python. Received: {name!r}. Try: {_suggest(name)!r}."
            )
    package = ANSWERS["package_name"]
    if package in FOLDERS:
        yield f"package_name {package!r} is the name of another folder of the repository."
    elif package.isidentifier() and importlib.util.find_spec(package) is not None:
        yield (
            f"package_name {package!r} is a Python module that is installed already and would be "
            f"hidden. Try: {package + '_parts'!r}."
        )
    for question in ("finds", "taxonomy", "remote", "factory_core"):
        if re.search(r"""["'\\\n{}]""", ANSWERS[question]):
            yield (
                f"{question} may not hold quotes, braces, backslashes or line breaks. "
                f"Received: {ANSWERS[question]!r}."
            )
    if not ANSWERS["finds"].strip():
        yield "finds is empty. Say in a few words what the detector finds."
    yield from _taxonomy_reasons()
    if not re.match(r"factory-core==\d|git\+.+@.+|[./~]|file:", ANSWERS["factory_core"]):
        yield (
            "factory_core must be factory-core==VERSION, git+ADDRESS@TAG, or a path that begins "
            f"with / or . (a checkout or a wheel). Received: {ANSWERS['factory_core']!r}."
        )


def _taxonomy_reasons():
    from factory_core.kernel.errors import TaxonomyError
    from factory_core.kernel.taxonomy import Taxonomy

    classes = [name.strip() for name in ANSWERS["taxonomy"].split(",") if name.strip()]
    try:
        Taxonomy(tuple(classes))
    except TaxonomyError as error:
        yield f"taxonomy: {error}"


def _suggest(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return cleaned if re.match(r"[a-z]", cleaned) and len(cleaned) > 1 else "my_detector"


main()
