# `make demo` and `make test` each install what they need into .venv; neither needs the other to have run first.
PYTHON ?= python3
# PyTorch's own CPU wheels. For a GPU: make install TORCH_INDEX=https://download.pytorch.org/whl/cu130
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet -c constraints.txt
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

.PHONY: demo test install install-dev check clean

demo: install
	rm -rf results/demo
	$(BIN)/rna-bench sweep demo
	$(BIN)/rna-bench tables results/demo

test: install-dev check
	$(BIN)/pytest -n 2

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright rna_bench
	$(BIN)/lint-imports

install: .venv/installed
install-dev: .venv/installed-dev

.venv/torch: constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; give it as make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(PIP) --retries 0 --timeout 10 --index-url $(TORCH_INDEX) --no-deps $(TORCH) || { \
	  echo "$(TORCH_INDEX) cannot be reached: taking PyTorch from the default index (on Linux this may be a large CUDA build)"; \
	  $(PIP) $(TORCH); }
	touch $@

.venv/installed: .venv/torch pyproject.toml
	$(PIP) -e .
	touch $@

.venv/installed-dev: .venv/torch pyproject.toml
	$(PIP) -e '.[dev]'
	touch $@ .venv/installed

clean:
	rm -rf .venv results/demo results/runs
