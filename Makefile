# Each target can be run again at any time. VENV=path uses another environment.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DEMO_STUDY ?= demo
DEMO_ROOT ?= experiments
DEMO_ARGS ?=

.PHONY: help demo test test-second test-weekly lint lowest pythons zoo parallel gallery tasks docs clean

help:
	@echo "make demo        rnn, lstm and gru on Bach chorales, 5 seeds each, compared, with a figure"
	@echo "make test        the first stage of the tests, of every package"
	@echo "make test-second the second stage: processes, pages, a browser, slow cases"
	@echo "make test-weekly every case of every test"
	@echo "make lint        style, types and the order of imports"
	@echo "make lowest      the quick tests with the lowest versions that pyproject.toml allows"
	@echo "make pythons     the quick tests with each Python from 3.11 on that is installed"
	@echo "make zoo         write the table of the cells, docs/zoo.md, and drawings"
	@echo "make parallel    write the table of parallel forms, docs/parallel.md"
	@echo "make gallery     draw the pictures of the gallery into build/gallery"
	@echo "make tasks       write the table of the tasks, docs/tasks.md"
	@echo "make docs        the documentation as a site, build/site/index.html"
	@echo "make clean       remove the environment and what tools have cached"

# setuptools warns of every editable install, which is what a working copy wants.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --quiet --disable-pip-version-check

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	touch $@

# What the tests need; CI adds the libraries that cells are held against. pip installs dependency
# groups from version 25.1 on.
NEEDS ?= dev
EXTRAS ?=

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install "pip>=25.1"
	$(PIP) install -c constraints.txt $(addprefix --group ,$(NEEDS)) -e ".$(if $(EXTRAS),[$(EXTRAS)])"
	touch $@

demo: $(VENV)/installed
	$(BIN)/gatekit data get jsb_music21
	$(BIN)/gatekit train -m experiment=demo cell=rnn,lstm,gru seeds=5 \
		study=$(DEMO_STUDY) root=$(DEMO_ROOT) $(DEMO_ARGS)
	$(BIN)/gatekit compare $(DEMO_STUDY) --root $(DEMO_ROOT) --baseline rnn \
		--figure $(DEMO_ROOT)/$(DEMO_STUDY)/curves

# The number of processes is decided in tests/conftest.py. A file's tests share what they built.
PYTEST_ARGS ?= -n auto --dist loadfile

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --quick

test-second: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --second

test-weekly: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS) --weekly

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lowest pythons:
	$(PYTHON) tests/versions.py $@

zoo: $(VENV)/installed-dev $(VENV)/installed-docs
	$(BIN)/python docs/hooks/zoo.py

parallel: $(VENV)/installed-dev
	$(BIN)/python docs/hooks/parallel.py

gallery: $(VENV)/installed-dev $(VENV)/installed-docs
	$(BIN)/python docs/hooks/gallery.py

tasks: $(VENV)/installed-dev
	$(BIN)/python docs/hooks/tasks.py

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) install "pip>=25.1"
	$(PIP) install -c constraints.txt --group docs -e .
	touch $@

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open build/site/index.html"

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
