# The one task list, for people and for CI. `make` alone explains it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
CONFIG ?= $(or $(CIRRUS_ADAPTER_CONFIG),var/adapter.toml)
BIN := $(VENV)/bin
PINS := deploy/requirements
CHECKS := $(shell sed -n 's/^\(check-[a-z]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo run test check bench chaos simulate fuzz mutants docs pins
demo: $(VENV)/.runtime ## a day at a small university against a simulated Cirrus; needs no broker and no account
	@$(BIN)/cirrus-adapter demo

run: $(VENV)/.runtime ## the adapter itself; CONFIG=... or CIRRUS_ADAPTER_CONFIG, else var/adapter.toml
	@$(BIN)/cirrus-adapter run --config $(CONFIG)

test: $(VENV)/.dev ## all tests; starts its own RabbitMQ and PostgreSQL unless the environment names some
	@$(BIN)/python -m pytest

check: $(VENV)/.dev ## linters, types, architecture, alert rules, deployment files, known vulnerabilities
	@$(MAKE) --jobs=2 --output-sync=target $(CHECKS)

bench: $(VENV)/.dev ## each target measured, beside kombu + requests, FastStream and Celery; BENCH_FLAGS=--full, --help
	@$(BIN)/python -m tests.benchmarks $(BENCH_FLAGS)

chaos: $(VENV)/.dev ## breaks every part of it for ten minutes, and classes every event of that; CHAOS_FLAGS=--help
	@$(BIN)/python -m tests.chaos $(CHAOS_FLAGS)

simulate: $(VENV)/.dev ## all loops in one thread on a clock of their own, seed after seed; SIMULATE_FLAGS=--help
	@$(BIN)/python -m tests.simulation $(or $(SIMULATE_FLAGS),seeds)

fuzz: $(VENV)/.dev ## millions of hostile inputs; FUZZ_FLAGS=--help
	@$(BIN)/python -m tests.fuzz $(FUZZ_FLAGS)

mutants: $(VENV)/.dev ## change decisions one by one and see whether the tests notice; takes long; MUTANTS_FLAGS
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python .ci/mutants $(BIN)/mutmut $(MUTANTS_FLAGS)

docs: $(VENV)/.runtime ## write the generated pages anew
	@$(BIN)/cirrus-adapter docs --write

pins: $(VENV)/.dev ## compile the pinned requirements anew; PINS_FLAGS=--upgrade takes newer releases
	@.ci/pins $(BIN)/uv $(PINS) $(PINS_FLAGS)

# One line adds a check.
.PHONY: $(CHECKS)
check-lint:    ; $(call step,ruff check)    $(BIN)/ruff check .
check-format:  ; $(call step,ruff format)   $(BIN)/ruff format --check .
check-mypy:    ; $(call step,mypy)          $(BIN)/mypy
check-pyright: ; $(call step,pyright)       $(BIN)/basedpyright
check-imports: ; $(call step,import-linter) $(BIN)/lint-imports --no-logo
check-docs:    ; $(call step,generated pages) $(BIN)/cirrus-adapter docs --check
check-rules:   ; $(call step,promtool)      .ci/promtool
check-yaml:    ; $(call step,yamllint)      $(BIN)/yamllint --strict -c deploy/.yamllint.yaml deploy
check-docker:  ; $(call step,hadolint)      $(BIN)/hadolint deploy/docker/Dockerfile
check-audit:   ; $(call step,pip-audit)     .ci/audit $(BIN)/pip-audit $(PINS)/runtime.txt
check-compose: ; $(call step,compose)       $(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec deploy/compose/compose.yaml

step = @echo "== $(1)";

# Installed once, and anew when the pins or the project file change.
$(VENV)/.runtime: $(PINS)/runtime.txt $(PINS)/build.txt pyproject.toml
	@PYTHON=$(PYTHON) .ci/venv $(VENV) $(PINS)/runtime.txt $(PINS)/build.txt
	@touch $@

$(VENV)/.dev: $(PINS)/dev.txt pyproject.toml
	@PYTHON=$(PYTHON) .ci/venv $(VENV) $(PINS)/dev.txt
	@touch $@ $(VENV)/.runtime
