# Tabento's commands. `make` alone prints them. Everything runs in .venv, which the targets set up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv

# Which model (configs/$(MODEL).yaml), on which data (a CSV file; empty: download, else synthetic), at which port.
MODEL ?= california
CONFIG ?= configs/$(MODEL).yaml
DATA ?=
STEPS ?= all
PORT ?= 3000
HOST ?= 127.0.0.1
# Optional packages that `make setup` installs as well: EXTRAS=lightgbm or EXTRAS=lightgbm,xgboost.
EXTRAS ?=
KNOWN_EXTRAS := lightgbm xgboost catboost imbalanced-learn feature-engine category-encoders dvc tracing
COMMA := ,
# How long a siege takes.
MINUTES ?= 30

# No library reports its use, see docs/privacy.md.
export BENTOML_DO_NOT_TRACK ?= True
export MLFLOW_DISABLE_TELEMETRY ?= true
export ORT_DISABLE_TELEMETRY ?= 1
export PYTHONHASHSEED ?= 0
# Bytecode is kept, whatever the environment says: without it every command compiles again what it imports, 5 s for training.
# It is made where it is first needed: compiling all that is installed (uv pip install --compile-bytecode) takes 20 s.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup setup-dev init data train import serve test test-real test-others lint format lock bento image bench bench-full siege zoo judge league export-cost old-versions figures footprint first-steps clean

help: ## print the targets
	@echo "make TARGET [MODEL=$(MODEL)] [DATA=file.csv] [PORT=$(PORT)]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tabento needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(BIN)/python: $(UV)
	@$(UV) venv --quiet --allow-existing --python $$($(VENV)/uv/bin/python -c 'import sys; print(sys._base_executable)') $(VENV)
	@touch $@

$(VENV)/.training: $(BIN)/python requirements/training.txt
	@echo "Installing what training and serving need (requirements/training.txt); about 20 s and 1 GB ..."
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r requirements/training.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python requirements/dev.txt
	@echo "Installing what development needs (requirements/dev.txt) ..."
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@ $(VENV)/.training

$(VENV)/.others: $(VENV)/.dev requirements/others.txt
	@echo "Installing the optional libraries that development can do without (requirements/others.txt); about 320 MB ..."
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r requirements/others.txt
	@touch $@

# The versions and checksums are those of development's locks.
$(VENV)/.extra-%: $(VENV)/.training requirements/dev.txt requirements/others.txt
	@[[ " $(KNOWN_EXTRAS) " == *" $* "* ]] || { echo "EXTRAS=$*: there is no such group. Expected one of: $(KNOWN_EXTRAS)." >&2; exit 1; }
	@echo "Installing $* ..."
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --group $* --constraint requirements/dev.txt --constraint requirements/others.txt
	@touch $@

setup: $(VENV)/.training $(patsubst %,$(VENV)/.extra-%,$(subst $(COMMA), ,$(EXTRAS))) ## install what training and serving need into .venv [EXTRAS=lightgbm,xgboost]
setup-dev: $(VENV)/.dev ## install what development needs as well

lock: $(UV) ## resolve all dependency groups anew and lock them with hashes
	@$(UV) pip compile pyproject.toml --group dev --group bench --group tracing --group others --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --quiet -o requirements/all.txt
	@$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -c requirements/all.txt -o requirements/serving.txt
	@for group in training tracing dev bench others; do \
	  $(UV) pip compile pyproject.toml --group $$group --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -c requirements/all.txt -o requirements/$$group.txt; done
	@echo uv | $(UV) pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements/uv.txt
	@rm requirements/all.txt

# The target column of a table of your own, for init and serve, and the name of the model made of it. Never from the
# environment, where other programs have variables of these names.
TARGET :=
NAME :=
INIT = $(BIN)/python -m training init "$(DATA)" --target "$(TARGET)" $(if $(NAME),--name "$(NAME)") $(ARGS)

