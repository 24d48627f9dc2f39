# make run: the first phase diagrams on a fresh machine.  make test: the tests.  make lint: style, types, workflow format.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
STAMP := $(VENV)/installed
TOOLS := $(VENV)/tools
COMPILED := $(VENV)/compiled
# what is drawn soonest, before all sweeps are planned: something to look at
FIRST := results/relaxation-small/figures/parts.svg
# Python compiles what is imported, once, instead of pip all that there is: half of an installation
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# one test process per core, hence one thread of linear algebra each: small matrices lose most of their time to more
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --dist worksteal

.PHONY: run test test-slow test-slurm docs lint lock clean

run: $(STAMP) $(FIRST)
	$(BIN)/snakemake --config small=true
	@if [ -n "$$(find results -newer results/report.html -path '*/figures/*.svg' 2>/dev/null)" ] || [ ! -f results/report.html ]; then \
	  $(BIN)/snakemake --config small=true --report results/report.html; fi
	@$(MAKE) --no-print-directory $(COMPILED)
	@echo "figures: $$(ls -d results/*/figures | tr '\n' ' ')"; echo "report:  results/report.html"

$(FIRST): | $(STAMP)
	$(BIN)/snakemake $@ --config small=true sweeps=workflow/sweeps/relaxation.yaml

test: $(TOOLS)
	$(PYTEST) -m "not slow and not slurm"

test-slow: $(TOOLS)
	$(PYTEST) -m slow

# one process: all of them share the two nodes
test-slurm: $(TOOLS)
	tests/slurm/cluster start
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slurm tests/test_slurm.py; \
	  status=$$?; tests/slurm/cluster stop; exit $$status

# offline; warnings are errors
docs: $(TOOLS)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build
	@echo "documentation: docs/_build/index.html"

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
# the pip of the lock file first: those that come with Python need twice the time for the rest
	sed -n '/^pip==/,/[^\]$$/p' requirements.lock | $(INSTALL) --require-hashes --requirement /dev/stdin
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

# what developers need besides: tests, lint, documentation, SLURM
$(TOOLS): requirements-dev.lock $(STAMP)
	$(INSTALL) --require-hashes --requirement requirements-dev.lock
	touch $@

# the rest, when pictures wait for it no longer: some machines forbid Python to keep what it compiles
$(COMPILED): $(STAMP)
	@$(BIN)/python -m compileall -q -q -j 0 $(VENV)/lib || true  # packages may hold files of other versions of Python
	@touch $@

# needs uv (pip install uv)
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --quiet
lock:
	$(LOCK) --all-extras --output-file requirements-dev.lock
	$(LOCK) --extra build --extra workflow --constraints requirements-dev.lock --output-file requirements.lock

clean:
	rm -rf $(VENV)
