# Everything a newcomer needs, with make and Python 3.11 to 3.14. `make` lists it.
#
#   PYTHON=/path/to/python   the Python that .venv is made with (the first time)
#   ARGS='…'                 more arguments for serve, test, soak, bench and lock

VENV := .venv
QUIET_PIP := -m pip --disable-pip-version-check --no-input --quiet
PIP := $(VENV)/bin/python $(QUIET_PIP)
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
ARGS ?=
ROUNDS ?= 1000
LIVE_ROWS ?= 10000
WORKERS ?= 0
CASES ?= 25
SEED ?= new
# Docker would do it by `docker build`, without --format.
CONTAINERS ?= $(or $(shell command -v podman),$(shell command -v buildah))
IMAGE ?= gatehouse
BASE ?=
BENCH := benchmarks/.venv
EVALUATION := evaluation/.venv
AZURITE := tests/support/azurite
JARS ?= jars
# What makes a TypeScript client of the OpenAPI document and lints it; without npm those tests are skipped.
NODE_TOOLS := tests/clients/node_modules
NPM := $(shell command -v npm)

# Without bytecode each of its processes would compile all tests anew, which takes 6 s.
TESTS := env -u PYTHONDONTWRITEBYTECODE $(VENV)/bin/python -m pytest

# Only `make lock` uses it, in an environment of its own that it throws away.
UV := uv==0.13.9
COMPILE := pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-strip-extras \
	--custom-compile-command 'make lock' $(ARGS)

# As that, for `make vulnerabilities`.
PIP_AUDIT := pip-audit==2.10.1

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install install-dev install-lake install-stores install-deploy install-spark jars image container-test serve test times lake-test lake-compare fuzz soak lint evaluate format docs bench screenshots vendor seeds lock vulnerabilities clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## install what the service needs into .venv
	@:

install-dev: $(VENV)/.installed-dev $(if $(NPM),$(NODE_TOOLS)/.installed) ## install the tools for tests and linting, too
	@:

install-lake: $(VENV)/.installed-lake ## install what object storage needs, too
	@:

install-spark: $(VENV)/.installed-spark jars ## install what Spark needs, too (Java is the system's)
	@:

jars: ## get the jars that Spark needs, by Maven
	@bash service/spark/get_jars $(JARS)

install-stores: install-dev $(AZURITE)/node_modules ## install what tests of object storage need (npm)
	@:

install-deploy: $(VENV)/.installed-deploy ## install what tests of deploy/ need (Helm, schemas of Kubernetes and Compose)
	@:

image: ## make the image of the service with podman or buildah (BASE=…, IMAGE=…)
	@$(CONTAINERS) build --format docker -f Containerfile -t $(IMAGE) $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --build-arg LOCK_SHA256=$$(sha256sum requirements/lake.txt | cut -d' ' -f1) .

container-test: install-deploy ## make the image on a base of Debian's packages and try it (root, buildah, mmdebstrap)
	@CONTAINER_TESTS=yes $(TESTS) tests/deploy/test_container.py $(ARGS)

serve: install ## build the warehouse, then serve
	@$(VENV)/bin/gatehouse build
	@exec $(VENV)/bin/gatehouse serve $(ARGS)

test: install-dev ## run the tests (one of them: make test ARGS='-k some_words')
	@$(TESTS) -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

times: TESTS += -p tests.support.cpu_times
times: test ## run the tests, and tell which files, tests and fixtures take the most CPU time

lake-test: install-dev install-stores install-spark ## run the tests of object storage and of Spark
	@$(TESTS) tests/stores tests/spark $(ARGS)

lake-compare: install-dev install-spark ## compare what a live gate and Spark behind it have (LIVE_ROWS, WORKERS=2: a cluster)
	@LIVE_ROWS=$(LIVE_ROWS) WORKERS=$(WORKERS) $(TESTS) -s tests/spark/test_live_gate.py $(ARGS)