init: $(VENV)/.training ## write a config for a table of your own: DATA=mine.csv TARGET=column [NAME=model] [ARGS=--force]
	@[[ -n "$(DATA)" && -n "$(TARGET)" ]] || { echo 'say which: make init DATA=mine.csv TARGET=column, see docs/first-steps.md' >&2; exit 1; }
	@$(INIT)

data: $(VENV)/.training ## fetch and validate the data of MODEL, or of DATA=file.csv
	@$(BIN)/python -m training data --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

train: $(VENV)/.training ## train MODEL, export, prove, gate and store it
	@$(BIN)/python -m training train --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

stages: $(VENV)/.training ## train MODEL by stages, studies and sweep included; only what changed is redone [STEPS=from:sweep]
	@$(BIN)/python -m training train --config $(CONFIG) --steps $(STEPS) $(if $(DATA),--data "$(DATA)")

study: $(VENV)/.training ## write the report on the data of MODEL (artifacts/MODEL/study/report.html)
	@$(BIN)/python -m training train --config $(CONFIG) --steps config,data,validate,study $(if $(DATA),--data "$(DATA)")

repro: $(VENV)/.dev ## the same stages by DVC, for all systems, or for MODEL=name with its DATA=file.csv
	@export PATH="$(abspath $(BIN)):$$PATH"; \
	  $(if $(DATA),export TABENTO_TRAINING_DATA="$(DATA)"; dvc repro config@$(MODEL); dvc repro --force --single-item data@$(MODEL);) \
	  dvc repro $(if $(or $(DATA),$(filter command environment,$(firstword $(origin MODEL)))),register@$(MODEL))

evaluate: $(VENV)/.training ## measure MODEL's procedure by repeated cross-validation over all rows
	@$(BIN)/python -m training evaluate --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

retrain: $(VENV)/.training ## look for drift, train MODEL on new data and make a challenger
	@$(BIN)/python -m training retrain --config $(CONFIG) $(if $(DATA),--data "$(DATA)") $(ARGS)

import: $(VENV)/.training ## export, prove and store a fitted pipeline: PIPELINE=file SAMPLE=rows.csv CONFIG=new.yaml [ARGS=...]
	@[[ -n "$(PIPELINE)" && -n "$(SAMPLE)" && "$(origin CONFIG)" != file ]] || \
	  { echo 'say which: make import PIPELINE=model.skops SAMPLE=rows.csv CONFIG=new.yaml [ARGS="--target NAME"], see docs/import.md' >&2; exit 1; }
	@$(BIN)/python -m training import --pipeline "$(PIPELINE)" --sample "$(SAMPLE)" --config "$(CONFIG)" $(ARGS)

serve: $(VENV)/.training ## serve MODEL at PORT, or a model of your own: DATA=mine.csv TARGET=column; trains it first where that has not been done
	@config="$(CONFIG)"; data="$(DATA)"; \
	  if [[ -n "$(TARGET)" ]]; then [[ -n "$(DATA)" ]] || { echo 'TARGET goes with DATA=file: make serve DATA=mine.csv TARGET=column' >&2; exit 1; }; \
	    paths=$$($(INIT) --print-paths); { read -r config; read -r data; } <<< "$$paths"; fi; \
	  exec $(BIN)/python -m training serve --config "$$config" $${data:+--data "$$data"} --host $(HOST) --port $(PORT)

test: $(VENV)/.dev ## run the tests with coverage
	@$(BIN)/python -m pytest --cov --cov-report=term

test-real: $(VENV)/.dev ## run the tests against real proxies and clients: nginx-light, haproxy, curl and default-jdk-headless of Debian
	@$(BIN)/python -m pytest -m real_parts

test-others: $(VENV)/.others ## run the tests of optional libraries that `make setup-dev` leaves out: CatBoost
	@$(BIN)/python -m pytest -m others

