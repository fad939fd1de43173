# Liftguard: `make run` and `make test` are all a new machine needs. Both need Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCE ?=
RUN_ARGS ?=
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

.PHONY: help setup dev run test test-slow check format lint types lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Liftguard needs Python 3.11 or newer; found $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No venv module: on Debian and Ubuntu run 'apt install python3-venv'"; exit 1; }

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml | $(BIN)/python
	@echo "Setting up Liftguard in $(VENV) (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	@echo "Setting up the development tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

setup: $(VENV)/.runtime ## make .venv with the liftguard command

dev: $(VENV)/.dev ## the same, with the development tools

# The address travels in the environment as it is: it may hold a password, and characters that a shell or make would read.
ifneq ($(value SOURCE),)
run: export LIFTGUARD_ELEVATORS__0__CAMERA__SOURCE = $(value SOURCE)
endif
run: $(VENV)/.runtime ## run the main job; SOURCE=rtsp://… | 0 | clip.mp4 | folder/ takes real input
	@$(BIN)/liftguard run $(RUN_ARGS)

# Side by side first, one file to a worker; then, two files at a time, what measures real stalls or starts whole processes. A
# neighbour changes what those see, so what fails there is run once more by itself, and that is what counts.
ALONE := $(BIN)/python -m pytest -m 'alone and not slow and not hw' -o cache_dir=.pytest_cache/alone
test: $(VENV)/.dev ## all tests but the long ones
	@$(BIN)/python -m pytest -m 'not slow and not hw and not alone' -n auto --maxprocesses=4 --dist=loadfile; beside=$$?; \
	$(ALONE) -n 2 --dist=loadfile || { echo "Once more, one by one, what failed beside a neighbour:"; $(ALONE) --last-failed; }; \
	alone=$$?; exit $$((beside | alone))

test-slow: $(VENV)/.dev ## the long tests too, and properties with many more examples
	@$(BIN)/python -m pytest -m 'not hw' --hypothesis-profile=thorough --timeout=3600

check: $(VENV)/.dev ## format, lint, types and the fast tests
	@$(BIN)/ruff format .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -m 'not slow and not hw and not browser and not rtsp and not e2e'

lock: $(VENV)/.dev ## resolve the lock files anew from pyproject.toml
	@$(LOCK) pyproject.toml --output-file requirements/runtime.lock
	@$(LOCK) pyproject.toml --group dev --constraints requirements/runtime.lock --output-file requirements/dev.lock

clean: ## remove what make made, the events and the environment
	@rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
