# `make` alone lists what there is. A machine needs Python 3.11 or later and make; the rest is set up in .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONFIG ?= holdall.toml
JOBS ?= auto
PACKAGES := core plugins/memory plugins/file plugins/diskcache plugins/tinydb plugins/zlib plugins/zstd plugins/aesgcm plugins/policies plugins/compaction plugins/openai contrib/postgres contrib/valkey plugins/shard plugins/tier plugins/html plugins/fts server
EDITABLES := $(foreach package,$(PACKAGES),-e $(package))
STAMP := $(VENV)/.ready
PEERS ?= .venv-peers
ADAPTERS ?= .venv-adapters
FUZZ ?= .venv-fuzz
# Environments are made and filled by venv and pip. CI, which has five more than `make setup`'s, names a uv for those.
UV ?=
made = test -x $(1)/bin/python || $(if $(UV),$(UV) venv --quiet --python $(PYTHON),$(PYTHON) -m venv) $(1)
install = $(if $(UV),$(UV) pip install --quiet --python $(1)/bin/python,$(1)/bin/python -m pip install --quiet --disable-pip-version-check)
# The tests start some thousand processes: each module is compiled once, not in each of them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup peers adapters fuzz run test check format bench docs matrix directory release-check pins clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv with the pinned dependencies and Holdall's own packages

$(STAMP): requirements.txt $(wildcard core/pyproject.toml plugins/*/pyproject.toml contrib/*/pyproject.toml server/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Holdall needs Python 3.11 or later; name one with PYTHON=...")'
	@$(call made,$(VENV))
	@echo "installing into $(VENV)"
	@$(call install,$(VENV)) --require-hashes -r requirements.txt
	@$(call install,$(VENV)) --no-deps --no-build-isolation $(EDITABLES)
	@touch $(STAMP)

run: setup ## Import a sample conversation and serve it, kept in ./data
	@$(BIN)/holdall --config $(CONFIG) import --owner local docs/examples/first-steps.jsonl
	@exec $(BIN)/holdall --config $(CONFIG) serve --try

test: setup ## Run the tests (ten minutes and more on two cores; ARGS goes to pytest)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not thorough" $(ARGS)

check: setup ## Lint, types, import contracts: what a change must pass besides the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	@PYTHONPATH=$(subst $(eval) ,:,$(wildcard contrib/adapters/*/src)) $(BIN)/lint-imports --config contrib/adapters/importlinter.toml

format: setup ## Format the code
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

peers: $(PEERS)/.ready ## Install the stores that Holdall is compared with, in an environment of their own

$(PEERS)/.ready: tests/bench/peers/requirements.txt
	@$(call made,$(PEERS))
	@echo "installing into $(PEERS)"
	@$(call install,$(PEERS)) --require-hashes -r $<
	@touch $@

adapters: setup $(ADAPTERS)/.ready ## Run the adapters' tests and the frameworks' own suites, in an environment of their own
	$(BIN)/pyright --project contrib/adapters
	@ADAPTERS=$(ADAPTERS) bash contrib/adapters/suites $(ARGS)

$(ADAPTERS)/.ready: contrib/adapters/requirements.txt $(wildcard contrib/adapters/*/pyproject.toml)
	@$(call made,$(ADAPTERS))
	@echo "installing into $(ADAPTERS)"
	@$(call install,$(ADAPTERS)) --require-hashes -r $<
	@$(call install,$(ADAPTERS)) --no-deps --no-build-isolation \
		$(foreach package,core plugins/memory plugins/file $(dir $(wildcard contrib/adapters/*/pyproject.toml)),-e $(package))
	@awk '/^openai-agents==/,/[^\\]$$/' $< > $(ADAPTERS)/theirs.txt
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes \
		--no-binary openai-agents --dest $(ADAPTERS)/theirs -r $(ADAPTERS)/theirs.txt
	@tar -xzf $(ADAPTERS)/theirs/openai_agents-*.tar.gz -C $(ADAPTERS)/theirs
	@touch $@

fuzz: setup $(FUZZ)/.ready ## Make up thousands of requests from the OpenAPI document; ARGS: --examples, --cases, --seed, --backend
	@$(BIN)/python -m tests.fuzz --command $(FUZZ)/bin/schemathesis $(ARGS)

$(FUZZ)/.ready: tests/fuzz/requirements.txt
	@$(call made,$(FUZZ))
	@echo "installing into $(FUZZ)"
	@$(call install,$(FUZZ)) --require-hashes -r $<
	@touch $@

bench: setup peers ## Measure beside the machine's own limits and other stores; results in docs/benchmarks
	@PEERS=$(PEERS) $(BIN)/python -m tests.bench $(ARGS)

docs: setup ## Write the generated pages again, and say which changed
	@$(BIN)/python -m tests.generate

matrix: setup ## Try every fault on every backend, and write what came of it into the documentation
	@MATRIX_OUT=docs/benchmarks/faults.json $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(ARGS) tests/matrix
	@$(BIN)/python -m tests.generate

directory: setup ## Hold every plugin to its kit, and write what came of it into the directory
	@$(BIN)/python -m tests.directory $(ARGS)
	@$(BIN)/python -m tests.generate

release-check: setup ## The tests, also the thorough ones, and the long form of what is tried to break it (hours; ARGS: --only, --jobs)
	@told=0; \
		$(MAKE) --no-print-directory test ARGS= || told=1; \
		$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m thorough || told=1; \
		$(BIN)/python -m tests.release --out docs/benchmarks/reliability-$(shell date +%F).json $(ARGS) || told=1; \
		$(BIN)/python -m tests.release --table; exit $$told

pins: ## Work out the pinned dependencies again (needs uv)
	$(BIN)/uv lock --quiet && $(BIN)/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-annotate \
		--format requirements-txt --output-file requirements.txt ; rm -f uv.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url tests/bench/peers/requirements.in --output-file tests/bench/peers/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url contrib/adapters/requirements.in --output-file contrib/adapters/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url tests/fuzz/requirements.in --output-file tests/fuzz/requirements.txt

clean: ## Remove what setup made
	rm -rf $(VENV)
