# Everything here needs only python3 (3.11-3.13) and make; the rest is installed into .venv.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-long parts golden schema pictures lint format-check types check clean

run: .venv/run.stamp  ## the service and the dashboard, with a search on the Concrete data
	@exec $(BIN)/shoal serve --demo

test: .venv/dev.stamp  ## everything but the long forms
	@sh tests/install_services.sh
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-long: .venv/dev.stamp  ## the long forms: all, or a part (make test-long PART=kills SEED=7)
	@sh tests/install_services.sh
	@PYTHONPATH=src:tests $(BIN)/python -m support.long_parts $(PART) $(if $(SEED),--seed $(SEED))

parts: .venv/dev.stamp  ## the parts of the long forms
	@PYTHONPATH=src:tests $(BIN)/python -m support.long_parts --list

golden: .venv/dev.stamp  ## golden values anew, after a change that is meant to change results: review the difference
	PYTHONPATH=src:tests $(BIN)/python -m support.golden

schema: .venv/dev.stamp  ## a small store in the newest schema, once, when a migration is new
	PYTHONPATH=src:tests $(BIN)/python -m support.schemas

pictures: .venv/dev.stamp  ## the pictures of docs/ anew, from real runs: make pictures ONLY=live,runs
	PYTHONPATH=src:tests $(BIN)/python -m support.screenshot $(if $(ONLY),--only $(ONLY))

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

format-check: .venv/dev.stamp
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

check: test lint format-check types

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Shoal needs Python 3.11, 3.12 or 3.13; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Setting up .venv (once; a minute or two) ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python3 has no venv module. On Debian: apt install python3-venv" >&2; exit 2; }

.venv/run.stamp: .venv/bin/python pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dashboard,postgres]'
	@touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch .venv/run.stamp $@
