# The verbs of the project. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help run test unit lint bench parked resume topics clean

find = $(shell for p in $(1); do "$$p" -c 'import sys; sys.exit(not $(2))' 2>/dev/null && { echo "$$p"; break; }; done)
PYTHON ?= $(call find,python3 python3.13 python3.12 python3.11,sys.version_info >= (3, 11))
PYTHON313 ?= $(call find,python3.13 python3 $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3),sys.version_info[:2] == (3, 13))
BIN := .venv/bin

help:  ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.venv/.ready: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found on the PATH; install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@echo "setting up .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv && $(BIN)/pip install -q -r requirements-dev.txt && touch $@

.venv-3.13/.ready: requirements.txt requirements-dev.txt
	@echo "setting up .venv-3.13 with $(PYTHON313)"
	@$(PYTHON313) -m venv .venv-3.13 && .venv-3.13/bin/pip install -q -r requirements-dev.txt && touch $@

run: .venv/.ready  ## set up, start everything, submit the sample cases, show what happened, keep running (ONCE=1: stop after the table)
	@$(BIN)/python -m samples $(if $(ONCE),--once) $(ARGS)

test: lint  ## set up and run every test, on Python 3.13 too where it is installed (FULL=1: the long fault runs as well)
	@$(BIN)/python -m stack build || echo "the tests that need the servers are skipped"
	$(BIN)/python -m pytest $(if $(FULL),,-m "not fault")
	@if [ -n "$(PYTHON313)" ]; then $(MAKE) --no-print-directory .venv-3.13/.ready && \
		.venv-3.13/bin/python -m pytest -m "not fault and not integration and not browser"; \
		else echo "Python 3.13 is not installed: its run is skipped"; fi

unit: .venv/.ready  ## the fast tests alone: no server is started
	$(BIN)/python -m pytest -m "not fault and not integration and not browser"

lint: .venv/.ready  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

bench: .venv/.ready  ## measure, and write docs/benchmarks
	$(BIN)/python -m tests.benchmarks $(if $(COLD),--cold)

parked: .venv/.ready  ## list the cases of the running engine that wait for an operator
	@$(BIN)/python -m samples parked

resume: .venv/.ready  ## let a parked case go on (CASE=its id)
	@$(BIN)/python -m samples resume $(CASE)

topics: .venv/.ready  ## bring topics and schemas to what events/ says; starts broker and registry (DRY=1: show only; FORCE=1: delete too)
	@$(BIN)/python -m events topics $(if $(DRY),--dry-run) $(if $(FORCE),--force) $(ARGS)

clean:  ## stop the local servers and forget their data
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stack stop; fi
	rm -rf .data
