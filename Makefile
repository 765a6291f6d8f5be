# fimad: `make demo` builds a dataset from the project's own workout video, `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKSPACE ?= demo-workspace
DATASET ?= demo-dataset
# Lists for the FiMAD recipe: video addresses or ids, and the authors' split of clip ids.
FIMAD_LIST ?= youtube_links.txt
FIMAD_SPLIT ?= train_val_split.json

.PHONY: demo test test-slow lint bench clean fimad docs-images help
.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# The stamps are newer than pyproject.toml once its packages are installed, so that a second run takes no time.
$(VENV)/.run: pyproject.toml | $(BIN)/python
	sh tools/system_packages.sh run
	@echo "Installing fimad and what the demo needs (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --editable '.[build,embed]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable '.[build,embed,whisper,s3,mocap,report,dev]'
	@touch $@

demo: $(VENV)/.run  ## Build a dataset from the project's own workout video, with every real component
	@$(BIN)/fimad models fetch --missing-ok
	@$(BIN)/fimad build fimad/demo/workout.mp4 --workspace $(WORKSPACE) --dataset $(DATASET)

test: $(VENV)/.dev  ## Run the default test suite
	@sh tools/system_packages.sh test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-slow: $(VENV)/.dev  ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## Remove the demo's results and caches; the environment stays
	rm -rf $(WORKSPACE) $(DATASET) test-artifacts build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
