# Thin: every target is a line or two of python or dvc. PROFILE chooses a file of profiles/; the default stands in params.yaml.
PYTHON ?= python3
DEFAULT := $(shell sed -n 's/^profile: *//p' params.yaml)
PROFILE ?= $(DEFAULT)
PIPELINE = $(if $(filter $(DEFAULT),$(PROFILE)),dvc.yaml,profiles/$(PROFILE)/dvc.yaml)
# Named, so that make 3.81 (macOS) starts each command through it and thereby with this PATH.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: setup reproduce compare figures verify test bench gpu

# EXTRAS="export gpu" adds optional dependencies of pyproject.toml.
setup: .venv/installed
	$(if $(EXTRAS),python install/make_environment.py --extras $(EXTRAS))

.venv/installed: pyproject.toml constraints.txt $(wildcard install/constraints-*.txt)
	$(PYTHON) install/make_environment.py
	touch $@

reproduce: setup
	python -m ladder data --profile $(PROFILE)
	dvc repro $(PIPELINE)
	python -m paper.verdict_report --profile $(PROFILE)
	python -m reproduction.compare --profile $(PROFILE)

# What lies here against what git holds, claim by claim.
compare: setup
	python -m reproduction.compare --profile $(PROFILE)

figures: setup
	python -m reproduction.figures $(if $(filter file,$(origin PROFILE)),,--profile $(PROFILE))
	python -m paper.readme

# RETRAIN=1 trains one committed run again too, RETRAIN=<run> that one; QUICK=1 makes nothing anew.
verify: setup
	python -m reproduction.verify $(if $(QUICK),--quick) $(if $(RETRAIN),--retrain $(RETRAIN))

test: setup
	python -m pytest -n 2 --dist loadfile

bench: setup
	python -m benchmarks.train_cpu
	python -m benchmarks.evaluation
	python -m benchmarks.passuntil

# What needs a GPU, in one call of at most nine minutes, on a machine as it comes: no set-up, no network. With PROFILE=h200
# the ladder of that profile instead: trained, scored and sampled for MINUTES, and further at the next call.
MINUTES ?= 9
gpu:
	$(PYTHON) -m $(if $(filter file,$(origin PROFILE)),benchmarks.gpu,ladder run --profile $(PROFILE) --minutes $(MINUTES))
