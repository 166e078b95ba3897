# make audit        audits this machine and leaves dengbao-evidence.zip
# make test         installs what tests need and runs them all
# make test-all     the same, with every crash point where test takes a fixed sample
# make test-latest  runs them with the newest releases of everything, in an environment of its own
# make bench        compares with other tools, as ratios in one run
# make golden       writes the expected verdicts of the recorded host anew
# make recordings   adds to the recorded host what BUNDLE=… holds of TARGET=… (for FACT=… only)
# make docs         writes the generated pages and schemas of docs/ anew
# make messages     brings the .po files in line with the source and compiles them
# make lock         writes requirements/ anew, with the newest releases that pyproject.toml allows
# make clean        removes what these made, except audits and packs
#
# What they install is fixed by requirements/, with hashes; but for test-latest and lock.

PROFILE ?= gbt22239-l3
STORE ?= dengbao-store
PACK ?= dengbao-evidence.zip
PYTEST ?= .venv/bin/pytest

SHELL := /bin/sh
BIN := .venv/bin
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start hundreds of interpreters; without bytecode each compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
# Each worker of a fresh clone would rewrite the assertions of all tests, 11 s of CPU each. It is done
# once instead, on the processor that mypy leaves idle.
CHECK_AND_REWRITE = $(PYTEST) -q --collect-only >/dev/null 2>&1 & \
	$(MAKE) check || { kill $$!; exit 1; }; wait
LOCKED := $(BIN)/pip install -qq --require-hashes --no-build-isolation
COMPILE := .venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --annotation-style line --custom-compile-command 'make lock'

# Programs that tests start, each with the Debian package that brings it.
TOOLS := sshd:openssh-server ssh-keygen:openssh-client ssh-agent:openssh-client nmap:nmap \
	sudo:sudo visudo:sudo openssl:openssl busybox:busybox useradd:passwd sha256sum:coreutils \
	pg_ctlcluster:postgresql pwscore:libpwquality-tools nginx:nginx-light gnutls-serv:gnutls-bin \
	haproxy:haproxy stunnel4:stunnel4 nft:nftables iptables:iptables ip:iproute2 \
	mkfs.btrfs:btrfs-progs redis-server:redis-server rsyslogd:rsyslog logrotate:logrotate rsync:rsync mariadbd:mariadb-server

.NOTPARALLEL:
.PHONY: help audit test test-all test-latest bench golden recordings docs messages lock clean check tools

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

audit: .venv/.audit messages
	@touch .venv/.started
	@code=0; $(BIN)/dengbao run $(PROFILE) --store $(STORE) -o $(PACK) || code=$$?; \
	if [ $$code -ne 0 ] && [ $$code -ne 4 ]; then exit $$code; fi; \
	if [ ! $(PACK) -nt .venv/.started ]; then \
		echo "make audit: the audit ended with $$code and left no pack" >&2; exit 70; \
	fi

# Worksteal keeps most files in one worker, so that fixtures of a module are made once. Live tests
# wait for servers most of their time: six workers keep two processors busy.
test: .venv/.dev messages tools
	@$(CHECK_AND_REWRITE); $(PYTEST) -n 6 --dist worksteal

test-all: .venv/.dev messages tools
	@$(CHECK_AND_REWRITE); $(PYTEST) -n 6 --dist worksteal --all

test-latest: .venv-latest/bin/pip tools
	@echo "Installing the newest releases into .venv-latest"
	@.venv-latest/bin/pip install -qq --upgrade --upgrade-strategy eager --editable '.[dev]'
	@.venv-latest/bin/pytest -n 6 --dist worksteal

check: .venv/.dev
	@echo "ruff, mypy, import-linter"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.dev messages tools
	@$(BIN)/python -m benchmarks

# The build installs them too; this is for a tree that is already installed.
messages: .venv/.build
	@$(BIN)/python hatch_build.py

# dev holds all that the other two hold, so that they agree on every release.
lock: .venv-lock/bin/pip
	@.venv-lock/bin/pip install -qq --upgrade uv
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements/dev.txt
	@$(COMPILE) pyproject.toml --extra ssh --extra net --constraints requirements/dev.txt \
		--output-file requirements/audit.txt
	@.venv-lock/bin/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n"); \
		print("editables", "setuptools", sep="\n")' | \
		$(COMPILE) - --constraints requirements/dev.txt --output-file requirements/build.txt

golden: .venv/.dev messages
	@UPDATE_GOLDEN=1 $(PYTEST) -q tests/golden

recordings: .venv/.dev messages
	@PYTHONPATH=tests $(BIN)/python -m golden.record "$(BUNDLE)" "$(TARGET)" "$(FACT)"

docs: .venv/.dev messages
	@$(BIN)/python docs/coverage.py
	@$(BIN)/python docs/checks.py
	@$(BIN)/python -m audit_core.views.schemas docs/schemas

clean:
	rm -rf .venv .venv-latest .venv-lock build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find audit plugins evidence profiles tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	find audit plugins evidence profiles -name '*.mo' -delete

# The newest Python that can make an environment; an error in one line where there is none.
.venv/bin/pip .venv-latest/bin/pip .venv-lock/bin/pip:
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
	echo "Making $(@:/bin/pip=) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(@:/bin/pip=)

# What builds dengbao and python-nmap, which comes as source only: pip shall fetch no other for it.
.venv/.build: requirements/build.txt | .venv/bin/pip
	@$(LOCKED) -r requirements/build.txt
	@touch $@

# Editable: what is changed in a source file holds at once; only these files call for pip.
.venv/.audit .venv/.dev: .venv/.%: requirements/%.txt .venv/.build pyproject.toml hatch_build.py
	@echo "Installing dengbao and requirements/$*.txt into .venv; this takes as long as the downloads do"
	@$(LOCKED) -r requirements/$*.txt
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
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
