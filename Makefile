# make demo   the main job on a sample plate, from nothing
# make test   all checks and tests, from nothing
# make bench  how fast we are beside others
# make quality DATA=folder   how well the ready pipelines find objects that others outlined

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYSIDE := .venv-pyside6

.PHONY: demo test test-pyside6 test-lowest test-newest check setup bench bench-full quality fuzz monkey clean

demo: setup
	$(BIN)/tmaps demo demo

test: check
	scripts/screen.sh run $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

# The window with the other binding of Qt, in an environment of its own.
test-pyside6: $(PYSIDE)/.ready
	QT_API=pyside6 scripts/screen.sh run $(PYSIDE)/bin/pytest -q -n 2 --dist loadfile -o qt_api=pyside6 tests/gui

$(PYSIDE)/.ready: $(READY)
	@scripts/screen.sh install
	@test -x $(PYSIDE)/bin/pip || $(BIN)/python -m venv $(PYSIDE)
	$(PYSIDE)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,pyside6]'
	$(PYSIDE)/bin/python -m pip uninstall --quiet --yes PyQt6
	@touch $@

# The oldest versions of other packages that are promised to do, and the newest that there are. What
# those warn of is for us to read, no error.
test-lowest test-newest: test-%: .venv-%/.ready
	scripts/screen.sh run .venv-$*/bin/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -W default

.venv-lowest/.ready: $(READY)
	@$(BIN)/python scripts/lowest.py > .venv-lowest.txt
	@test -x .venv-lowest/bin/pip || $(BIN)/python -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest.txt --editable '.[dev]'
	@touch $@

.venv-newest/.ready: $(READY)
	@test -x .venv-newest/bin/pip || $(BIN)/python -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'
	@touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-tmaps

bench: setup
	$(BIN)/python benchmarks/run.py

bench-full: setup
	$(BIN)/python benchmarks/run.py --full

quality: setup
	@test -d "$(DATA)" || { echo "Say where the images are: make quality DATA=/path/to/data"; exit 1; }
	$(BIN)/python benchmarks/quality.py "$(DATA)"

setup: $(READY)
	@scripts/screen.sh install

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Install it, or say where it is: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
		$(PYTHON) -m pip install --quiet --user virtualenv && $(PYTHON) -m virtualenv --quiet $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

# SECONDS of damaged files for the reader of each microscope; SEED changes which.
fuzz: setup
	$(BIN)/python -m tests.vendors.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

# MINUTES of random but legal actions in the real window, with faults in between; SEED changes which.
monkey: setup
	scripts/screen.sh run $(BIN)/python scripts/monkey.py --minutes $(or $(MINUTES),15) --seed $(or $(SEED),1)

clean:
	rm -rf $(VENV) $(PYSIDE) .venv-lowest* .venv-newest demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