fuzz: install-dev ## hostile input by a new seed, 25 times as much (more: make fuzz CASES=100)
	@GATEHOUSE_FUZZ_SEED=$(SEED) GATEHOUSE_FUZZ_CASES=$(CASES) \
	  $(TESTS) -n auto --dist load --timeout 0 tests/hostile \
	    tests/formats/csv/test_polluted_files.py tests/formats/csv/test_shapes.py \
	    tests/formats/csv/test_blank_lines.py $(ARGS)

soak: install-dev ## kill the service at random moments, and tell what was found (shorter: make soak ROUNDS=100)
	@GATEHOUSE_FAULTS_ROUNDS=$(ROUNDS) $(TESTS) -s tests/faults $(ARGS)

lint: install-dev ## check Python (ruff, mypy) and SQL (sqlfluff)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/sqlfluff lint --disable-progress-bar $(wildcard dbt_project/models dbt_project/tests)

evaluate: install $(EVALUATION)/.installed ## have dbt-bouncer, sqlfluff and dbt-project-evaluator judge the dbt project
	@bash evaluation/run

format: install-dev ## put Python into the shape that lint asks for
	@$(VENV)/bin/ruff check --fix --exit-zero .
	@$(VENV)/bin/ruff format .

docs: install ## make docs/rules.md again, and the docs sites as files in site/
	@$(VENV)/bin/python -m service.dictionary.rules_page > docs/rules.md
	@$(VENV)/bin/python -m service.dbt.docs_page site

bench: install $(BENCH)/.installed ## measure, beside peers (what and how: make bench ARGS=--help)
	@$(VENV)/bin/python -m benchmarks.run $(ARGS)

screenshots: install-dev ## take the pictures of docs/console.md anew, by the system's Chromium
	@$(VENV)/bin/python -m tests.screenshots

vendor: install ## take what others made for pages (service/console/vendor.json) by npm anew
	@$(VENV)/bin/python -m service.console.vendoring

seeds: $(VENV)/bin/python ## make seeds/*.csv again, byte for byte
	@$(VENV)/bin/python seeds/generate.py

