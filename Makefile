# The first use sets everything up: a virtual environment in .venv, and a Chromium for the tests.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: help demo cluster-demo test test-cluster test-faults fuzz lint format reference docs bench clean

VENV := .venv
BIN := $(VENV)/bin
BUILT := pyproject.toml .ci/compile.py $(wildcard dashboard/*/*/*.[ch] dashboard/*/*/*/*.[ch])
DEMO_ARGS ?=
PYTEST_ARGS ?=
TEST_PROCESSES ?= 2
BENCH_ARGS ?=
FUZZ_S ?= 300

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 20

demo: $(VENV)/run.stamp ## Show a sample volume at http://127.0.0.1:8050
	$(BIN)/lamella demo $(DEMO_ARGS)

cluster-demo: $(VENV)/cluster.stamp ## Show it on three machines on this one, with Redis and HAProxy
	$(BIN)/python .ci/cluster_demo.py $(DEMO_ARGS)

test: $(VENV)/dev.stamp ## Run all tests
	$(BIN)/deno test --quiet --no-check tests/js
	@chromium=$$(.ci/chromium "$(BIN)/python") && export CHROMIUM="$$chromium" && \
		$(BIN)/python -m pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)

test-cluster: $(VENV)/dev.stamp ## Run the tests of several machines, with a real Redis and HAProxy
	TEST_PROGRAMS=all $(BIN)/python -m pytest -m cluster tests/cluster $(PYTEST_ARGS)

test-faults: ## Run the tests of docs/reference/threats.md alone
	@$(MAKE) --no-print-directory test PYTEST_ARGS="$$(grep -o '[a-z0-9_/]*test_[a-z0-9_]*\.py' docs/reference/threats.md | sort -u | tr '\n' ' ')"

fuzz: $(VENV)/dev.stamp ## Fuzz the C inflate under AddressSanitizer, for FUZZ_S seconds
	.ci/fuzz $(BIN)/python $(FUZZ_S)

lint: $(VENV)/dev.stamp ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deno check --quiet assets/main.mjs assets/monitor.mjs assets/boot.js
	$(BIN)/deno lint --quiet
	$(BIN)/deno fmt --quiet --check
	$(BIN)/python .ci/retired_words.py

format: $(VENV)/dev.stamp ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/deno fmt --quiet

reference: $(VENV)/run.stamp ## Regenerate the parts of docs/ that come from the code
	$(BIN)/python .ci/reference.py

docs: $(VENV)/docs.stamp ## Build the documentation; a broken link fails
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -E docs build/docs
	@echo "build/docs/index.html"

bench: $(VENV)/bench.stamp ## Measure, compared with h5py and others, and write docs/performance.md
	$(BIN)/python -m bench $(BENCH_ARGS)

clean: ## Remove the virtual environment
	rm -rf $(VENV)

$(VENV)/run.stamp: $(BUILT)
	@.ci/venv "$(VENV)" ""
	@touch $@

$(VENV)/dev.stamp: $(BUILT)
	@.ci/venv "$(VENV)" "[dev]"
	@touch $@ $(VENV)/run.stamp

$(VENV)/cluster.stamp: $(BUILT)
	@.ci/venv "$(VENV)" "[cluster]"
	@touch $@ $(VENV)/run.stamp

$(VENV)/docs.stamp: $(BUILT)
	@.ci/venv "$(VENV)" "[docs]"
	@touch $@ $(VENV)/run.stamp

$(VENV)/bench.stamp: $(BUILT)
	@.ci/venv "$(VENV)" "[bench]"
	@touch $@ $(VENV)/run.stamp
