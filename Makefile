# Thin: every target is a line or two of python or dvc. PROFILE chooses a file of profiles/; the default stands in params.yaml.
PYTHON ?= python3
DEFAULT := $(shell sed -n 's/^profile: *//p' params.yaml)
PROFILE ?= $(DEFAULT)
PIPELINE = $(if $(filter $(DEFAULT),$(PROFILE)),dvc.yaml,profiles/$(PROFILE)/dvc.yaml)
CPU_INDEX = https://download.pytorch.org/whl/cpu
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: setup reproduce compare figures verify test bench gpu

setup: .venv/installed

# Without a GPU the CPU build of torch does (0.2 GB instead of 3); where its index cannot be reached, the registry's build is taken.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	index=; if ! command -v nvidia-smi >/dev/null && $(PYTHON) -c "from urllib.request import urlopen; urlopen('$(CPU_INDEX)/torch/', timeout=5)" 2>/dev/null; \
	then index="--extra-index-url $(CPU_INDEX)"; fi; .venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt $$index torch
	.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt '.[dev]'
	touch $@

reproduce: setup
	python -m experiments.pipeline data --profile $(PROFILE)
	dvc repro $(PIPELINE)
	python -m experiments.sweep report --profile $(PROFILE)
	python -m experiments.compare --profile $(PROFILE)

# What lies here against what git holds, claim by claim.
compare: setup
	python -m experiments.compare --profile $(PROFILE)

figures: setup
	python -m experiments.pipeline figures $(if $(filter file,$(origin PROFILE)),,--profile $(PROFILE))

verify: setup
	python -m experiments.verify

test: setup
	python -m pytest -n 2 --dist loadfile

bench: setup
	python -m benchmarks.train_cpu
	python -m benchmarks.evaluation
	python -m benchmarks.passuntil

# Tests and benchmarks that need a GPU, in one call of at most nine minutes.
gpu: setup
	python -m benchmarks.gpu
