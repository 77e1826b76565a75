# Everything runs in .venv, built from requirements.lock; the system's Python is not touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The tests start hundreds of processes: what is imported is compiled once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Building the environment in $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(VENV)/.ready ## Build the environment

demo: $(VENV)/.ready ## Map the example trial and sync it to a FHIR server that the demo starts itself
	@$(BIN)/fhir-msc demo

# Three processes for two cores: one of them often waits for a server.
test: $(VENV)/.ready ## Run all tests (those with HAPI need Java 17 and Maven)
	@$(BIN)/python -m pytest -n 3 --dist loadgroup

test-unit: $(VENV)/.ready ## Run the unit tests alone
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests/unit

search: $(VENV)/.ready ## Run the unit tests' properties on new random cases
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --hypothesis-profile=search tests/unit

fuzz: $(VENV)/.ready ## Give validate a million inputs that nobody would send (COUNT=N, FIRST=N)
	@$(BIN)/python -m tests.fuzz --count $(or $(COUNT),1000000) --first $(or $(FIRST),0)

mutation: $(VENV)/.ready ## Give fhir.resources and validate the same broken documents; writes docs/mutation.md (COUNT=N, FIRST=N)
	@$(BIN)/python -m tests.mutation --count $(or $(COUNT),120000) --first $(or $(FIRST),0)

lint: $(VENV)/.ready ## Check style, types and who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.ready ## Write the code in the one style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

docs: $(VENV)/.ready ## Build the documentation as a site in build/site; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build  # not --quiet: a warning that is not shown fails nothing

bench: $(VENV)/.ready ## Measure speed and memory as ratios; writes docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks

agreement: $(VENV)/.ready ## Compare the verdicts of validate with those of HL7's engine; writes docs/agreement.md
	@$(BIN)/python -m tests.agreement

hapi: $(VENV)/.ready ## Run a real HAPI FHIR server on loopback, port 8080 (PORT=N)
	@$(BIN)/python -m tests.support.hapi --port $(or $(PORT),8080)

LOCK := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml

lock: ## Renew requirements.lock, and the part of it that the worker's image needs (needs uv)
	@$(LOCK) --extra dev --extra web --output-file requirements.lock
	@sed 's/ *--hash=[^ ]*//; s/ *\\$$//' requirements.lock > .pins
	@$(LOCK) --no-annotate --constraint .pins --output-file requirements-worker.lock; status=$$?; rm -f .pins; exit $$status

java: $(VENV)/.ready ## Build HAPI and HL7's engine, which else the first test that needs them builds (needs Java 17 and Maven)
	@$(BIN)/python -m tests.support.hapi --build

clean: ## Remove what was built
	@rm -rf $(VENV) .demo build dist

.PHONY: help venv demo test test-unit search lint format docs bench agreement hapi java lock clean
