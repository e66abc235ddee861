# Everything a person or CI starts. `make` alone prints what there is.
# Nothing here needs a container engine: Python 3.11 or newer, Go, make and git are enough. Only real nodes
# (test-e2e, cluster-up REAL_NODES=3) need root and a few packages more, and say which.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin

JOBS   ?= 2
NODES  ?= 1000
REAL_NODES ?= 0
FLEET  ?= localcluster/fleets/mixed.yaml
NAME   ?= default
MINUTES ?= 10
ROUNDS ?= 5

# Setup is done again when one of these changes, whatever the file times of a fresh clone say.
STAMP  := $(VENV)/.ready-$(shell cat requirements/dev.txt pyproject.toml | cksum | cut -d' ' -f1)

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-invariants explore test-cluster test-e2e chaos check format verify generate \
        bench simulate cluster-up cluster-down binaries lock clean image sbom audit trainer

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with crosstree in it (seconds when nothing changed)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1), but Crosstree needs Python 3.11 or newer." \
	       "Install it, or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "==> $(VENV): installing the packages of requirements/dev.txt"
	@rm -f $(VENV)/.ready-*
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "==> $(VENV) is ready: . $(BIN)/activate, then: crosstree --help"

demo: setup binaries ## A mixed fleet, a dozen jobs, a lost node, and a table of what happened
	@$(BIN)/python demo/run.py

test: setup binaries check audit test-unit test-invariants test-cluster ## All tests that need no root

test-unit: setup ## Tests without an API server
	@echo "==> unit, property, golden and architecture tests"
	@$(BIN)/python -m pytest -m "not cluster and not e2e" --numprocesses $(JOBS) $(ARGS)

test-invariants: setup ## OPERATIONS=100000 at random on simulated clusters, against what must never happen
	@echo "==> what must never happen, in $(or $(OPERATIONS),100000) operations at random"
	@OPERATIONS=$(or $(OPERATIONS),100000) $(BIN)/python -m pytest tests/properties/test_invariants.py --numprocesses $(JOBS)

explore: setup ## Property tests ROUNDS=5 times on examples that nobody has seen; PROFILE=thorough for 2,000 each
	@for round in $$(seq $(ROUNDS)); do seed=$${SEED:-$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}; \
	  echo "==> properties, round $$round of $(ROUNDS); again by make explore ROUNDS=1 SEED=$$seed"; \
	  HYPOTHESIS_PROFILE=$(or $(PROFILE),explore) $(BIN)/python -m pytest tests/properties --hypothesis-seed=$$seed \
	    --numprocesses $(JOBS) $(ARGS) || exit 1; done

test-cluster: setup binaries ## Tests against a real API server (CROSSTREE_TEST_KUBECONFIG, else a local one)
	@echo "==> tests against a real API server"
	@$(BIN)/python -m pytest -m "cluster and not e2e" --numprocesses $(if $(CROSSTREE_TEST_KUBECONFIG),1,$(JOBS)) --dist loadfile $(ARGS)

test-e2e: setup image trainer ## Tests with real kubelets and containers on this machine (root; see docs/how-to/real-nodes.md)
	@$(BIN)/python -c 'from localcluster.realnode import missing; import sys; sys.exit(missing() or 0)'
	@$(BIN)/python -m localcluster build --real-nodes >/dev/null
	@echo "==> end-to-end tests on real nodes"
	@$(BIN)/python -m pytest -m e2e $(ARGS)

chaos: setup binaries ## Faults at random for MINUTES=10 [SEED=…], then 10,000 hostile objects and 1,000 operator kills
	@$(BIN)/python -m tests.chaos campaign --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.chaos fuzz $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.chaos kills $(if $(SEED),--seed $(SEED))

check: setup verify ## Formatter, linter, strict types, generated files
	@echo "==> ruff and mypy"
	@$(BIN)/ruff format --check --quiet . || { echo "make: run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

format: setup ## Format the code and sort imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format --quiet .

verify: setup ## Fail if crds/ or docs/reference/ differ from the code they are made of
	@echo "==> generated files"
	@$(BIN)/python -m tools.verify

generate: setup ## Write crds/ and docs/reference/ anew from the code
	@$(BIN)/python -m tools.verify --write

bench: setup binaries ## Every figure that has a bar, in ten minutes: JSON lines, then a table (quiet machine!)
	@BIN=$(BIN) NODES=$(NODES) tools/bench.sh

simulate: setup ## Replay a trace on the scheduling code, production beside FIFO: table, files and pictures in out/ (ARGS=…)
	@$(BIN)/crosstree simulate --trace traces/helios_venus_2020_15k.csv.gz --nodes traces/helios_venus_2020_nodes.csv.gz \
	  --fabric traces/topology_lingjun_2023.csv.gz --load 0.9 --policy production --policy fifo --out out/simulate $(ARGS)

binaries: setup
	@if [ -z "$$CROSSTREE_TEST_KUBECONFIG" ]; then $(BIN)/python -m localcluster build >/dev/null; fi

cluster-up: setup ## Start a local cluster: NODES=1000 REAL_NODES=0 FLEET=file.yaml NAME=default; prints its kubeconfig last
	@$(BIN)/python -m localcluster up --name $(NAME) --nodes $(NODES) --real-nodes $(REAL_NODES) --fleet $(FLEET)

cluster-down: setup ## Stop the local cluster NAME; its logs and kubeconfig stay
	@$(BIN)/python -m localcluster down --name $(NAME)

image: setup ## Make the container image without a container engine: out/crosstree-VERSION.oci.tar
	@$(BIN)/python -m tools.image archive

sbom: setup ## Write out/crosstree-VERSION.cdx.json (CycloneDX) and check it against the schema
	@$(BIN)/python -m tools.image sbom
	@$(BIN)/python -m tools.audit sbom

audit: setup ## Ask whether a pinned package has a known vulnerability (AUDIT_STRICT=1: no answer is a failure)
	@$(BIN)/python -m tools.audit vulnerabilities

trainer: setup ## Make what the end-to-end tests train with: a trainer image, and PyTorch for CPUs
	@$(BIN)/python -m tools.trainer >/dev/null

lock: setup ## Pin requirements/*.in anew, with hashes
	@$(BIN)/python -m tools.lock

clean: ## Remove .venv and caches of this clone (built binaries stay in the cache outside it)
	@rm -rf $(VENV) build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} + ; find . -name '*.egg-info' -prune -exec rm -rf {} +
