PYTHON ?= python3
SAMPLE ?= neon_trees
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start hundreds of processes: each would compile the same modules, where Python is told
# to keep nothing.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help env lint test test-slow docs demo lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

env: .venv/.done  ## the environment, from the committed lock

.venv/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version)." \
	    "Say which to use: make PYTHON=python3.12 env"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip --quiet install uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: env  ## a detector on real imagery, end to end; SAMPLE=airfield needs no download
	scripts/demo.sh $(SAMPLE)

lint: env  ## style and types
	ruff check . && ruff format --check . && mypy

test: env  ## every test that is not slow
	python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-slow: env  ## bake, reproduce, sweep
	python -m pytest -m slow -n 2 --dist loadfile --no-loadscope-reorder

docs: env  ## the documentation, into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

lock: env  ## resolve the environment anew
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
	  --no-emit-index-url --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock

clean:  ## the demo, the caches and the built documentation; not the environment
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