lint: $(VENV)/.dev ## check style, types and who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the code in the house style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bento: $(VENV)/.training ## build a Bento, tabento-MODEL, that holds the latest bundle of MODEL
	@$(BIN)/python -m training bento $(MODEL)

image: bento ## build an OCI image of the latest Bento [ENGINE=buildah] [BASE=debootstrap] [PROVE=1]
	@$(BIN)/python -m deploy.image --bento tabento-$(MODEL) $(if $(ENGINE),--engine $(ENGINE)) $(if $(BASE),--base $(BASE)) $(if $(PROVE),--prove)

bench: $(VENV)/.training ## measure, in minutes, which rate is held within the promise; limits and a hand-written peer beside it
	@$(BIN)/python -m benchmarks.peers.install tabento fastapi
	@$(BIN)/python -m benchmarks.run --models california --servers tabento constant fastapi_ort $(if $(DATA),--data "$(DATA)")
	@$(BIN)/python -m benchmarks.side_by_side --models california
	@$(BIN)/python -m benchmarks.limits --results benchmarks/results/california.json

bench-full: $(VENV)/.training ## the whole comparison: all peers, three models, long runs, a soak; hours
	@$(BIN)/python -m benchmarks.peers.install
	@$(BIN)/python -m benchmarks.run --full $(if $(DATA),--data "$(DATA)")
	@$(BIN)/python -m benchmarks.side_by_side
	@$(BIN)/python -m benchmarks.limits --results benchmarks/results/california.json
	@$(BIN)/python -m benchmarks.policy_run
	@$(BIN)/python -m benchmarks.calibrate

siege: $(VENV)/.training ## attack one real service with hostile clients of every kind, beside good ones, for MINUTES [ARGS="--kinds a,b --json file.json"]
	@$(BIN)/python -m benchmarks.siege --minutes $(MINUTES) $(ARGS)

first-steps: $(VENV)/.training ## measure commands, edits and seconds from a table to its first prediction, for six tables
	@$(BIN)/python -m benchmarks.first_steps --document docs/first-steps.md

zoo: $(VENV)/.training ## export a zoo of pipelines exactly and naively, and compare both with scikit-learn
	@$(BIN)/python -m benchmarks.zoo $(if $(DATA),--data "$(DATA)")

league: $(VENV)/.training ## put the zoo through other converters too, each in an environment of its own, and compare [ARGS="--every 10"]
	@$(BIN)/python -m benchmarks.league $(or $(ARGS),--docs)

export-cost: $(VENV)/.training ## measure what export and proof of large models cost in time and memory
	@$(BIN)/python -m benchmarks.export_cost

judge: $(VENV)/.dev ## judge exported graphs from outside: the zoo and pipelines of notebooks against scikit-learn [ARGS="--only titanic --json file.json"]
	@$(BIN)/python -m benchmarks.judge --jobs 2 $(if $(ARGS),$(ARGS),--docs docs/judge.md)

old-versions: $(VENV)/.training ## fit pipelines with scikit-learn 1.3 to 1.8 and import each [ARGS="--versions 1.5.2 --json file.json"]
	@$(BIN)/python -m benchmarks.old_versions $(ARGS)

figures: $(VENV)/.training ## measure what the documents quote, on real data: DATA_FOLDER=folder with the four files (default: downloads)
	@$(BIN)/python -m benchmarks.figures $(if $(DATA_FOLDER),--data-folder "$(DATA_FOLDER)")

footprint: $(VENV)/.training ## measure start-up, memory and size of what is served
	@$(BIN)/python -m benchmarks.footprint --model $(MODEL)

# What people decided, waited for or downloaded stays: registry, artifacts (decisions of studies and sweeps), runs, data.
clean: ## remove what installing and testing made: .venv, caches (registry, artifacts, runs, data and the model store stay)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@for folder in registry artifacts runs data; do if [[ -d $$folder ]]; then du -sh $$folder | awk '{print "kept: " $$2 " (" $$1 ")"}'; fi; done