lock: $(VENV)/bin/python ## make requirements/*.txt again (newest versions: ARGS=--upgrade)
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT \
	&& $(VENV)/bin/python -m venv "$$scratch" \
	&& "$$scratch/bin/python" -m pip --disable-pip-version-check --quiet install '$(UV)' \
	&& "$$scratch/bin/uv" $(COMPILE) pyproject.toml -o requirements/runtime.txt \
	&& "$$scratch/bin/uv" $(COMPILE) pyproject.toml --extra lake -c requirements/runtime.txt -o requirements/lake.txt \
	&& "$$scratch/bin/uv" $(COMPILE) pyproject.toml --extra spark -c requirements/runtime.txt -o requirements/spark.txt \
	&& "$$scratch/bin/uv" $(COMPILE) --group build -o requirements/build.txt \
	&& "$$scratch/bin/uv" $(COMPILE) --group dev -c requirements/runtime.txt -o requirements/dev.txt \
	&& "$$scratch/bin/uv" $(COMPILE) --group deploy -c requirements/runtime.txt -c requirements/dev.txt -o requirements/deploy.txt \
	&& "$$scratch/bin/uv" $(COMPILE) pyproject.toml --group evaluate -o requirements/evaluate.txt \
	&& "$$scratch/bin/uv" $(COMPILE) --group bench -o requirements/bench.txt
	@! grep -nE '://|^-' requirements/*.txt || { echo 'a lock file names an address' >&2; exit 1; }

vulnerabilities: $(VENV)/bin/python ## ask OSV whether any of what is locked is known to be unsafe
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT \
	&& $(VENV)/bin/python -m venv "$$scratch" \
	&& "$$scratch/bin/python" $(QUIET_PIP) install '$(PIP_AUDIT)' \
	&& "$$scratch/bin/pip-audit" --vulnerability-service osv --disable-pip --require-hashes \
	  $(addprefix -r ,$(wildcard requirements/*.txt))

clean: ## remove what can be made again (never warehouse/ or backups/)
	@rm -rf $(VENV) $(BENCH) $(EVALUATION) $(NODE_TOOLS) site target logs build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find service seeds tests benchmarks -name __pycache__ -type d -exec rm -rf {} + 2>/dev/null || true

# The first candidate that can make an environment and that every locked package has a wheel for
# (DuckDB 1.5 has none for Python 3.15).
$(VENV)/bin/python:
	@for python in $(CANDIDATES); do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv $(VENV) && exit 0; \
	  rm -rf $(VENV); \
	done; \
	echo 'no Python 3.11 to 3.14 that can make a virtual environment among: $(CANDIDATES)' >&2; \
	echo 'HINT: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12 (Debian, Ubuntu: apt install python3-venv)' >&2; \
	exit 1

# `pip check` confirms that the locks name every package. A stamp is touched last, so an
# interrupted installation starts again.
$(VENV)/.installed: requirements/build.txt requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo 'installing what the service needs into $(VENV) (once; a minute or two)'
	@bash requirements/install $(VENV)/bin/python requirements/build.txt requirements/runtime.txt
	@echo 'installing gatehouse itself'
	@$(PIP) install --no-index --no-build-isolation --no-deps -e .
	@$(PIP) check
	@echo 'compiling it'
	@$(VENV)/bin/python -m compileall -q service
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed
	@echo 'installing the tools for tests and linting into $(VENV) (once)'
	@bash requirements/install $(VENV)/bin/python requirements/dev.txt
	@$(PIP) check
	@touch $@

$(NODE_TOOLS)/.installed: tests/clients/package-lock.json
	@echo 'installing the tools for TypeScript and OpenAPI into $(NODE_TOOLS) …'
	@cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(VENV)/.installed-lake: requirements/lake.txt $(VENV)/.installed
	@$(PIP) install --no-deps --require-hashes -r requirements/lake.txt
	@$(PIP) check
	@touch $@

# PySpark is no wheel on PyPI: it is built with what `make install` has put there. It is jars, which
# are compressed: to compress them again takes most of a minute.
$(VENV)/.installed-spark: requirements/spark.txt $(VENV)/.installed
	@$(PIP) install --no-deps --require-hashes --no-build-isolation \
	  --config-settings=--build-option=--compression=stored -r requirements/spark.txt
	@$(PIP) check
	@touch $@

$(VENV)/.installed-deploy: requirements/deploy.txt $(VENV)/.installed-dev
	@bash requirements/install $(VENV)/bin/python requirements/deploy.txt
	@$(PIP) check
	@touch $@

# Azure's storage emulator, by its lock; without it, those tests are passed over.
$(AZURITE)/node_modules: $(AZURITE)/package-lock.json
	@echo "installing Azure's storage emulator into $(AZURITE) …"
	@npm ci --prefix $(AZURITE) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# What judges the dbt project, with a dbt of its own: sqlfluff's part for dbt wants an older click.
$(EVALUATION)/.installed: requirements/evaluate.txt requirements/build.txt
	@echo 'installing what judges the dbt project into $(EVALUATION) …'
	@$(VENV)/bin/python -m venv $(EVALUATION)
	@$(EVALUATION)/bin/python $(QUIET_PIP) install --no-deps --require-hashes -r requirements/build.txt
	@$(EVALUATION)/bin/python $(QUIET_PIP) install --no-deps --require-hashes --no-build-isolation -r requirements/evaluate.txt
	@$(EVALUATION)/bin/python $(QUIET_PIP) check
	@touch $@

# What the peers of the benchmarks need; the service must not see it.
$(BENCH)/.installed: requirements/bench.txt $(VENV)/.installed
	@echo "installing what the benchmarks' peers need into $(BENCH) (once)"
	@$(VENV)/bin/python -m venv $(BENCH)
	@bash requirements/install $(BENCH)/bin/python requirements/bench.txt
	@$(BENCH)/bin/python $(QUIET_PIP) check
	@touch $@
