# MicroEVSE: every target sets up what it needs. `make help` lists them.

PYTHON ?= python3
BOARD ?= smartevse_v3
TESTDATA ?= ../shared/testdata
ARGS ?=
VENV := build/venv
PY := $(VENV)/bin/python
export TESTDATA
# Whose key signs updates and is trusted by what is built; without one that of this checkout.
export MICROEVSE_KEY := $(KEY)

.DEFAULT_GOAL := help
.PHONY: help lib run test lint firmware release flash deploy size bench bench-power bench-solar \
	bench-bus bench-net migrate restore soak faults timing scenario replay pictures screens openapi page wiring glyphs \
	doctor test-long fuzz power-cuts clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile
	@echo "Variables: BOARD=smartevse_v3|devkit PORT=/dev/... KEY= FULL=1 FILE= OUT= ARGS=\"...\""

$(VENV)/.done: tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo "Python 3.10 or newer is needed (found: $$($(PYTHON) -V 2>&1)); set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt || \
		{ echo "Not installed: this needs PyPI within reach, and Linux on x86-64 or macOS"; exit 1; }
	@touch $@

lib/.done: $(VENV)/.done lib/requirements.txt
	@echo "Installing the device libraries into lib/"
	@$(VENV)/bin/pipkin -q -d lib install --no-mp-org -r lib/requirements.txt
	@touch $@

lib: lib/.done ## install the device libraries into lib/

run: lib/.done ## firmware and simulated world; ARGS="--headless --auto ..."
	@$(PY) tools/twin/run.py $(ARGS)

# A choice of tests (ARGS="-k pilot") cannot cover everything, so only the whole run is held to it;
# tests/whole_run.py says what its four processes do.
test: lint ## lint, then all tests; ARGS="-k pilot" for some
	@$(PY) -m pytest $(if $(ARGS),$(ARGS),-n 4 --cov --cov-report=term-missing:skip-covered)

# The tools only judge then: the documents stay as they are.
test-long: export TEST_LONG := 1
test-long: lib/.done ## 5,000 random closed loops, all faults, cuts, days; ARGS="FIRST_SEED HOW_MANY"
	@$(PY) -m pytest tests/property/test_power_vectors.py tests/system/test_openapi.py \
		tests/long
	@$(PY) tools/power_cases.py $(ARGS)
	@$(PY) tools/fuzz.py
	@$(PY) tools/faults.py
	@$(PY) tools/power_cuts.py
	@$(PY) tools/soak.py --days

lint: lib/.done typings/.done ## ruff, the compiler and pyright
	@$(VENV)/bin/ruff check .
	@$(PY) tools/build.py sim >/dev/null
	@$(VENV)/bin/pyright --pythonpath $(PY)

typings/.done: $(VENV)/.done
	@echo "Installing MicroPython's type stubs"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target typings \
		micropython-esp32-stubs==1.27.0.post1 micropython-stdlib-stubs==1.27.0.post1
	@touch $@

firmware: lib/.done ## one flashable image: build/microevse-BOARD-VERSION.bin
	@$(PY) tools/image.py --board $(BOARD) $(ARGS)

release: lib/.done ## an update for the page, signed: build/microevse-BOARD-VERSION.upd; KEY=pem
	@$(PY) tools/release.py --board $(BOARD) $(ARGS)

flash: lib/.done ## write the image to PORT; keeps settings unless FULL=1
	@$(PY) tools/flash.py flash --board $(BOARD) --port "$(PORT)" $(if $(FULL),--full) $(ARGS)

deploy: lib/.done ## write only the app to PORT, into the slot not in use
	@$(PY) tools/flash.py deploy --board $(BOARD) --port "$(PORT)" $(ARGS)

migrate: lib/.done ## from the original firmware at PORT: back it up, take its settings, flash
	@$(PY) tools/flash.py migrate --board $(BOARD) --port "$(PORT)" --file "$(FILE)" $(ARGS)

restore: lib/.done ## write the backup FILE back to PORT, the original firmware included
	@$(PY) tools/flash.py restore --port "$(PORT)" --file "$(FILE)" $(ARGS)

size: lib/.done ## where flash and memory go
	@$(PY) tools/size.py $(ARGS)

bench: lib/.done ## measure speed, memory and latency into build/bench/
	@$(PY) tools/bench.py $(ARGS)

bench-power: lib/.done ## the regulation in closed loops; ARGS="--quick --only two-cars"
	@$(PY) tools/bench_power.py $(ARGS)

bench-solar: lib/.done ## days of sun in the three styles, beside what foresight would do
	@$(PY) tools/bench_solar.py $(ARGS)

bench-bus: lib/.done ## the bus: cycle and load by chargers and meters; ARGS="--quick --real"
	@$(PY) tools/bench_bus.py $(ARGS)

bench-net: lib/.done ## what the network costs, with and without faults; ARGS="--seconds 5"
	@$(PY) tools/bench_net.py $(ARGS)

soak: lib/.done ## charge in hostile traffic and faults for an hour; ARGS="--minutes 5" or --days
	@$(PY) tools/soak.py $(ARGS)

fuzz: lib/.done ## spoilt input for all that takes any; ARGS="--seconds 60 --only http,log"
	@$(PY) tools/fuzz.py $(ARGS)

faults: lib/.done ## break one thing after the other and two together; ARGS="--only Residual"
	@$(PY) tools/faults.py $(ARGS)

power-cuts: lib/.done ## cut the power at every write of an hour, spoil flash, count its wear; ARGS="--step 20"
	@$(PY) tools/power_cuts.py $(ARGS)

timing: lib/.done ## measure every time limit of the plug into docs/timing.md
	@$(PY) tools/timing.py $(ARGS)

scenario: lib/.done ## closed loop on simulated time: FILE=x.json OUT=r.json, or ARGS=--schema
	@$(PY) tools/scenario.py $(FILE) $(OUT) $(ARGS)

replay: lib/.done ## recorded days through the firmware: FILE=x.csv OUT=r.json
	@$(PY) tools/replay.py $(FILE) $(OUT) $(ARGS)

doctor: ## have a charger examine its bus: URL=http://... ARGS=phases
	@$(PYTHON) tools/doctor.py $(URL) $(ARGS)

glyphs: lib/.done ## compile the panel's fonts and pictures from tools/glyphs
	@$(PY) tools/glyphs.py

pictures: lib/.done ## draw the pictures of docs/regulation.md from real runs
	@$(PY) tools/pictures.py $(ARGS)

wiring: lib/.done ## write docs/wiring.md and its pictures from web/languages/wiring.txt
	@$(PY) tools/wiring.py

page: lib/.done ## take the pictures of docs/page.md from the browser tests
	@$(PY) -m pytest -q tests/browser
	@$(PY) tools/page_pictures.py

openapi: lib/.done ## write web/openapi.json and docs/api.md from tools/api
	@$(PY) tools/openapi.py $(ARGS)

screens: lib/.done ## draw every screen of the panel into docs/screens.md and its goldens
	@$(PY) tools/screens.py $(ARGS)

clean: ## remove what was built or installed; keys/ stays
	@rm -rf build typings .pytest_cache .hypothesis .coverage
	@find lib -mindepth 1 -not -name requirements.txt -delete
