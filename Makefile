PYTHON ?= python3

.PHONY: test build clean
build:
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet ".[test]"
test: build
	.venv/bin/python -m pytest -q tests/native tests/hub
clean:
	rm -rf build dist .venv src/*.egg-info; find src monkey -name '*.so' -delete
