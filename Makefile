# Every target sets up .venv by itself; nothing has to be activated or installed before.

# The first of these that is 3.11, 3.12 or 3.13 is taken; `make screen PYTHON=/path/to/python3.12`
# asks for one.
PYTHON ?= python3 python3.13 python3.12 python3.11
SCREENS ?= synapse logic neuron
# How long `make bundle` may simulate.
HOURS ?= 2
# Passed on to pytest: `make test ARGS="-k store -x"`.
ARGS ?=

BIN := .venv/bin
EXACT := $(if $(filter file,$(origin PYTHON)),,--this-python)

.DEFAULT_GOAL := help
.PHONY: help screen test test-simulate lint bench bench-descriptors bench-surrogates bench-screen bundle clean venv-core venv-dev venv-simulate

help:  ## show this list
	@echo "matscreen: rank perovskites and oxides by the energy they need to switch"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r name text; do printf '  make %-18s %s\n' "$$name" "$$text"; done

screen: venv-core  ## rank the bundled candidates for synapse, logic and neuron
	@$(BIN)/python -m flows run $(SCREENS)

test: venv-dev  ## run every test that needs no torch
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-simulate: venv-simulate  ## run the tests of the real potential (installs torch)
	@$(BIN)/python -m pytest -m simulate $(ARGS)

lint: venv-dev  ## check style, format, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: venv-dev  ## run the benchmarks
	@for file in tests/benchmarks/bench_*.py; do \
		echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

bench-descriptors: venv-dev  ## time the descriptors beside matminer (makes it an environment)
	@$(BIN)/python tests/benchmarks/bench_matminer.py $(if $(MIRROR),--mirror $(MIRROR),)

bench-surrogates: venv-dev  ## score surrogates beside a random forest (MIRROR=DIR of published sets)
	@OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_surrogates.py --elements 4 \
		$(if $(MIRROR),--mirror $(MIRROR),)
	@OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_edge.py

bench-screen: venv-dev  ## screen 10,000 and 100,000 compositions beside matminer and a forest
	@OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_screen.py \
		$(if $(COUNT),--count $(COUNT),)

bundle: venv-simulate  ## simulate for HOURS=2 hours and extend data/bundle (installs torch)
	@$(BIN)/python -m matscreen.simulations.campaign \
		--out .matscreen/campaign --bundle data/bundle --hours $(HOURS)

clean:  ## remove .venv, results, stores, campaign checkpoints and caches
	@rm -rf .venv results .matscreen .prefect .cache .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Removed .venv, results, .matscreen, .prefect and the caches."

# One thread: the tests are small, and threads of several libraries only fight over the cores.
test test-simulate: export OMP_NUM_THREADS = 1

venv-core venv-dev venv-simulate:
	@python=$$(sh .ci/find_python.sh $(PYTHON)) \
		&& "$$python" .ci/setup_venv.py $(EXACT) $(@:venv-%=%)
