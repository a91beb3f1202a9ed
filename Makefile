# Two commands on a fresh machine: `make repro` and `make test`. Needs Python >= 3.11, make and git.
PYTHON ?= python3
VENV := .venv
# A file's tests stay in one process, which makes its fixtures once; tests/conftest.py orders files.
# A third process computes on two cores while others wait for the processes of their tests.
# A process that a test ended is not begun anew: it would run that test again.
PYTEST := pytest -n 3 --max-worker-restart 0 --dist loadfile --no-loadscope-reorder
DATA_BENCHMARKS := reports label_tables image_decode store_open store_epoch duplicates
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Stages and tests are many short processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install repro ablations table3 baselines parts missing uninformative synergy cohort-size encoders explanations audit audit-validation truth ceiling stability verify test lint docs coverage fuzz chaos slurm bench-data bench-gpu rehearsal linearity clean

help: ## Show what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 18

install: $(VENV)/.installed ## Make .venv and install camchex with its exact pins

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

repro: install ## Run the pipeline of params.yaml, to report.html; JOBS=1: one stage at a time
	python -m stages $(if $(JOBS),--jobs $(JOBS))

ablations: table3 baselines parts missing ## Make table3, baselines, parts and missing

table3 baselines parts missing: install
	dvc repro ablations/dvc.yaml:$@
	cp metrics/ablations/$@.json metrics/shown/ && dvc repro report
	@cat metrics/ablations/$@.md

table3: ## Compare the inputs, beside the paper's Table 3
baselines: ## Compare CheXFusion, MMBT and late fusion with CaMChex
parts: ## Compare CaMChex with itself without the noisy student, the view encoders, ...
missing: ## Compare CaMChex where inputs are missing with models trained without them

uninformative: table3 ## Compare the inputs where one was made to say nothing
	python -m ablations.uninformative
	@cat metrics/ablations/uninformative.md

synergy: install ## Compare CaMChex with separate models where only joint reading can know
	python -m ablations.synergy
	@cat metrics/ablations/synergy.md

cohort-size: install ## Compare CaMChex with separate models as the synthetic cohort grows (needs a GPU)
	python -m ablations.cohort_size --out metrics/ablations $(ARGS)

encoders: install ## Compare image encoders by heads over kept maps; ENCODERS='FOLDER NAME ...'
	python -m ablations.encoders $(addprefix --encoder ,$(ENCODERS)) $(ARGS)
	@cat metrics/ablations/encoders.md

explanations: install ## Compare explanations with their baselines, where what they should hit is known
	python -m ablations.explanations $(ARGS)
	dvc repro report
	@cat metrics/ablations/explanations.md

audit: install ## Audit leakage beside models that were trained on one input alone
	dvc repro ablations/dvc.yaml:audit

audit-validation: install ## Compare the leakage audit with cohorts whose leak is known
	python -m ablations.audit_assumptions
	cp metrics/ablations/audit_assumptions.json metrics/shown/ && dvc repro report
	python -m ablations.audit_validation
	@cat metrics/ablations/audit_assumptions.md metrics/ablations/audit_validation.md

truth: install ## Score the pseudo-labels against the synthetic cohort's hidden truth
	dvc repro data/synthetic/dvc.yaml:score_pseudo_labels
	cp metrics/synthetic/pseudo_labels.json metrics/shown/ && dvc repro report

ceiling: install ## Score models as a share of the best possible on the synthetic cohort
	dvc repro data/synthetic/dvc.yaml:score_ceiling
	cp metrics/ceiling.json metrics/shown/ && dvc repro report

stability: install ## Train each kind of training 8 times with weights that differ by rounding; ARGS
	python benchmarks/stability.py --jobs 2 $(ARGS)

verify: install ## Compare what was made here with the recorded run, stage by stage
	camchex verify

test: install ## Run the tests, and show the slowest
	$(PYTEST) --durations 15

lint: install ## Check style, types and layers
	ruff check
	ruff format --check
	mypy
	lint-imports

docs: install ## Make the documentation as a site, dist/docs/index.html, and check it
	rm -rf dist/docs
	python -m sphinx --builder html --fail-on-warning --keep-going --quiet \
	  --doctree-dir dist/docs/.doctrees --conf-dir docs . dist/docs
	pytest -q tests/docs/test_site.py

coverage: install ## Run the tests and show line coverage
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

fuzz: install ## Read 10,000 damaged raw files, and count how each kind ended
	python -m tests.fuzz --files 10000

chaos: install ## Kill small trainings at 40 random moments, and compare their results
	OMP_NUM_THREADS=1 python -m tests.chaos --kills 40

# pandas has a folder of its own: Arrow imports pandas wherever it is installed, which would slow
# every stage down.
$(VENV)/pandas: constraints.txt
	$(VENV)/bin/pip install --quiet --no-deps --constraint constraints.txt --target $@ pandas

slurm: install ## Submit the jobs of docs/slurm to a SLURM of one node (root, slurm-wlm, munge)
	python -m tests.slurm

bench-data: install $(VENV)/pandas ## Measure the data stages at full size against named baselines
	PYTHONPATH=$(CURDIR):$(VENV)/pandas python benchmarks/vitals_linkage.py
	for script in $(DATA_BENCHMARKS); do echo && python benchmarks/$$script.py || exit 1; done

bench-gpu: install ## Measure on a GPU what nothing else can, in 7 minutes; ARGS
	python benchmarks/bench_gpu.py $(ARGS)

rehearsal: install ## Run every stage over invented data of MIMIC's size; ARGS
	dvc repro data/synthetic/dvc.yaml:make_synthetic
	PYTHONPATH=$(CURDIR) python benchmarks/rehearsal.py $(ARGS)

linearity: install ## Compare the stages at 1/16, 1/4 and all of MIMIC's size; ARGS
	dvc repro data/synthetic/dvc.yaml:make_synthetic
	PYTHONPATH=$(CURDIR) python benchmarks/linearity.py --page docs/scale.md $(ARGS)

clean: ## Remove everything that can be made again, except .venv
	rm -rf data/synthetic/raw data/synthetic/truth data/interim data/images data/pseudo \
	  data/predictions data/counterfactuals data/ablations data/duplicates data/cohort.parquet models .camchex dvc_plots dist
