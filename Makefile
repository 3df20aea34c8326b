# The front door: `make help` says what there is. Everything lives in .venv and .cuelight.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BROWSER := /usr/bin/chromium
# Warnings are errors: a page outside the navigation, a link or an anchor that leads nowhere.
SITE := $(BIN)/sphinx-build -q -E -n -W --keep-going -c docs .
# Two cores are shared by many processes: more threads than cores only get in each other's way.
export OMP_NUM_THREADS ?= 1
# Hundreds of processes are started by the tests: each would compile all sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Say what there is.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(READY) ## Play the whole story on real data, then stay up (ONCE=1: end after it).
	@$(BIN)/cuelight demo $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: up
up: $(READY) ## Run everything, from MLflow to the gateway and the board, until Ctrl-C.
	@$(BIN)/cuelight up

# Three processes on two cores: tests of real servers wait for a good part of their time. In the order of the folders:
# those with whole installations first. xdist would begin with files of many tests, end with the few long ones, and
# leave a core idle meanwhile. Files that share a host go together (tests/support/sharing.py).
.PHONY: test
test: $(READY) browser wrk promtool networks ## Run all tests.
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: $(READY) ## Lint, types, directions of imports, docs in step and without dead links.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check
	@$(SITE) build/site

.PHONY: docs
docs: $(READY) ## Write the reference pages anew from the code, and the site of all pages into build/site.
	@$(BIN)/python docs/generate.py
	@$(SITE) build/site
	@echo "Open build/site/index.html"

.PHONY: bench
bench: $(READY) wrk ## Measure beside other model servers (QUICK=1: a few cells only).
	@$(BIN)/python -m benchmarks $(if $(filter-out 0,$(QUICK)),--quick)

.PHONY: lock
lock: $(READY) ## Resolve the locked requirements anew, for Python 3.11 to 3.13.
	@$(BIN)/python requirements/lock.py

.PHONY: clean
clean: ## Remove what the other targets made: environment, data, caches.
	@rm -rf $(VENV) .cuelight build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(READY): pyproject.toml requirements/dev.txt requirements/setup.sh
	@PYTHON="$(PYTHON)" bash requirements/setup.sh $(VENV)
	@touch $(READY)

.PHONY: browser
browser:
	@bash requirements/browser.sh $(BROWSER)

.PHONY: wrk
wrk:
	@bash requirements/wrk.sh

.PHONY: promtool
promtool:
	@bash requirements/promtool.sh

.PHONY: networks
networks: $(READY)
	@bash requirements/networks.sh $(VENV)
