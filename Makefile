# `make demo` and `make test` are all a fresh machine needs: Python 3.11 and make.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready-$(shell cat requirements.txt pyproject.toml | sha256sum | cut -c1-16)
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
export DO_NOT_TRACK ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast check format docs bench lock clean

##@ Start here
demo: install ## Run the whole main job on a simulated estate and score it
	$(PY) -m aiops_jobs demo $(ARGS)

test: install ## Run all tests
	$(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

##@ Work on it
install: $(READY) ## Make the environment in .venv

$(READY):
	test -x $(PY) || python3 -m venv $(VENV)
	test -x $(VENV)/bin/uv || $(PY) -m pip install --quiet --disable-pip-version-check uv
	$(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes -r requirements.txt
	$(VENV)/bin/uv pip install --quiet --python $(PY) --no-deps --editable .
	rm -f $(VENV)/.ready-*
	touch $(READY)

test-fast: install ## Run the tests that need no server and little time
	$(PY) -m pytest -n 2 --dist loadgroup -m "not slow and not servers" $(ARGS)

check: install ## Lint, types, layers, generated pages
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest -q tests/architecture tests/docs

format: install ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: install ## Write the generated reference pages
	$(PY) -m docs.generate

bench: install ## Run the benchmarks and write docs/benchmarks.md
	$(PY) -m benchmarks

lock: ## Resolve the requirements anew
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --python-version 3.11 --group dev pyproject.toml -o requirements.txt

clean: ## Remove the demo's state and caches
	rm -rf .aiops .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist

help: ## Show this
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
