# Everything that is done with this project; each target stands on `make setup`.
PYTHON ?= python3
BIN = .venv/bin
PIP = $(BIN)/pip install --no-compile --quiet --disable-pip-version-check

.PHONY: setup demo test lint same bench torture lock completions pages clean

setup: .venv/ready

# made anew when what is to be installed has changed; of all that pip would compile, a third is ever
# imported: that is compiled by importing it, and kept. Files of another hash are refused; torch has
# none, as it comes with CUDA or without
unexport PYTHONDONTWRITEBYTECODE
.venv/ready: pyproject.toml constraints.txt hashes.txt
	$(PYTHON) -m venv .venv
	$(PIP) --no-deps --require-hashes -r hashes.txt
	$(PIP) --no-build-isolation -c constraints.txt -e '.[dev]'
	$(BIN)/python -c "import torch, zarr, matplotlib.figure, scipy.stats, skimage.metrics"
	@touch $@

demo: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

# in the order of names: by the number of tests, files of few long ones would come last, one at a time
test: setup lint
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# are all results the same as with BASE, bit by bit? Both are recorded here: rounding differs between machines
BASE ?= main
same: setup
	@folder=$$(mktemp -d) && \
	trap 'git worktree remove --force "$$folder/base"; rm -rf "$$folder"' EXIT && \
	git worktree add --quiet --detach "$$folder/base" $(BASE) && \
	$(BIN)/python -m tools.same record "$$folder/old" --tree "$$folder/base" --only "$(ONLY)" && \
	$(BIN)/python -m tools.same record "$$folder/new" --tree . --only "$(ONLY)" && \
	$(BIN)/python -m tools.same compare "$$folder/old" "$$folder/new"

bench: setup
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.step
	$(BIN)/python -m benchmarks.extras

# try to break dip, in all cases: under an hour on two cores. A second call goes on where one ended
SEED ?=
torture: setup
	$(BIN)/python -m torture $(if $(SEED),--seed $(SEED))

# hashes.txt from constraints.txt, after a change of versions
lock: setup
	$(BIN)/python -m tools.lock

completions: setup
	$(BIN)/python -m tools.completions

pages: setup
	$(BIN)/python -m tools.pages

clean:
	rm -rf .venv demo dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
