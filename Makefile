# The commands people use. They need only git, make and Python 3.11 or newer.
PYTHON ?= python3
DEVICE ?= cpu
FUZZ_SECONDS ?= 1800
FAULTS ?= 204
NAME ?= me/face-forgery
DETECTOR ?= data/06_models/detector
RELEASE ?= build/release
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VIZ_PAGE := http://127.0.0.1:4141/?pid=__default__&types=nodes
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade --quiet
INSTALL := $(BIN)/uv pip install --quiet --require-hashes
AUDIT_SERVICE ?= pypi

export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export MPLBACKEND := Agg
# uv trusts what the system trusts, as pip does: company proxies bring certificates of their own.
export UV_SYSTEM_CERTS ?= true

.DEFAULT_GOAL := help
.PHONY: help setup run test test-jobs test-slow test-all check docs-check audit fuzz faults load bench viz app serve notebook release lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Compiled once here, or every process compiles torch again where PYTHONDONTWRITEBYTECODE is set (as in
# most containers): a run of the inference pipeline then starts in 5 s instead of 14.
setup: $(STAMP) ## Install what is pinned into .venv

$(STAMP): requirements.lock requirements/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "Face Forgery needs Python 3.11 or newer, this is %d.%d; name another one: make PYTHON=python3.12 setup" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(INSTALL) --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## Train, judge and use a detector on the drawn demo set
	$(BIN)/kedro run --env demo
	@echo
	@echo "Your own images:           $(BIN)/face-forgery judge FOLDER"
	@echo "The same as a page:        make app"
	@echo "Look at the pipelines:     make viz"
	@echo "Look at the tracked runs:  $(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db"

test: setup ## Run the tests that take under ten seconds each (no GPU, no network)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not long"

test-jobs: setup ## Do three people's jobs with names that the README has
	$(BIN)/python -m pytest -n 2 -m "not long" tests/jobs

test-slow: setup ## Run the slower ones: whole runs, servers, several processes, kills
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow and not long"

test-all: setup ## Run all of them, those of more than half a minute too
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs-check: setup ## Run every command of the README and of docs/ on a tiny set (half an hour)
	$(BIN)/python -m pytest tests/docs

# --strict: a package that the service does not know is a failure, not a note. AUDIT_SERVICE=osv asks the other one.
audit: setup ## Look for known holes in what is pinned (asks an online service)
	$(BIN)/uv venv --quiet --clear build/audit
	$(INSTALL) --python build/audit -r requirements/audit.lock
	build/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -s $(AUDIT_SERVICE) -r requirements.lock

fuzz: setup ## Look for input that breaks something (FUZZ_SECONDS=1800 in all)
	$(INSTALL) --python $(BIN)/python -r requirements/fuzz.lock
	$(BIN)/python fuzz/run.py --seconds $(FUZZ_SECONDS)

load: setup ## Twice the load, 100,000 images, 500 epochs: does anything grow? (an hour)
	$(BIN)/python benchmarks/load.py --work build/load --figure docs/images/load.png

faults: setup ## Strike runs at random moments and compare with runs left alone (FAULTS=204)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/faults.py --count $(FAULTS)

bench: setup ## Measure against the course's loops and the limits (DEVICE=cuda: on a GPU)
	$(BIN)/python benchmarks/bench.py --device $(DEVICE) --page docs/benchmarks.md

# types=nodes: boxes without the files between them; the menu at the left shows those, too.
viz: setup ## Open the pipelines in a browser
	@echo "The pipelines: $(VIZ_PAGE) (Ctrl-C ends)"
	@(sleep 10; $(BIN)/python -m webbrowser "$(VIZ_PAGE)" >/dev/null 2>&1) &
	$(BIN)/kedro viz run --no-browser

app: setup ## Open the page that judges images dropped on it
	$(BIN)/python -m face_forgery.serving.page --open

serve: setup ## Serve the detector to other programs, over HTTP on this machine
	$(BIN)/face-forgery serve

notebook: setup ## Open the walkthrough in the browser
	$(INSTALL) --python $(BIN)/python -r requirements/notebook.lock
	$(BIN)/jupyter lab notebooks/walkthrough.ipynb

release: setup ## A detector with card, licences and checksums, to give away (NAME=OWNER/NAME)
	$(BIN)/face-forgery push $(NAME) --detector $(DETECTOR) --to $(RELEASE)

lock: setup ## Pin the newest versions that fit pyproject.toml
	$(COMPILE) pyproject.toml --all-extras -o requirements.lock
	for tool in uv pip-audit; do echo $$tool | $(COMPILE) - -o requirements/$${tool#pip-}.lock || exit; done
	for group in fuzz notebook; do $(COMPILE) -c requirements.lock --group $$group -o requirements/$$group.lock || exit; done

clean: ## Remove what a run writes, but for models and tracked runs (ALL=1: these, too)
	find data -type f ! -path 'data/01_raw/*' $(if $(ALL),,! -path 'data/06_models/*') ! -name .gitkeep -delete
	rm -rf build .viz $(if $(ALL),mlflow.db mlruns)
