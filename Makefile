# Every command prepares what it needs by itself; `make` alone lists them.

PYTHON := .venv/bin/python
TYPED := $(wildcard ptm_site apps node_client/ptm_node tools benchmarks tests manage.py)

# These commands start hundreds of Pythons: none has to compile again what one has.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup packages images demo test fuzz check mutate-rights drills screenshots bench format clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s%s\n", $$1, $$2}' Makefile

setup: images  ## Install what the demo and the tests need

packages:
	@python3 -m tools.setup test

images: packages
	@$(PYTHON) -m tools.rig images

# Once in a clone, and beside the images: each process of the tests would compile them.
var/setup/compiled: requirements-dev.txt | packages
	@$(PYTHON) -m pytest --collect-only -qq >/dev/null || true
	@touch $@

demo:  ## Analyse real data at three sites; EXIT=1 ends after the comparison
	@python3 -m tools.setup demo
	@$(PYTHON) -m tools.demo $(if $(EXIT),--exit)

# Three at once on two cores: tests of nodes wait for Docker much of the time. The second
# run opens only the files that name its mark: that takes a third of opening them all.
test: packages  ## Run every test, and those of the backends on PostgreSQL with Redis
	@$(MAKE) --no-print-directory --jobs=2 images var/setup/compiled
	@begin=$$(date +%s); \
	$(PYTHON) -m tools.rig engine -- $(PYTHON) -m pytest -n 3 --dist loadscope && middle=$$(date +%s) && \
	$(PYTHON) -m tools.rig services -- $(PYTHON) -m pytest -m backends -n 3 --dist loadscope \
		$$(grep -rl --include='*.py' mark.backends tests) && \
	end=$$(date +%s) && \
	echo "SQLite: $$((middle - begin)) s, PostgreSQL and Redis: $$((end - middle)) s"

fuzz: setup  ## Send requests and mix faults that nobody would, others each time
	@PTM_FUZZ=$(or $(EXAMPLES),200) $(PYTHON) -m pytest tests/fuzz tests/machine

check:  ## Look for mistakes without running anything
	@python3 -m tools.setup check
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(TYPED)
	.venv/bin/lint-imports
	$(PYTHON) -m tools.permissions --check
	$(PYTHON) manage.py makemigrations --check --dry-run
	PTM_PUBLIC_URL=https://ptm.example.org $(PYTHON) manage.py check --deploy --fail-level WARNING

mutate-rights: setup  ## Remove each permission check in turn; the tests must notice
	@$(PYTHON) -m tools.mutate_rights

drills: setup  ## Stage every fault; SOAK=500 mixes them at random, SEED repeats it
	@$(PYTHON) -m tools.drills $(if $(SOAK),--soak $(SOAK)) $(if $(SEED),--seed $(SEED)) \
		$(if $(LARGE),--large $(LARGE))

screenshots: setup  ## Draw every page in light, dark and phone width, into var/screenshots
	@$(PYTHON) -m tools.screenshots

bench:  ## Measure, and write benchmarks/latest.json
	@python3 -m tools.setup test
	@$(PYTHON) -m benchmarks

format:  ## Bring the code into its one form
	@python3 -m tools.setup check
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

clean:  ## Remove what these commands made, the demo's data included
	rm -rf .venv var static/dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache benchmarks/latest.json
	find . -name __pycache__ -prune -exec rm -rf {} +
