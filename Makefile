# Every target sets itself up first; a second call installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
READY  := $(VENV)/.ready
ARGS   ?=

.PHONY: run test lab serve audit bench lock clean help
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

run: $(READY)    ## the whole chain, raw transactions to an audited model (ARGS="--profile smoke" for a quick one)
	$(PY) run_all.py $(ARGS)

test: $(READY)   ## the tests
	$(PY) -m tests.chromium
	$(PY) -m pytest $(ARGS)

lab: $(READY)    ## JupyterLab on the notebooks
	$(PY) -m fraudops lab

serve: $(READY)  ## the scoring service of the last run, on localhost
	$(PY) -m fraudops serve

audit: $(READY)  ## the audit page of the last run, on localhost
	$(PY) -m fraudops audit

bench: $(READY)  ## what is measured, printed as ratios
	$(PY) -m benchmarks $(ARGS)

lock: $(READY)   ## compile requirements.txt again from pyproject.toml
	$(PY) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate -o requirements.txt

clean:           ## remove what runs have written (the environment stays)
	rm -rf artifacts
