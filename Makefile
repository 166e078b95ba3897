# make audit   audits this machine and leaves dengbao-evidence.zip
# make test    installs what tests need and runs them all
# make bench   compares with other tools, as ratios in one run
# make messages compiles the translations after an edit of a .po file
# make clean   removes what these made, except audits and packs

PROFILE ?= gbt22239-l3
STORE ?= dengbao-store
PACK ?= dengbao-evidence.zip
PYTEST ?= .venv/bin/pytest

SHELL := /bin/sh
BIN := .venv/bin
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Programs that tests start, each with the Debian package that brings it.
TOOLS := sshd:openssh-server ssh-keygen:openssh-client ssh-agent:openssh-client nmap:nmap \
	sudo:sudo visudo:sudo openssl:openssl busybox:busybox useradd:passwd sha256sum:coreutils

.NOTPARALLEL:
.PHONY: help audit test bench messages clean check tools

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

audit: .venv/.audit messages
	@touch .venv/.started
	@code=0; $(BIN)/dengbao run $(PROFILE) --store $(STORE) -o $(PACK) || code=$$?; \
	if [ $$code -gt 3 ]; then exit $$code; fi; \
	if [ ! $(PACK) -nt .venv/.started ]; then \
		echo "make audit: the audit ended with $$code and left no pack" >&2; exit 70; \
	fi

test: .venv/.dev messages tools check
	@$(PYTEST)

check: .venv/.dev
	@echo "ruff, mypy, import-linter"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.bench messages tools
	@$(BIN)/python -m benchmarks

# The build makes them too; this is for a tree that is already installed.
messages: | .venv/bin/pip
	@$(BIN)/python -c 'import polib, hatchling' 2>/dev/null || \
		$(BIN)/pip install -qq 'hatchling>=1.26' 'polib>=1.2'
	@$(BIN)/python hatch_build.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find audit plugins evidence profiles tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	find audit plugins evidence profiles -name '*.mo' -delete

# The newest Python that can make an environment; an error in one line where there is none.
.venv/bin/pip:
	@found=; bare=; \
	for python in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
		bare=$${bare:-$$python}; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
		version=$$("$$bare" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "make: $$bare cannot make an environment: apt install python$$version-venv" >&2; exit 1; \
	fi; \
	if [ -z "$$found" ]; then \
		echo "make: Python 3.11 or newer is needed: apt install python3 python3-venv" >&2; exit 1; \
	fi; \
	echo "Making .venv with $$("$$found" --version)"; \
	"$$found" -m venv --clear .venv

# Editable: what is changed in a source file holds at once; only pyproject.toml calls for pip.
.venv/.audit: EXTRAS := ssh,net
.venv/.dev: EXTRAS := dev
.venv/.bench: EXTRAS := bench
.venv/.audit .venv/.dev .venv/.bench: pyproject.toml | .venv/bin/pip
	@echo "Installing dengbao[$(EXTRAS)] into .venv; this takes as long as the downloads do"
	@$(BIN)/pip install -qq --editable '.[$(EXTRAS)]'
	@touch $@

tools:
	@missing=; \
	for tool in $(TOOLS); do \
		command -v "$${tool%%:*}" >/dev/null || missing="$$missing $${tool#*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$CI" = true ] && [ "$$(id -u)" = 0 ]; then \
		echo "Installing$$missing"; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
			apt-get -qq install --yes --no-install-recommends $$missing >/dev/null; \
	else \
		echo "Not installed, so their tests are skipped:$$missing (as root: apt install$$missing)"; \
	fi
