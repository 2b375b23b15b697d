# Three commands: `make demo` runs it, `make test` tests it, `make check` reads it; `make reaper` puts it into REAPER,
# `make resolve` into DaVinci Resolve, `make ardour` into Ardour.
# Needs python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := bridge engine resolve_scripts tests docs

# What `make test` installs beside the base. torch is large where pip finds builds for GPUs alone: `make test EXTRAS=test`
# does without, and the tests of neural models are skipped; PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
# has builds for the CPU.
EXTRAS ?= test,neural

LUA := $(wildcard reaper_scripts ardour_scripts)
# Whoever gives REAPACK_BASE knows where the scripts will be fetched from.
REAPACK_BASE ?=

.PHONY: demo reaper resolve ardour test e2e check luacheck format bench readme clean

demo: $(VENV)/.base  ## make demo, or make demo CLIP=shot.mp4 PROMPT="boots on gravel"
	$(BIN)/footfall demo $(if $(CLIP),"$(CLIP)") $(if $(PROMPT),--prompt "$(PROMPT)")

reaper: $(VENV)/.base  ## make reaper, or make reaper ARGS=--at-startup
	$(BIN)/footfall install reaper $(ARGS)

resolve: $(VENV)/.base  ## puts Footfall's scripts into DaVinci Resolve's menu, or make resolve ARGS=--all-users
	$(BIN)/footfall install resolve $(ARGS)

ardour: $(VENV)/.base  ## puts Footfall's scripts where Ardour finds them
	$(BIN)/footfall install ardour $(ARGS)

test: $(VENV)/.test  ## make test, or make test ARGS="tests/engine -k cli"
	$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),tests/all.sh $(BIN)/python)

e2e: $(VENV)/.test  ## the scripts in real editors (Ardour on a screen that is not there, MLT); skipped where they cannot be had
	tests/e2e/prepare.sh
	$(BIN)/python -m pytest tests/e2e -m e2e $(ARGS)

check: $(VENV)/.test luacheck
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python docs/make_reapack.py --check

luacheck:
	@if command -v luacheck >/dev/null; then luacheck --quiet $(LUA); \
	  else echo "luacheck is not installed, so the Lua scripts were not read (Debian, Ubuntu: apt install lua-check;" \
	    "elsewhere: luarocks install luacheck)"; fi

format: $(VENV)/.test
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.bench  ## make bench, or make bench ARGS=--quick
	mkdir -p bench-out
	$(BIN)/footfall bench --json bench-out/bench.json $(ARGS)
	$(BIN)/python -m tests.bench_hosts --json bench-out/hosts.json

readme: $(VENV)/.test  ## fills the README's tables from the code, docs/bench.json and docs/hosts.json, and ReaPack's index from the scripts
	$(BIN)/python docs/fill_readme.py
	$(BIN)/python docs/make_reapack.py $(if $(REAPACK_BASE),--base "$(REAPACK_BASE)")

clean:
	rm -rf $(VENV) build demo-out bench-out .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Footfall needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment here (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(PIP) install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

# The listening rows want the `ear` extra; without it they are reported as skipped, and the rest is measured.
$(VENV)/.bench: $(VENV)/.test
	$(PIP) install --quiet -c constraints.txt -e '.[$(EXTRAS),ear]' || echo "the 'ear' extra cannot be installed here: its rows will be skipped"
	@touch $@
