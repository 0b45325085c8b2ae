# Everything here needs only python3 (3.11 or newer) and make; the rest is installed into .venv.
# A Python that is named has a folder of its own: make test PYTHON=python3.13 uses .venv-3.13.
SHELL := /bin/sh
VENV := .venv
ifeq ($(origin PYTHON),command line)
VENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-long parts fuzz golden schema glossary docs figures notebooks pictures coverage dist lint \
	format-check types check clean

run: $(VENV)/run.stamp  ## the service and the dashboard, with a search on the Concrete data
	@exec $(BIN)/shoal serve --demo

# Three on two cores, as some tests wait for a page or a process. Bytecode is kept: tests start
# hundreds of processes, and each would compile all of Shoal anew.
TEST_WORKERS := 3
test: $(VENV)/dev.stamp  ## everything but the long forms
	@sh tests/install_services.sh
	unset PYTHONDONTWRITEBYTECODE; $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal

test-long: $(VENV)/dev.stamp  ## the long forms: all, or a part (make test-long PART=kills SEED=7)
	@sh tests/install_services.sh
	@PYTHONPATH=src:tests $(BIN)/python -m support.long_parts $(PART) $(if $(SEED),--seed $(SEED))

parts: $(VENV)/dev.stamp  ## the parts of the long forms
	@PYTHONPATH=src:tests $(BIN)/python -m support.long_parts --list

fuzz: $(VENV)/fuzz.stamp  ## strange input for an hour: make fuzz TARGET=tables MINUTES=60 (or models, settings)
	@PYTHONPATH=src:tests $(BIN)/python -m support.fuzzing $(TARGET) $(if $(MINUTES),--minutes $(MINUTES))

golden: $(VENV)/dev.stamp  ## golden values anew, after a change that is meant to change results: review the difference
	PYTHONPATH=src:tests $(BIN)/python -m support.golden

schema: $(VENV)/dev.stamp  ## a small store in the newest schema, once, when a migration is new
	PYTHONPATH=src:tests $(BIN)/python -m support.schemas

glossary: $(VENV)/dev.stamp  ## docs/concepts/glossary.md from presentation/glossary.py
	PYTHONPATH=src $(BIN)/python -c "from shoal.presentation.glossary import as_markdown; \
	    print(as_markdown(), end='')" > docs/concepts/glossary.md

docs: $(VENV)/dev.stamp  ## the site, in build/docs/: every warning is an error, nothing is fetched
	PYTHONPATH=src $(BIN)/python -m sphinx -b html -W --keep-going -n -q docs build/docs
	@echo "build/docs/index.html"

figures: $(VENV)/dev.stamp  ## the figures of docs/concepts anew
	PYTHONPATH=src $(BIN)/python tools/figures.py

notebooks: $(VENV)/dev.stamp  ## the notebooks of examples/ with their outputs, in build/notebooks
	PYTHONPATH=src:tests $(BIN)/python -m support.notebooks $(ONLY)

pictures: $(VENV)/dev.stamp  ## the pictures of docs/ anew, from real runs: make pictures ONLY=live,runs
	PYTHONPATH=src:tests $(BIN)/python -m support.screenshot $(if $(ONLY),--only $(ONLY))

coverage: $(VENV)/dev.stamp  ## which lines the suite runs, processes included; slower than make test
	@sh tests/install_services.sh
	SHOAL_SOURCE=$(CURDIR)/src/shoal $(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=term \
		--cov-report=xml

dist: $(VENV)/release.stamp  ## the wheel and the archive of the source, in dist/, checked
	rm -rf dist build
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

format-check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

check: test lint format-check types

clean:
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache build dist .coverage .coverage.* coverage.xml

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Shoal needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Setting up $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 has no venv module. On Debian: apt install python3-venv" >&2; exit 2; }

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dashboard,postgres]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/run.stamp $@

# Not for development: what makes and checks the files of a release.
$(VENV)/release.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt 'build>=1.2' 'twine>=6.1'
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,fuzz]'
	@touch $(VENV)/run.stamp $(VENV)/dev.stamp $@
