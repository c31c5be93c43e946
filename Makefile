# Two commands: `make demo` shows the system at work, `make test` proves it. Both prepare .venv first.
PYTHON ?= python3
ARGS ?=
unexport PYTHONDONTWRITEBYTECODE  # a hundred processes of the tests need not each compile everything again

.PHONY: setup demo test screenshots
setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch .venv/ready

demo: setup
	.venv/bin/postloan demo $(ARGS)

test: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -n 3 --dist worksteal $(ARGS)  # three on two cores: many wait for a server or a browser

# The README's pictures, made anew: the demo's bank in a browser (Chromium must be installed).
screenshots: setup
	.venv/bin/python -m tests.portal.screens
