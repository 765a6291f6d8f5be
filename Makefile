# fimad: `make demo` builds a dataset from the project's own workout video, `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
INSTALL ?= $(PIP)
export PIP_ROOT_USER_ACTION := ignore

# EMBED=0 leaves out PyTorch and CLIP: a much smaller installation, and a dataset whose embedding columns are NULL.
EMBED ?= 1
comma := ,
RUN_EXTRAS := build$(if $(filter-out 0,$(EMBED)),$(comma)embed)
RUN_STAMP := $(VENV)/.run$(if $(filter-out 0,$(EMBED)),-embed)

WORKSPACE ?= demo-workspace
DATASET ?= demo-dataset

# The FiMAD recipe: the published list of video addresses, and the authors' split of clip ids.
FIMAD_LIST ?= youtube_links.txt
FIMAD_SPLIT ?= train_val_split.json
FIMAD_ARGS ?=

# What the benchmarks look at, and where their figures go (the README's table is made from them).
BENCH_RESULTS ?= benchmarks/results
BENCH_FIDELITY_ARGS ?=
BENCH_THROUGHPUT_ARGS ?=
BENCH_SCALE_ARGS ?= --videos 100000
BENCH_DATASET_ARGS ?=
# Fewer pictures a second make two hours of video a matter of minutes; memory is what counts.
BENCH_LONG_VIDEO_ARGS ?= --rate-hz 3
# --video2dataset PYTHON measures beside it.
BENCH_ACQUISITION_ARGS ?=

# Files of tests run side by side; 0 runs all in one process, which a debugger needs.
TEST_PROCESSES ?= 2

# Pythons (3.N) that constraints are kept for, and the extras whose floors are tested.
LOCKED ?= 11 12 13
LOWEST := build cluster embed whisper describe s3 mocap report mujo dev

.PHONY: help demo test lock test-newest test-lowest test-slow lint wheel hooks bench fimad docs-table docs-images clean
.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fimad needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "This Python can't make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

# Stamps are newer than what they were made from once everything is installed, so that a second run takes no time.
# What was tested, for this Python; without a file for it, the newest that pyproject.toml allows. CONSTRAINTS= takes none.
PYTHON_TAG := $(shell $(PYTHON) -c 'import sys; print("py%d%d" % sys.version_info[:2])' 2>/dev/null)
CONSTRAINTS ?= $(wildcard constraints/$(PYTHON_TAG).txt)
CONSTRAIN = $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

$(RUN_STAMP): pyproject.toml $(CONSTRAINTS) tools/system_packages.sh | $(BIN)/python
	sh tools/system_packages.sh run
	@echo "Installing fimad and what the demo needs ($(RUN_EXTRAS)); this takes a few minutes the first time"
	$(PIP) $(CONSTRAIN) --editable '.[$(RUN_EXTRAS)]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(CONSTRAINTS) tools/system_packages.sh | $(BIN)/python
	sh tools/system_packages.sh test
	@echo "Installing fimad and what the tests need; this takes a few minutes the first time"
	$(INSTALL) $(CONSTRAIN) --editable '.[build,cluster,embed,whisper,describe,s3,mocap,report,mujo,dev]'
	@touch $@

demo: $(RUN_STAMP)  ## Build a dataset from the project's own workout video, with every real component
	@$(BIN)/fimad demo --workspace $(WORKSPACE) --dataset $(DATASET) $(if $(filter-out 0,$(EMBED)),,--without embed)

# Tests start hundreds of processes, which need not compile fimad each time where the environment forbids writing what is compiled.
test: $(VENV)/.dev  ## Run the default test suite
	@$(BIN)/python -m compileall -q fimad
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# uv resolves for Pythons that aren't here, and installs in a tenth of pip's time.
%/bin/uv:
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install -qq uv

