# Every target sets itself up first; a second call installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
READY  := $(VENV)/.ready
ARGS   ?=
LINT   := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --doctest-modules

# pip's settings of the user would install elsewhere
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX
# uv, Jupyter and others write into the home folder
ifneq ($(shell [ -w "$$HOME" ] && echo yes),yes)
export HOME := $(CURDIR)/$(VENV)/home
$(shell mkdir -p "$(CURDIR)/$(VENV)/home")
endif

.PHONY: setup run check test test-all lab serve audit evidence metrics airflow site slides bench pictures lock clean help
.DEFAULT_GOAL := help

help:            ## list the targets
	@sed -n 's/^\([a-z]*\): .*## /\1\t/p' $(MAKEFILE_LIST)

$(READY): requirements.txt overrides.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("This course needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d: run make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/{p=1} p{print} p && !/\\$$/{exit}' requirements.txt > $(VENV)/uv.txt
	$(PY) -m pip install --quiet --no-deps --require-hashes -r $(VENV)/uv.txt
	UV_OVERRIDE=overrides.txt $(PY) -m uv pip install --quiet --python $(PY) --compile-bytecode --require-hashes -r requirements.txt
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .
	@touch $@

# Spark, Airflow and the site have environments of their own
.venv-%/.ready: requirements-%.txt $(READY)
	$(PY) -m uv venv --quiet --clear --python $(PY) .venv-$*
	$(PY) -m uv pip install --quiet --python .venv-$*/bin/python --compile-bytecode --require-hashes -r requirements-$*.txt
	@touch $@

setup: $(READY)  ## install everything into .venv, and run nothing

run: $(READY)    ## the whole chain, raw transactions to an audited model (ARGS="--profile smoke" for a quick one)
	$(BIN)/fraudops run $(ARGS)

check: $(READY)  ## what is fast: lint, imports, doctests, unit tests, notebook rules
	$(LINT)
	$(PYTEST) -m "not slow" $(ARGS)

test: $(READY) .venv-spark/.ready .venv-airflow/.ready .venv-site/.ready  ## everything but what takes many minutes more
	$(LINT)
	$(PY) -m tests.support.chromium
	$(PYTEST) -m "not exhaustive" $(ARGS)

test-all:        ## also the public data sets through all stages, and every cell twice
	$(MAKE) test ARGS="-m '' $(ARGS)"

lab: $(READY)    ## JupyterLab on the notebooks
	$(BIN)/fraudops lab

serve: $(READY)  ## the scoring service of the last run, on localhost
	$(BIN)/fraudops serve

audit: $(READY)  ## the audit page of the last run, on localhost
	$(BIN)/fraudops audit

evidence: $(READY) ## the evidence pack of the last run, with its verifier
	$(BIN)/fraudops evidence

metrics: $(READY) ## the drift monitor's verdicts for Prometheus, on localhost
	$(BIN)/fraudops metrics

airflow: $(READY) .venv-airflow/.ready  ## the same graph in Airflow, on localhost
	$(BIN)/fraudops airflow

site: $(READY) .venv-site/.ready  ## the executed course as a static site that works offline
	$(PY) -m website site $(ARGS)

slides: $(READY) .venv-site/.ready  ## slides of each stage, made from the figures of the last run
	$(PY) -m website slides $(ARGS)

bench: $(READY)  ## what is measured, printed as ratios
	$(PY) -m benchmarks $(ARGS)

pictures: $(READY) ## the pictures of the README, from the last run
	$(PY) -m tests.support.pictures $(ARGS)

lock: $(READY)   ## compile requirements.txt again from pyproject.toml
	$(PY) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate -o requirements.txt
	for name in spark airflow site; do $(PY) -m uv pip compile requirements-$$name.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet -o requirements-$$name.txt || exit 1; done

clean:           ## remove what runs have written (the environment stays)
	rm -rf artifacts
