# Everything that a newcomer types. Each target does all of its own set-up, once, into .tools/ and .venv/ of this folder.
# Needs only Python 3.11 or later with pip, make and git.  PYTHON=/path/to/python3 names another one than the first on PATH.
# Kept to what make 3.81 understands, which is the one that macOS has.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
BIN := .venv/bin
# More words for pytest: make test ARGS="tests/rules -n0"
ARGS ?=

export PYTHON
# The Python that was asked for, whatever .python-version prefers; never one fetched from somewhere.
export UV_PYTHON := $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null)
export UV_PYTHON_DOWNLOADS = never
export UV_PROJECT_ENVIRONMENT = .venv
unexport VIRTUAL_ENV
# Certificates that this machine's owner trusts (a company's proxy, say) are trusted here too, as pip does.
CERTIFICATES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
ifneq ($(CERTIFICATES),)
export UV_SYSTEM_CERTS := true
export NODE_EXTRA_CA_CERTS ?= $(CERTIFICATES)
endif

# What the installed product is made of, beside the sources, which are used in place.
PARTS := pyproject.toml uv.lock sdk/pyproject.toml hatch_build.py $(wildcard frontend/*.* frontend/*/*.*)

.DEFAULT_GOAL := help
.PHONY: help run test test-long mutants screenshots check bench clean

help:
	@echo "make run     the whole product on this machine, with a demo workspace (PORT=8700, REPLENISH_HOME=.replenish)"
	@echo "make test    all tests, on a real PostgreSQL (ARGS=... goes to pytest)"
	@echo "make test-long   races, kills and the random walk for minutes rather than seconds"
	@echo "make mutants   small errors put into the pure rules, and whether tests/rules notices each"
	@echo "make screenshots   each page as the browser tests see it, into screenshots/"
	@echo "make check   format, lint, types, imports"
	@echo "make bench   our speed beside the raw limits, as ratios of one run (ARGS=\"--seconds 2 --callers 32\"; ARGS=--growth: with events stored)"
	@echo "make clean   remove what the others installed; the data in .replenish stays"

run: .venv/installed-run
	@exec $(BIN)/replenish dev

test: .venv/installed-dev
	@echo "--> tests"
	@$(BIN)/pytest -n auto $(ARGS)

# The proofs that need minutes rather than seconds, whole: races, kills and the random walk.
test-long: .venv/installed-dev
	@REPLENISH_TEST_LONG=1 $(BIN)/pytest tests/concurrency tests/crash tests/ledger -n auto $(ARGS)

# From nothing each time: what mutmut remembers, it does not try again when only a test has changed.
mutants: .venv/installed-dev
	@rm -rf mutants
	@$(BIN)/mutmut run $(ARGS)
	@echo "--> survivors; docs/mutants.md says of each why"
	@$(BIN)/mutmut results

screenshots: .venv/installed-dev
	@mkdir -p screenshots
	@REPLENISH_TEST_PICTURES=screenshots $(BIN)/pytest tests/browser -n auto $(ARGS)
	@echo "--> screenshots/"

check: .venv/installed-dev
	@echo "--> format"
	@$(BIN)/ruff format --check
	@echo "--> lint"
	@$(BIN)/ruff check
	@echo "--> types"
	@$(BIN)/basedpyright
	@echo "--> imports"
	@$(BIN)/lint-imports --no-logo

clean:
	rm -rf .venv .tools mutants

$(UV): scripts/get-uv Makefile
	@sh scripts/get-uv $(UV_VERSION)
	@touch $@

# What runs, with what the examples import, without the tools of development; what is there already stays.
.venv/installed-run: $(UV) $(PARTS)
	@echo "--> Replenish and what it needs, into .venv/"
	@$(UV) sync --frozen --no-dev --group examples --inexact
	@touch $@

.venv/installed-dev: $(UV) $(PARTS)
	@echo "--> Replenish, what it needs and the tools of development, into .venv/"
	@$(UV) sync --frozen
	@touch $@ .venv/installed-run

bench: .venv/installed-dev
	@$(BIN)/python -m bench $(ARGS)
