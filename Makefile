# What is typed by hand; `make help` lists it. The environment is made once, in .venv/, and made again when
# pyproject.toml changes, when the folder was moved or when its interpreter is gone.
.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-peers lint docs clean FORCE

# May be given on the command line: the interpreter that .venv is made from; the extras that test, bench and lint
# install; the number of test processes; more words for pytest (ARGS='tests/unit -k drives') or sphinx.
PYTHON ?= python3
EXTRAS ?= test
JOBS ?= auto
ARGS ?=

# What the user's shell has set for another environment must not leak into this one.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# What this machine lacks, in one line; empty if nothing. No compiler is needed where compiled mechanisms are given.
LACKS = $(shell lacks=; packages=; \
	need() { lacks="$$lacks$${lacks:+, }$$1"; packages="$$packages$${2:+ $$2}"; }; \
	if ! command -v '$(PYTHON)' >/dev/null 2>&1; then need 'Python (no $(PYTHON))' 'python3 python3-venv'; \
	elif ! '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then \
		need "Python 3.10 or newer ($$('$(PYTHON)' -V 2>&1) is too old; name another: make PYTHON=...)"; \
	elif ! '$(PYTHON)' -c 'import venv, ensurepip' 2>/dev/null; then need "Python's venv module" python3-venv; fi; \
	test -n "$$HNNLIB_MECH_LIB" || command -v c++ >/dev/null || command -v g++ >/dev/null \
		|| command -v clang++ >/dev/null || need 'a C++17 compiler (on macOS: xcode-select --install)' g++; \
	command -v bash >/dev/null || need bash bash; \
	test -z "$$lacks" || echo "this machine lacks $$lacks$${packages:+; install with: sudo apt-get install$$packages}")

# FORCE where the environment belongs to another place (its scripts hold absolute paths) or its interpreter is gone.
STALE := $(shell test -f .venv/.ready || exit 0; \
	test "`cat .venv/.ready`" = "`pwd`" && $(BIN)/python -c pass 2>/dev/null || echo FORCE)

# The release that `make bench-peers` compares with.
PEERS := hnn-core==0.6.1 joblib
PEERS_STALE := $(shell test -f .venv-peers/.ready || exit 0; \
	test "`cat .venv-peers/.ready`" = "`pwd`" && .venv-peers/bin/python -c pass 2>/dev/null || echo FORCE)

help:
	@echo 'make demo         simulate the default evoked response: out/demo.png, out/demo.h5'
	@echo 'make test         run all tests (some: make test ARGS="tests/unit -k drives")'
	@echo 'make bench        time the default column, both engines in turn, and what joblib, Dask and MPI add'
	@echo 'make bench-peers  the same column on HNN-core and on hnnlib: out/peers.md, out/peers.png'
	@echo 'make lint         check style (ruff) and types (mypy)'
	@echo 'make docs         make the site, docs/_build/html, and run the gallery (pages only: make docs ARGS="-D plot_gallery=0")'
	@echo 'make clean        remove what these commands made in this folder'

demo: .venv/.ready
	@mkdir -p out
	$(BIN)/hnnlib simulate default.json --tstop 170 --n-trials 2 --out out/demo.h5 --figure out/demo.png

# Tests start in contiguous blocks, so that what a module shares is made once, and idle processes take over the rest.
# There are as many processes as cores: threads of linear algebra would only wait for each other (five times as long).
test: .venv/.ready-$(EXTRAS)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

# The launchers are measured with all that they can use.
bench: .venv/.ready-$(EXTRAS) .venv/.ready-dask .venv/.ready-mpi .venv/.ready-nest .venv/.ready-fit
	$(BIN)/python benchmarks/run.py $(ARGS)
	$(BIN)/python benchmarks/launchers.py
	$(BIN)/python benchmarks/sonata.py $(ARGS)
	$(BIN)/python benchmarks/batch.py $(ARGS)
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/column_on_nest.py $(ARGS)
	$(BIN)/python benchmarks/detailed_cell.py $(ARGS)

bench-peers: .venv/.ready-$(EXTRAS) .venv-peers/.ready
	$(BIN)/python benchmarks/peers.py $(ARGS)

lint: .venv/.ready-$(EXTRAS)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

# Warnings are errors; nothing is fetched from the net.
docs: .venv/.ready-docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html $(ARGS) docs docs/_build/html
	@echo docs/_build/html/index.html

clean:
	rm -rf docs/_build docs/api docs/gallery
	rm -rf .venv .venv-peers out build dist x86_64 arm64 .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: pyproject.toml $(STALE)
	$(if $(LACKS),$(error hnnlib can't be set up: $(LACKS)))
	@echo 'Setting up .venv with numpy, NEURON and the rest (once; half a minute on a fast line) ...'
	@$(if $(STALE),false,$(BIN)/python -m pip --version) >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear .venv
	@$(PIP) install --editable .
	@pwd > $@

.venv/.ready-%: .venv/.ready
	@echo 'Adding what [$*] needs (once) ...'
	@$(PIP) install --editable '.[$*]'
	@touch $@

# HNN-core pins another NEURON than ours, so it has an environment of its own; pip compiles its mechanisms for it.
.venv-peers/.ready: $(PEERS_STALE)
	@echo 'Setting up .venv-peers with $(PEERS) (once; half a minute) ...'
	@'$(PYTHON)' -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip --disable-pip-version-check -qq install $(PEERS)
	@pwd > $@

FORCE:
