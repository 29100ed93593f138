PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: env test lint clean

env: $(BIN)/.installed

$(BIN)/.installed: pyproject.toml
	@echo "Building the environment in $(VENV) (about a minute, once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

test: env
	@$(BIN)/python -m pytest

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
