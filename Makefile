# make demo: everything from nothing to a verdict. make test: the tests. GPU users: see docs/how-to/gpu-and-processes.md.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin

.PHONY: demo test test-all torture check fix bench results reference clean

.venv: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[test,check]'
	touch $@

demo: .venv
	$(BIN)/metier run || test $$? -eq 2

# The tests of a file stay in one process, so that what they share is made once; pyproject.toml says what is left out.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: .venv
	$(PYTEST)

# Everything that needs no accelerator: slow tests, benches and all pages in Chromium besides.
test-all: .venv
	$(PYTEST) -m "not gpu and not torture"

# 10,000 hostile inputs, then 200 runs that a signal stops at a random moment and that are called again.
torture: .venv
	$(BIN)/python -m pytest tests/attack/test_properties.py --hypothesis-profile=torture --timeout=0 -vv
	$(BIN)/python -m pytest tests/attack/test_signal_torture.py -m torture -vv

check: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_docs.py

fix: .venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All but those of intervals, power, retention, not_worse, review and answers_page read METIER_DATA; train_vs_trl without it has the case `terms` alone (--cases terms).
bench: .venv
	$(BIN)/python bench/train_vs_trl.py --check
	$(BIN)/python bench/shared_tokens.py --check
	$(BIN)/python bench/intervals.py --check
	$(BIN)/python bench/intervals_over_seeds.py --check
	$(BIN)/python bench/power.py --check
	$(BIN)/python bench/forecast.py --check
	$(BIN)/python bench/retention.py --check
	$(BIN)/python bench/not_worse.py --check
	$(BIN)/python bench/review.py --check
	$(BIN)/python bench/drift.py --check
	$(BIN)/python bench/eval_vs_lm_eval.py --check
	$(BIN)/python bench/curation.py --check
	$(BIN)/python bench/redaction.py --check
	$(BIN)/python bench/represent.py --check
	$(BIN)/python bench/answers_page.py --check

results: .venv
	$(BIN)/python bench/results.py

# The pages of docs/reference that repeat what the command line and the plug-ins say of themselves.
reference: .venv
	$(BIN)/python scripts/make_reference.py

clean:
	rm -rf .venv
