# Every target does its own set-up: all it needs is Python 3.11 or later with pip, git and make.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready
# The pip at hand installs into the environment: one without pip is made faster, and where Debian's ensurepip is missing.
INSTALL = $(PYTHON) -m pip --python $(RUN)/python install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-serve test test-thorough check docs lock bench test-browser hooks clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tokenop needs Python 3.11 or later; set PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) (once; takes about a minute) ..." >&2
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY) ## Set up the environment; every other target does it by itself

demo: $(READY) ## Run the main job on the shipped sample month and write its HTML report
	@$(RUN)/tokenop demo

demo-serve: $(READY) ## Show the gateway without keys: calls through it, then what they cost
	@$(RUN)/tokenop serve --demo

test: $(READY) ## Run all tests but those that need a browser or long
	$(RUN)/python -m pytest -q -m "not browser and not thorough" -n auto --dist worksteal

test-thorough: $(READY) ## Run the tests that take long, and those with drawn inputs on more of them
	$(RUN)/python -m pytest -q -m "(thorough or hypothesis) and not browser" --hypothesis-profile=thorough -n auto --dist worksteal

test-browser: $(READY) ## Open the reports in headless Chromium (Debian: apt-get install chromium)
	$(RUN)/python -m pytest -q -m browser -n auto

check: $(READY) ## Check style, types, templates, collectors and generated files
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/tokenop templates lint
	$(RUN)/tokenop collectors check
	$(RUN)/python scripts/generate_docs.py --check

docs: $(READY) ## Write the generated pages again
	$(RUN)/python scripts/generate_docs.py

bench: $(READY) ## State the figures: ratios against a baseline, measured in one run
	$(RUN)/python -m tests.benchmarks.bench_start
	$(RUN)/python -m tests.benchmarks.bench_events
	$(RUN)/python -m tests.benchmarks.bench_profile
	$(RUN)/python -m tests.benchmarks.bench_plan
	$(RUN)/python -m tests.benchmarks.bench_mutations
	$(RUN)/python -m tests.benchmarks.bench_lint
	$(RUN)/python -m tests.benchmarks.bench_statistics
	$(RUN)/python -m tests.benchmarks.bench_wire
	$(RUN)/python -m tests.benchmarks.bench_rules
	$(RUN)/python -m tests.benchmarks.bench_route
	$(RUN)/python -m tests.benchmarks.bench_evals
	$(RUN)/python -m tests.benchmarks.bench_run
	$(RUN)/python -m tests.benchmarks.bench_routers
	$(RUN)/python -m tests.benchmarks.bench_semantic
	$(RUN)/python -m tests.benchmarks.bench_gateway
	$(RUN)/python -m tests.benchmarks.bench_gateway_soak

hooks: $(READY) ## Install the git hooks
	$(RUN)/pre-commit install

lock: $(READY) ## Resolve the dependencies again, with hashes and without index URLs (needs uv)
	uv pip compile --quiet pyproject.toml --all-extras --group dev --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-annotate --upgrade --output-file requirements.lock

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