# What was tested is what the first Python of the list got; the others take the same where they can.
# opencv-python is what rtmlib brings; it must be of the same version as mediapipe's OpenCV, and isn't always out yet.
lock: $(VENV)/lock/bin/uv  ## Write constraints/ anew: what is pinned stays unless pyproject.toml forbids it; UPGRADE=--upgrade takes the newest
	upgrade=$(UPGRADE); for minor in $(LOCKED); do \
	    test $$minor = $(firstword $(LOCKED)) || cp constraints/py3$(firstword $(LOCKED)).txt constraints/py3$$minor.txt; \
	    $< pip compile pyproject.toml --all-extras --python-version 3.$$minor --quiet --no-header --no-annotate --no-emit-package opencv-python \
	        $$upgrade --output-file constraints/py3$$minor.txt || exit 1; \
	    upgrade=; \
	done

test-newest: .venv-newest/lock/bin/uv  ## The suite with the newest releases of everything, in an environment of its own
	rm -f .venv-newest/env/.dev
	$(MAKE) test VENV=.venv-newest/env CONSTRAINTS= INSTALL='$< pip install --quiet --compile-bytecode --upgrade --python .venv-newest/env'

test-lowest: .venv-lowest/lock/bin/uv  ## The suite with the lowest versions that pyproject.toml allows, in an environment of its own
	$< pip compile pyproject.toml $(foreach extra,$(LOWEST),--extra $(extra)) --resolution lowest-direct --upgrade \
	    --python-version $$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') --quiet --no-header --no-annotate \
	    --output-file .venv-lowest/lowest.txt
	$(MAKE) test VENV=.venv-lowest/env CONSTRAINTS=.venv-lowest/lowest.txt INSTALL='$< pip install --quiet --compile-bytecode --python .venv-lowest/env'

test-slow: $(VENV)/.dev  ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## Check style, types, imports and dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

wheel: $(BIN)/python  ## Build the wheel and try it in an empty environment, without extras
	sh tools/try_wheel.sh $(BIN)/python

hooks: $(VENV)/.dev  ## Run lint's checks before every commit (pre-commit)
	$(BIN)/pre-commit install

fimad: $(RUN_STAMP)  ## Rebuild FiMAD from its published list: FIMAD_LIST=links.txt FIMAD_SPLIT=split.json
	@test -f '$(FIMAD_LIST)' || { echo "There is no $(FIMAD_LIST): give FIMAD_LIST=FILE, one video address a line (see data_cards/fimad.md)"; exit 2; }
	@test -f '$(FIMAD_SPLIT)' || { echo "There is no $(FIMAD_SPLIT): give FIMAD_SPLIT=FILE, the authors' split (see data_cards/fimad.md)"; exit 2; }
	$(BIN)/fimad build '$(FIMAD_LIST)' --config recipes/fimad.toml --set 'pack.split_file=$(abspath $(FIMAD_SPLIT))' $(FIMAD_ARGS)

# Every benchmark ends with an error if it falls below its floor; the rest still run.
bench: $(VENV)/.dev  ## Measure fidelity, speed and scale; fails where a floor is missed
	@mkdir -p $(BENCH_RESULTS)
	@failed=0; \
	run() { name=$$1; shift; echo "== $$name"; \
	    $(BIN)/python -m "benchmarks.$$name" --json "$(BENCH_RESULTS)/$$name.json" "$$@" || failed=1; }; \
	run fidelity $(BENCH_FIDELITY_ARGS); \
	run throughput $(BENCH_THROUGHPUT_ARGS); \
	run scale $(BENCH_SCALE_ARGS); \
	run dataset $(BENCH_DATASET_ARGS); \
	run long_video $(BENCH_LONG_VIDEO_ARGS); \
	run conformance; \
	run metadata; \
	run acquisition $(BENCH_ACQUISITION_ARGS); \
	OMP_NUM_THREADS=1 run simulate_speed; \
	exit $$failed

docs-table: $(VENV)/.dev  ## Write the tables of README and docs from the schema and the benchmarks' figures
	$(BIN)/python -m tools.readme

docs-images: $(VENV)/.dev demo  ## Make the pictures in README and docs again, with fimad's own commands
	$(BIN)/python -m tools.docs_images
	$(BIN)/python -m tools.draw_axes
	$(PIP) --editable '.[render]'
	$(BIN)/python -m tools.draw_fidelity
	$(BIN)/python -m tools.readme

clean:  ## Remove the demo's results and caches; the environment stays
	rm -rf demo-workspace demo-dataset test-artifacts build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
