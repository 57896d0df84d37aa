# `make run` and `make test` need python3 (3.11 or newer), make and a package index; they make everything else.

UV := .uv/bin/uv
BIN := .venv/bin
SOURCES := pyproject.toml uv.lock $(wildcard services/*/pyproject.toml)
CODE := services tests $(wildcard bench conftest.py)
SYNC := sync --quiet --frozen --compile-bytecode
COMPILE := -m compileall -q -j 0 $(wildcard services/*/src)
# Importing a service without bytecode takes twice as long, at each start where PYTHONDONTWRITEBYTECODE is set.

.PHONY: run insight test lint bench soak clean

run: .venv/run $(if $(INSIGHT),.venv/insight)  ## The whole pipeline on this machine; INSIGHT=1, MONITORING=1, SOURCE=graphql, ARGS="--seconds 30", OBJECTS=gs://... DOCUMENTS=firestore://...
	@$(BIN)/meetup-local-runner $(if $(OBJECTS),--objects $(OBJECTS)) $(if $(DOCUMENTS),--documents $(DOCUMENTS)) $(if $(MONITORING),--monitoring) $(if $(INSIGHT),--insight) $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

insight: .venv/insight  ## Build and serve the page of a store; OBJECTS=..., DOCUMENTS=..., PORT=8090
	@mkdir -p data && test -s data/insight.key || (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(16))' > data/insight.key)
	@echo "The page will be at http://127.0.0.1:$(or $(PORT),8090)/ (Ctrl-C ends it)"
	@INSIGHT_OBJECTS=$(or $(OBJECTS),file://$(CURDIR)/data/objects) \
	  INSIGHT_DOCUMENTS=$(or $(DOCUMENTS),$(if $(wildcard data/documents.sqlite),sqlite:///data/documents.sqlite)) \
	  INSIGHT_WAREHOUSE=duckdb:///data/insight.duckdb INSIGHT_HASH_KEY_FILE=data/insight.key INSIGHT_PORT=$(or $(PORT),8090) \
	  $(BIN)/meetup-insight serve

# Without bytecode each of the workers, and each process that they start, compiles what it imports anew. In the order of
# pyproject.toml the long files, those of tests/, come first: by number of tests they would come last, one worker's work.
test: .venv/dev  ## What a person runs; ALL=1: faults, kills, images and others' linters too; ARGS="-k words services/stream"
	@PYTHONDONTWRITEBYTECODE= COLD_STARTS=$(ALL) $(BIN)/pytest -n $(if $(ALL),3,4) --dist loadfile --no-loadscope-reorder $(if $(ALL),--max-suite-reruns 3 --rerun-show-tracebacks,-m "not faults and not images and not linters") $(ARGS)

lint: .venv/dev  ## Style, types and import contracts
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@for service in services/*/; do $(BIN)/mypy $$service/src $$service/tests || exit 1; done
	@$(BIN)/mypy tests bench --exclude tests/operator/kube_api/
	@MYPYPATH=tests/operator/kube_api $(BIN)/mypy tests/operator/kube_api/*.py
	@$(BIN)/lint-imports --no-logo

bench: .venv/dev  ## Measure, and write the table of bench/README.md; BEFORE=TREE measures an earlier commit's tree beside it
	@$(BIN)/python -m $(if $(BEFORE),bench.compare $(BEFORE),bench) $(ARGS)

soak: .venv/dev  ## Twenty random kills, then an hour of random faults; ARGS="--minutes 5"; PART=gateway: today's API, random dials
ifeq ($(PART),gateway)
	@$(BIN)/python -m bench.soak_gateway $(ARGS)
else
	@KILL_SEEDS=20 $(BIN)/pytest -q tests/promises/test_kills.py -k seed
	@$(BIN)/python -m bench.soak $(ARGS)
endif

clean:  ## Remove what make made; the data stay
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache build

$(UV):
	@echo "Making the tools' own environment ..."
	@python3 -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

.venv/run: $(UV) $(SOURCES)
	@$(UV) $(SYNC) --no-dev --inexact
	@$(BIN)/python $(COMPILE)
	@touch $@

.venv/insight: $(UV) $(SOURCES)
	@$(UV) $(SYNC) --no-dev --group insight --inexact
	@$(BIN)/python $(COMPILE)
	@touch $@

.venv/dev: $(UV) $(SOURCES)
	@$(UV) $(SYNC)
	@$(BIN)/python $(COMPILE)
	@touch $@ .venv/run .venv/insight

BIGQUERY := services/insight/tests/bigquery
.venv/bigquery: $(UV) $(wildcard $(BIGQUERY)/*-requirements.txt)  ## BigQuery's emulator and Google's analyzer, for the tests; each needs an environment of its own
	@for part in emulator analyzer; do \
	  $(UV) venv --quiet --clear $@/$$part && \
	  $(UV) pip install --quiet --python $@/$$part/bin/python -r $(BIGQUERY)/$$part-requirements.txt || exit 1; \
	done
	@HOME=$(CURDIR)/$@ $@/emulator/bin/python -c 'from duckdb_extensions import import_extension; import_extension("spatial")' >/dev/null
	@touch $@
