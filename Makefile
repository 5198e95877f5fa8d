.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Every hash is checked, by pip or, where it is installed, faster by uv. --no-deps: the locks are complete, and pip
# before 23.3 takes an extra of a locked package (gql[requests]) for one that is not locked.
INSTALL = $(shell command -v uv >/dev/null 2>&1 && echo "uv pip install --python $(BIN)/python -q" || echo "$(BIN)/python -m pip install -q --disable-pip-version-check")

.PHONY: help up test check bench setup setup-dev

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/.product: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --no-deps --require-hashes -r requirements.lock
	$(INSTALL) --no-deps -e .
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --no-deps --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-deps -e .
	@touch $@ .venv/.product

setup: .venv/.product
setup-dev: .venv/.dev

up: setup ## sets up what is missing and runs the whole product
	@$(BIN)/ppm up

test: setup-dev ## every test: Python, frontend, browser
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup --ignore ppm_pipelines_tests/test_frontend.py
	$(BIN)/python -m pytest -q ppm_pipelines_tests/test_frontend.py

check: setup-dev ## format, lint, types; Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m ppm_pipelines_tests.frontend check

.venv-bench/.ready: bench/requirements.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r bench/requirements.lock
	@touch $@

bench: setup-dev .venv-bench/.ready ## measures beside the peers, writes BENCHMARKS.md; QUICK=1 for daily use, WITHOUT=systems,pages leaves these out
	QUICK=$(QUICK) WITHOUT=$(WITHOUT) $(BIN)/python -m bench
