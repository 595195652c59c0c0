# Everything on a fresh machine with Python >= 3.11 and make: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := $(VENV)/.demo

# Without their bytecode JAX and SymPy take seconds longer to import, in each of the
# processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-optimised test-slow test-matrix lint format bench docs docs-serve clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

# The demo alone, for it needs little. Bytecode is left to the first import, which compiles
# what it reads: a third of the time otherwise.
$(DEMO): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer, please"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable '.[demo]'
	touch $@

# In the same environment, all that the other targets need.
$(STAMP): $(DEMO)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench,demo,examples,integrations]'
	touch $@

demo: $(DEMO)  ## three operators against code by hand; train a Burgers network
	$(BIN)/opcompiler demo

# Most of the suite's time went into XLA's optimisations of programs that run once, and into
# the threads among which it divides each of them.
# From 0.11 on XLA stops at the first flag, which it does not know any more.
FLAGS = $(BIN)/python -c 'from importlib.metadata import version as v; \
	old = [*map(int, v("jaxlib").split(".")[:2])] < [0, 11]; \
	print("--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1" if old else "")'
# Compiled programs are shared by the workers, and for some days by later runs, which take a
# quarter less time.
PROGRAMS = $(CURDIR)/.pytest_cache/programs
SHARED = JAX_COMPILATION_CACHE_DIR=$(PROGRAMS) JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
QUICK = $(SHARED) JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS="$$($(FLAGS))"

test: $(STAMP)  ## the whole suite but the slow tests, about 6 minutes on 2 cores, then less
	mkdir -p $(PROGRAMS) && find $(PROGRAMS) -type f -mtime +3 -delete
	$(QUICK) $(BIN)/python -m pytest -n 2 --dist worksteal -q

test-optimised: $(STAMP)  ## the same, compiled as users have it, which takes longer
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

test-slow: $(STAMP)  ## the tests that take minutes each
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m slow

test-matrix: $(STAMP)  ## a few tests on each Python with the lowest and the newest versions
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python tests/matrix.py

lint: $(STAMP)  ## format, style, layers, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(STAMP)  ## mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## measure against the rivals and write docs/benchmarks
	$(BIN)/python -m tests.benchmarks --write

# An environment of its own: the pages are read from the sources, without JAX.
DOCS := .venv-docs
$(DOCS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --upgrade pip
	$(DOCS)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' \
		> $(DOCS)/packages.txt
	$(DOCS)/bin/python -m pip install --quiet -r $(DOCS)/packages.txt
	touch $@

# Not --quiet: it hides the warnings that --strict counts.
docs: $(DOCS)/.installed  ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

docs-serve: $(DOCS)/.installed  ## show the site while its pages are written
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs serve

clean:  ## remove the environment and caches
	rm -rf $(VENV) $(VENV)-matrix $(DOCS) site .pytest_cache .ruff_cache .hypothesis .import_linter_cache
