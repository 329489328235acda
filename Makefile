# make demo   the main job on a sample plate, from nothing
# make test   all checks and tests, from nothing
# make bench  how fast we are beside others

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests and the picture of the window need a screen; where there is none, a virtual one.
SCREEN := $(if $(DISPLAY)$(WAYLAND_DISPLAY),,$(if $(filter Darwin,$(shell uname -s)),,xvfb-run -a -s "-screen 0 1600x1000x24"))

.PHONY: demo test check setup system bench bench-full clean

demo: setup
	$(BIN)/tmaps demo demo

test: setup check
	$(SCREEN) $(BIN)/pytest -q

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-tmaps

setup: system $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Install it, or say where it is: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

# What a Linux machine without a desktop lacks for drawing a Qt window.
PACKAGES := xvfb xauth libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1 \
	libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
	libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 fonts-dejavu-core

system:
ifneq ($(SCREEN),)
	@if command -v xvfb-run >/dev/null && ldconfig -p | grep -q libEGL.so.1 \
		&& ldconfig -p | grep -q libxkbcommon-x11.so.0 && ldconfig -p | grep -q libxcb-cursor.so.0; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "Installing what drawing without a display needs …"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	else \
		echo "There is no display here, and drawing on a virtual one needs packages that are not installed."; \
		echo "Debian and Ubuntu: sudo apt-get install $(PACKAGES)"; \
		exit 1; \
	fi
endif

bench: setup
	$(BIN)/python benchmarks/run.py

bench-full: setup
	$(BIN)/python benchmarks/run.py --full

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
