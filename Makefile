# Every target makes the environment it needs. PYTHON chooses the interpreter (3.10 or newer).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
ARGS   ?=

.PHONY: help env tutorial test notebooks lab lint bench clean lock

help:  ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(STAMP)  ## make the environment in .venv

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed, and $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Environment: making $(VENV) with $$($(PYTHON) --version) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Environment: installing $$(grep -c '^[a-z]' requirements.lock) packages, each checked against its hash"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
	@echo "Environment: ready"

tutorial: $(STAMP)  ## run every notebook headless, then open build/tutorial/index.html
	@$(BIN)/python -m helpers run $(ARGS)

test: $(STAMP)  ## run the whole test suite
	@$(BIN)/python -m pytest $(ARGS)

notebooks: $(STAMP)  ## run all notebooks and store the outputs that have changed
	@$(BIN)/python -m helpers.record $(ARGS)

lab: $(STAMP)  ## open JupyterLab on the notebooks
	@$(BIN)/jupyter lab --notebook-dir notebooks $(ARGS)

lint: $(STAMP)  ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP)  ## measure speed and memory, side by side with peers
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(STAMP)  ## renew requirements.lock from pyproject.toml
	@$(BIN)/python -m uv pip compile pyproject.toml --extra test --universal --python-version 3.10 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade -o requirements.lock

clean:  ## stop the local cloud; remove its state and everything that was built, but the environment
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m helpers down || true; fi
	@rm -rf build .localcloud .pytest_cache .mypy_cache .ruff_cache .hypothesis
