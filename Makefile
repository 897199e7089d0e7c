# make run     set up once, then listen:  make run ARGS="--wav x.wav --json"  passes options on
# make test    set up, then style, types, and the whole suite
# make lint    style and types alone
# make proofs  what is too slow for every test run: the paper's mechanism, CMU-MOSEI's files, ten minutes in steps, an hour of noise
# make bench   latency, processor and memory of the whole program, measured for a minute and a half
# make device  the graphics card held against the processor: how far answers are apart, windows per second
# Set-up is done again only when constraints.txt, pyproject.toml or tools/set-up changed.

ARGS ?=
PYTHON ?= python3
BIN := .venv/bin

# Without a source of their own, ARGS listen to the microphone; where there is none, the bundled recording plays.
OPTIONS_ONLY := $(if $(ARGS),$(filter -%,$(firstword $(ARGS))),yes)
NAMES_SOURCE := $(filter --mic --mic=% --wav --wav=% --stdin --stdin=% --help -h --version --check-config,$(ARGS))
SOURCE := $(if $(OPTIONS_ONLY),$(if $(NAMES_SOURCE),,--mic default --demo-if-no-mic))

.PHONY: help run test lint proofs bench device clean
help:
	@sed -n '1,7s/^# //p' Makefile

run: .venv/.ready-run
	@$(BIN)/emostream $(SOURCE) $(ARGS)

test: .venv/.ready-test lint
	@$(BIN)/python -m pytest -q $(ARGS)

lint: .venv/.ready-test
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@echo "lint: ruff and mypy find nothing"

proofs: .venv/.ready-test
	@$(BIN)/python -m pytest -q -s tests/proofs/prove_*.py $(ARGS)
	@$(BIN)/python tools/prove_cached.py --minutes 10
	@$(BIN)/python tools/measure_alarms.py

bench: .venv/.ready-test
	@$(BIN)/python tools/measure_latency.py $(ARGS)

device: .venv/.ready-test
	@$(BIN)/python tools/measure_device.py $(ARGS)

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.ready-%: constraints.txt pyproject.toml tools/set-up
	@PYTHON=$(PYTHON) tools/set-up $*
