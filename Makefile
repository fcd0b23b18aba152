# The commands of this project. `make demo` and `make test` need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONTRACT := .venv-contract
# The oldest transformers that pyproject allows; another one: make clean-contract contract TRANSFORMERS=5.24.0
TRANSFORMERS ?= $(shell sed -n 's/.*"transformers>=\([0-9.]*\)".*/\1/p' pyproject.toml)
WORKERS ?= 2

.PHONY: demo test contract clean-contract check bench bench-train docs format clean

demo: $(VENV)/installed ## install, then the shipped example from file to proven model
	$(BIN)/tunewright demo
	@echo "tunewright is in $(VENV): type  . $(BIN)/activate  once, then the commands above"

test: $(VENV)/installed-test ## everything; tests that need absent data or programs skip with the reason
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

contract: $(CONTRACT)/installed ## what we hook into, tested on the oldest transformers that pyproject allows
	$(CONTRACT)/bin/python -m pytest -q $(addprefix tests/numerics/test_,contract.py kernels.py trunk.py quantised.py)

check: $(VENV)/installed-test ## style, types, layers
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy -p tunewright
	$(BIN)/lint-imports

bench: $(VENV)/installed-test ## the measurements of docs and README, one after the other
	$(BIN)/python benchmarks/first_run.py

bench-train: $(VENV)/installed-test ## training speed and memory beside TRL (TUNEWRIGHT_PEERS=its python) and a plain loop
	$(BIN)/python benchmarks/train/run.py
	$(BIN)/python benchmarks/train/classify.py

docs: $(VENV)/installed-test ## the pages and the schema that are made from the code
	$(BIN)/python -m tests.docs.write_verb_pages

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

# torch comes first and by plain pip: whichever build your pip is set up for stays, and no other package picks one.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test]"
	touch $@

# What an older transformers asks for itself is left to pip; torch and everything else are those of constraints.txt.
$(CONTRACT)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(CONTRACT)
	grep -v -E "^(transformers|tokenizers|huggingface_hub|hf-xet)==" constraints.txt > $(CONTRACT)/constraints.txt
	$(CONTRACT)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(CONTRACT)/constraints.txt torch
	$(CONTRACT)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(CONTRACT)/constraints.txt \
		"transformers==$(TRANSFORMERS)" --editable ".[quant]" pytest pytest-timeout hypothesis
	touch $@

clean-contract:
	rm -rf $(CONTRACT)

clean: clean-contract
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist
