# Two commands on a fresh machine: `make repro` and `make test`. Needs Python >= 3.11, make and git.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help install repro ablations truth test lint coverage clean

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

install: $(VENV)/.installed ## Make .venv and install camchex with its exact pins

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

repro: install ## Run the pipeline of params.yaml, to report.html
	dvc repro

ablations: install ## Train and score the fusion with images, indication or vital signs alone
	dvc repro ablations/dvc.yaml

truth: install ## Score the pseudo-labels against the synthetic cohort's hidden truth
	dvc repro data/synthetic/dvc.yaml

test: install ## Run the tests
	pytest -n 2

lint: install ## Check style, types and layers
	ruff check
	ruff format --check
	mypy
	lint-imports

coverage: install ## Run the tests and show line coverage
	pytest -n 2 --cov --cov-report=term-missing:skip-covered

clean: ## Remove everything that can be made again, except .venv
	rm -rf data/synthetic/raw data/synthetic/truth data/interim data/images data/pseudo \
	  data/predictions data/ablations data/cohort.parquet models .camchex dvc_plots
