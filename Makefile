# Every target makes its own environment first (.venv), with nothing but python3 and pip.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

# Many small processes, each with one thread, are faster than a few that fight for the processors.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test test-fast lint format bench clean

help:
	@echo "make demo       the whole way on the built-in data; the page: demo/report.html"
	@echo "make test       every test        make test-fast  those that take seconds"
	@echo "make lint       ruff and mypy     make format     ruff's changes"
	@echo "make bench      every benchmark   make clean      remove the environment and the demo"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@

demo: $(READY)
	$(VENV)/bin/labelbudget demo demo

test: $(READY)
	$(VENV)/bin/pytest -n auto --maxprocesses 4

test-fast: $(READY)
	$(VENV)/bin/pytest -n auto --maxprocesses 4 -m "not slow"

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(READY)
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(VENV)/bin/python $$script; done

clean:
	rm -rf $(VENV) demo
