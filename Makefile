# Everything a newcomer needs: `make demo` and `make test` set themselves up on a machine with Python and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
export HF_HUB_OFFLINE := 1

.PHONY: help demo test test-ray test-browser test-slow lint format bench clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: .venv/installed  ## raw pages to a plan in one command; prints where the report is
	$(BIN)/smelt run recipes/quickstart.toml

test: .venv/installed-dev  ## the default test suite, minutes
	$(BIN)/pytest

test-ray: .venv/installed-dev  ## the tests that start a two-node Ray cluster on this machine
	$(BIN)/pytest -m ray

test-browser: .venv/installed-dev  ## the tests that look at the report in Chromium
	$(BIN)/pytest -m browser

test-slow: .venv/installed-dev  ## the tests that take many minutes
	$(BIN)/pytest -m slow

lint: .venv/installed-dev  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: .venv/installed-dev  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed-dev .venv-peers/datatrove/installed .venv-peers/nemo-curator/installed  ## measure, print, and write benchmarks/results/<date>.json
	$(BIN)/python -m benchmarks

clean:  ## remove the environment and the caches; the store stays
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache

# torch comes first and by its exact version: any other request for it brings gigabytes of CUDA along.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "smelt needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Name one: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(INSTALL) torch==2.13.0
	$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	$(INSTALL) --editable '.[dev,ray]'
	@touch $@

# Peers to measure against, each in an environment of its own: what they need does not agree with ours.
.venv-peers/datatrove/installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check datatrove==0.10.1 nltk spacy "xxhash<4" regex ftfy fasteners tldextract orjson tokenizers
	@touch $@

.venv-peers/nemo-curator/installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(@D)/bin/pip install --quiet --disable-pip-version-check nemo-curator==1.4.0
	@touch $@
