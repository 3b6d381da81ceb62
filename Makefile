# The verbs of the project. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help run test unit lint bench parked resume topics replay board letters redrive clean

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

run: .venv/.ready  ## set up, start everything, submit the sample cases, show what happened, keep running (ONCE=1: stop after the table; CAMUNDA=1: show them in Camunda 8, CAMUNDA=full: with Operate and Tasklist)
	@$(BIN)/python -m samples $(if $(ONCE),--once) $(if $(CAMUNDA),--camunda $(CAMUNDA)) $(ARGS)

FAST := -m "not fault and not integration and not browser"

# The second Python gives way to the first, whose tests wait for real servers.
test: lint $(if $(PYTHON313),.venv-3.13/.ready)  ## set up and run every test, on Python 3.13 too where it is installed (FULL=1: the long fault runs as well)
	@$(BIN)/python -m stack build || echo "the tests that need the servers are skipped"
	@if [ -z "$(PYTHON313)" ]; then echo "Python 3.13 is not installed: its run is skipped"; \
		else mkdir -p .data; nice .venv-3.13/bin/python -m pytest $(FAST) >.data/test-3.13.log 2>&1 & \
		second=$$!; trap 'kill $$second 2>/dev/null' EXIT; fi; \
		$(BIN)/python -m pytest $(if $(FULL),,-m "not fault"); status=$$?; \
		if [ -n "$$second" ]; then echo "Python 3.13:"; wait $$second || status=1; cat .data/test-3.13.log; fi; exit $$status

unit: .venv/.ready  ## the fast tests alone: no server is started
	$(BIN)/python -m pytest $(FAST)

lint: .venv/.ready  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

.cache/bench/.ready: .venv/.ready requirements-bench.txt
	@$(BIN)/python -m venv .cache/bench && .cache/bench/bin/pip install -q -r requirements-bench.txt && touch $@

bench: .venv/.ready .cache/bench/.ready  ## measure, and write docs/benchmarks (ONLY=peers: the comparison with other engines alone; QUICK=1: try that in small)
	$(BIN)/python -m tests.benchmarks $(if $(COLD),--cold) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--only peers --quick) $(ARGS)

parked: .venv/.ready  ## list the cases of the running engine that wait for an operator
	@$(BIN)/python -m samples parked $(ARGS)

resume: .venv/.ready  ## let a parked case go on (CASE=its id, or all)
	@$(BIN)/python -m samples resume $(CASE) $(ARGS)

topics: .venv/.ready  ## bring topics and schemas to what events/ says; starts broker and registry (DRY=1: show only; FORCE=1: delete too)
	@$(BIN)/python -m events topics $(if $(DRY),--dry-run) $(if $(FORCE),--force) $(ARGS)

replay: .venv/.ready  ## show what events of TOPIC would do if they came again (FROM= TO= or OFFSETS=; TYPE= SOURCE= SUBJECT= KEY=; GO=1: deliver them)
	@$(BIN)/python -m events replay $(TOPIC) $(if $(FROM),--from='$(FROM)') $(if $(TO),--to='$(TO)') $(if $(OFFSETS),--offsets='$(OFFSETS)') \
		$(if $(TYPE),--type='$(TYPE)') $(if $(SOURCE),--source='$(SOURCE)') $(if $(SUBJECT),--subject='$(SUBJECT)') \
		$(if $(KEY),--key='$(KEY)') $(if $(RUN_ID),--run='$(RUN_ID)') $(if $(GO),--go) $(ARGS)

board: .venv/.ready  ## where every case stands and how long decisions took, from the events alone (REBUILD=1: from zero; FOLLOW=1)
	@$(BIN)/python -m events board $(if $(REBUILD),--rebuild) $(if $(FOLLOW),--follow) $(ARGS)

letters: .venv/.ready  ## list the dead letters of the running engine
	@$(BIN)/python -m samples letters $(ARGS)

redrive: .venv/.ready  ## consume the record of a dead letter again (LETTER=its id; DISCARD=1: give it up)
	@$(BIN)/python -m samples $(if $(DISCARD),discard,redrive) $(LETTER) $(ARGS)

clean:  ## stop the local servers and forget their data
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stack stop; fi
	rm -rf .data
