# From a fresh machine with Python (3.11 is the tested one for training) and make:
#   make demo    pretrain a tiny encoder, train on the worked domain, evaluate on its test split, parse three sentences
#   make test    the test suite; with ARGS="-m slow" the few slow tests that it leaves out
#   make lint    ruff and mypy          make wheel    dist/*.whl
#   make test-rasa           the tests that need a real Rasa 3.6, in an environment that it makes (Python 3.10)
#   make messages            extracts the messages, updates and compiles the Chinese catalogue
#   make clean   remove everything that make made
# Settings: PYTHON=python3.12    the interpreter of a new .venv
#           ARGS="-k yaml"       further arguments of pytest
#           WORKERS=4            processes that share the tests; the default is 2
#           PIP_FLAGS="..."      further arguments of pip, such as another index to take PyTorch from

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODEL := out/railway
PIP_FLAGS ?=
ARGS ?=
WORKERS ?= 2

# One thread: small batches gain nothing from more, and on a busy machine more of them are many times slower.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help demo test test-rasa lint messages wheel clean

help:
	@sed -n '2,12s/^# \{0,1\}//p' Makefile

# The stamp is younger than what it was made from, so nothing is installed twice.
$(READY): pyproject.toml constraints.txt
	@[ -x $(BIN)/python ] && exit 0; \
	python="$(PYTHON)"; [ -n "$$python" ] || python=$$(sh .ci/find-python 3.11 3.12 3.13 3.10 any) || exit 1; \
	echo "==> making $(VENV) with $$("$$python" --version) ($$python)"; \
	"$$python" -m venv $(VENV)
	@echo "==> installing cnlu, PyTorch and the tools into $(VENV): a few minutes, only this once"
	@start=$$(date +%s); \
	$(BIN)/python -m pip --disable-pip-version-check install -qq $(PIP_FLAGS) -c constraints.txt -e '.[train,dev]' \
	    || { echo "==> the installation failed; run make clean before a try with another PYTHON=" >&2; exit 1; }; \
	echo "==> installed in $$(( $$(date +%s) - start )) s"
	@touch $(READY)

demo: $(READY)
	@echo "==> pretraining a tiny encoder on corpora/railway/text: this shows the mechanics only, a minute teaches it little"
	$(BIN)/cnlu pretrain prepare corpora/railway/text --new-vocab 4000 --out $(MODEL)-text --force
	$(BIN)/cnlu pretrain run $(MODEL)-text --init random --config pretrain-tiny --out $(MODEL)-encoder --device cpu --force
	@echo "==> training on corpora/railway/train with zh-mini, the encoder that is installed with cnlu"
	$(BIN)/cnlu train corpora/railway/train --out $(MODEL) --force
	@echo "==> training on sparse features alone, to compare"
	$(BIN)/cnlu train corpora/railway/train --encoder none --out $(MODEL)-sparse --force
	@echo "==> evaluating on corpora/railway/test, which no training saw: with zh-mini"
	$(BIN)/cnlu evaluate $(MODEL) corpora/railway/test
	@echo "==> the same on sparse features alone"
	$(BIN)/cnlu evaluate $(MODEL)-sparse corpora/railway/test
	@echo "==> parsing three sentences"
	$(BIN)/cnlu parse $(MODEL) "帮我看看明天下午从杭州到北京的高铁还有票没"
	$(BIN)/cnlu parse $(MODEL) "后天那张去成都的票我想改签到晚上八点以后"
	$(BIN)/cnlu parse $(MODEL) "G1234次上有没有盒饭卖"
	@echo "==> the model is in $(MODEL); your own sentence: $(BIN)/cnlu parse $(MODEL) \"...\""

test: $(READY)
	@echo "==> running the tests"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(ARGS)

test-rasa: $(READY)
	@PIP_FLAGS="$(PIP_FLAGS)" .ci/rasa-venv
	@echo "==> running the tests that need a real Rasa"
	CNLU_RASA_PYTHON=$(CURDIR)/.venv-rasa/bin/python $(BIN)/python -m pytest -m rasa --durations 5 $(ARGS)

lint: $(READY)
	@echo "==> ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "==> mypy"
	$(BIN)/mypy

messages: $(READY)
	@$(BIN)/python .ci/messages.py

# The wheel is built from the source distribution, which proves that one complete; both with pinned build tools.
wheel: $(READY)
	@echo "==> building dist/"
	@rm -rf dist
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --outdir dist . > $(VENV)/build.log 2>&1 \
	    || { cat $(VENV)/build.log >&2; exit 1; }
	@ls dist

clean:
	rm -rf .venv .venv-rasa .venv-light dist build out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
