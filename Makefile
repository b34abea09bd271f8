# `make run` brings a node up with sample pods, `make stop` takes it away, `make test` runs all tests.

PYTHON ?= python3
NODE ?= /var/lib/nodeagent-run
VENV := .venv
PY := $(VENV)/bin/python
STEP := tools/step.sh

RUN_PACKAGES := python3 python3-venv containerd runc containernetworking-plugins iptables \
	iproute2 mount busybox-static
TEST_PACKAGES := $(RUN_PACKAGES) docker-registry patchelf debian-archive-keyring systemd prometheus git e2fsprogs

.PHONY: run stop test check protos e2e bench soak clean packages test-packages wheel deb deb-test

run: packages $(VENV)/.installed
	@$(PY) -m tools.samples up --root $(NODE)

stop: packages $(VENV)/.installed
	@$(PY) -m tools.samples down --root $(NODE)

test: test-packages $(VENV)/.installed-dev
	@$(PY) -m pytest

e2e: test-packages $(VENV)/.installed-dev
	@$(PY) -m pytest tests/e2e

check: $(VENV)/.installed-dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) protos/generate.py --check
	@$(PY) -m tools.errors_page --check
	@$(PY) -m tools.fields_page --check
	@$(PY) -m tools.commands_page --check
	@$(PY) -m tools.service_files --check

protos: $(VENV)/.installed-dev
	@$(PY) protos/generate.py

bench: packages $(VENV)/.installed-dev
	@$(PY) -m tests.bench

# Ten thousand pods come and go (hours); SOAK="--pods 500" makes it shorter.
soak: packages $(VENV)/.installed-dev
	@$(PY) -m tests.soak $(SOAK)

wheel: $(VENV)/.installed
	@$(STEP) "Building the wheel" $(PY) -m pip wheel -q --no-deps -w dist .

deb: $(VENV)/.installed
	@tools/packages.sh dpkg-dev
	@$(STEP) "Building the Debian package" $(PY) -m tools.deb --out dist

# Lintian, and real installs and removals: of the package in a new Debian root, of the wheel.
deb-test: $(VENV)/.installed-dev
	@tools/packages.sh dpkg-dev lintian debootstrap python3-venv pipx
	@NODEAGENT_PACKAGE_TESTS=1 $(PY) -m pytest tests/packages

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

packages:
	@tools/packages.sh $(RUN_PACKAGES)

test-packages:
	@tools/packages.sh $(TEST_PACKAGES)

$(PY):
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| tools/packages.sh python3 python3-venv
	@$(STEP) "Making $(VENV)" $(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(PY)
	@$(STEP) "Installing nodeagent into $(VENV)" $(PY) -m pip install -q -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(PY)
	@$(STEP) "Installing nodeagent and its test tools into $(VENV)" $(PY) -m pip install -q -e '.[dev]'
	@touch $@ $(VENV)/.installed
