# Everything here works on a fresh Debian or Ubuntu that has Python 3.11 or later and make.
#   make run     set up, then show the whole system on this machine (Ctrl-C stops it)
#   make test    set up, fetch a browser and fonts if there are none, then check everything
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120
BENCHES := delay hops lips fanout join healing ingest report
FUZZED := $(addprefix tests/broadcast/test_,rtp.py rtcp.py sdp.py ice.py codecs.py receive.py dtls.py)
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11

.PHONY: help setup run demo test check format bench fuzz faults clean browser

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make .venv with everything in it (quick when nothing changed)

$(READY): requirements.lock pyproject.toml
	@python=; for candidate in $(PYTHONS); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	[ -n "$$python" ] || { echo "Tongtang needs Python 3.11 or later, and there is none on the PATH." >&2; exit 2; }; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "Installing python$$version-venv, without which Python cannot make a virtual environment." >&2; \
	  { $(APT) update && $(APT) install -y "python$$version-venv"; } >&2 || { \
	    echo "Please install the package python$$version-venv (as root) and try again." >&2; exit 2; }; \
	fi; \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  "$$python" -m venv --clear .venv; \
	fi
	@echo "Installing what Tongtang needs into .venv (once; this takes a minute or two)." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e . >&2
	@touch $(READY)

run: demo ## show it: five nodes from province to village, a lecture on air, sign-ins printed

demo: setup
	@exec $(BIN)/tongtang demo $(ARGS)

test: setup browser check ## everything that CI runs: set-up, a browser, then `make check`

check: setup ## format, lint, types, architecture and all tests
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2

format: setup ## put the code into its one form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Chromium and Chinese fonts, for the tests that look at pages. Where the distribution's own Chromium is a snap (Ubuntu)
# and cannot run, Playwright brings one.
browser: setup
	@missing=; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	[ -n "$$(fc-list ':lang=zh-cn' 2>/dev/null | head -n 1)" ] || missing="$$missing fonts-noto-cjk fontconfig"; \
	if [ -n "$$missing" ]; then \
	  echo "Installing for the tests:$$missing" >&2; \
	  { $(APT) update && $(APT) install -y --no-install-recommends $$missing; } >&2 || { \
	    echo "Please install these packages (as root) and try again:$$missing" >&2; exit 2; }; \
	fi; \
	if ! { chromium --version || google-chrome --version; } >/dev/null 2>&1; then \
	  $(BIN)/playwright install --with-deps chromium >&2; \
	fi

bench: setup ## benchmarks; each prints JSON
	@for name in $(BENCHES); do $(BIN)/python -m bench.$$name --json; done

fuzz: setup ## the parsers of bytes from strangers, for some minutes
	$(BIN)/pytest -q --hypothesis-profile=fuzz --timeout=1800 $(FUZZED)

faults: setup ## kill -9, lost replies, full disks, wrong clocks … at full length, with a table at the end
	$(BIN)/pytest -q tests/faults --faults=long

clean: ## remove .venv and everything that tools leave behind
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
