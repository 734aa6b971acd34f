# Each target sets itself up; what it needs is Python 3.11 or newer, and a C compiler for the compiled build.
# PYTHON chooses the interpreter, ARGS goes to pytest, the demo or the benchmarks.
PYTHON ?= python3
VENV ?= .venv
PURE ?= .venv-pure
TOOLS ?= .venv-tools
RELEASE ?= .venv-release
DOCS ?= .venv-docs
ARGS ?=
# Processes among which the tests of `make test`, `pure`, `coverage` and `test-stdlib` are distributed. They mostly wait.
JOBS ?= 6
# How long each campaign of `make stress` may take.
STRESS_SECONDS ?= 20
# The tests' processes would compile the modules anew, each of them: a fifth of the suite's processor time.
unexport PYTHONDONTWRITEBYTECODE

# Empty if PYTHON is no Python that greenrt can use. Then no environment is made.
VERSION := $(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' 2>/dev/null)
SOURCES := $(shell find src monkey -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h') pyproject.toml setup.py
# Prints what pyproject.toml requires: for "build", to "run", or in a dependency group. pip reads groups itself from 25.1 only.
NEEDS := "$(PYTHON)" -c "import sys, tomllib; p = tomllib.load(open('pyproject.toml', 'rb')); g = {'build': p['build-system']['requires'], 'run': p['project']['dependencies'], **p['dependency-groups']}; print(*g[sys.argv[1]], sep='\n')"
PIP := -m pip --disable-pip-version-check install --quiet
# uv, where it is in PATH, fills environments in a tenth of pip's time; `make UV=` takes pip. uv reads no settings of pip.
UV ?= $(if $(shell command -v uv 2>/dev/null),uv)
ifneq ($(UV),)
UV_FAILED = || { echo "uv failed; 'make UV=' takes pip" >&2; exit 1; }
# For uv the name of an interpreter is a wish, and a path is the interpreter.
CREATE = "$(UV)" venv --quiet --clear --seed --python "$$("$(PYTHON)" -c 'import sys; print(sys.executable)')" $(1) $(UV_FAILED)
INSTALL_INTO = "$(UV)" pip install --quiet --python $(1)/bin/python -r /dev/stdin $(UV_FAILED)
else
CREATE = "$(PYTHON)" -m venv --clear $(1)
INSTALL_INTO = $(1)/bin/python $(PIP) -r /dev/stdin
endif
# A tree of links in which monkey/ is greenrt.monkey, for tools that read the sources where they are.
TREE = rm -rf $(1) && mkdir -p $(1) && cp -rs "$$PWD/src/greenrt" $(1)/ && cp -rs "$$PWD/monkey" $(1)/greenrt/
PYTEST := -m pytest -n $(JOBS) --dist worksteal

.PHONY: help demo test build build-pure pure coverage lint types docs diagrams bench stress stress-full test-stdlib test-compat test-real test-thirdparty install-check wheels clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Where nothing can be compiled, on the plain build. The next `make build` replaces it, if it can.
demo: $(VENV)/made-$(VERSION)  ## an unmodified blocking program, patched, beside its blocking self
	$(MAKE) --no-print-directory build || GREENRT_PURE=1 $(VENV)/bin/python $(PIP) --no-build-isolation .
	$(VENV)/bin/python examples/demo.py $(ARGS)

test: build  ## the suite on the compiled build (.venv)
	$(VENV)/bin/python $(PYTEST) $(ARGS)

build: $(VENV)/built  ## compile and install into .venv

build-pure: $(PURE)/built  ## install the plain Python build into .venv-pure

pure: build-pure  ## the suite on the plain Python build
	$(PURE)/bin/python $(PYTEST) $(ARGS)

# The same, with the share of lines that ran, by module. In-process only: what runs in the tests' children is not seen.
coverage: build-pure  ## the same, with the share of lines that ran
	$(PURE)/bin/python $(PYTEST) --cov --cov-report=term $(ARGS)

lint: $(TOOLS)/made-$(VERSION)  ## ruff and codespell
	$(TOOLS)/bin/ruff check
	$(TOOLS)/bin/ruff format --check
	$(TOOLS)/bin/codespell

types: $(TOOLS)/made-$(VERSION)  ## mypy --strict, the types that users get, and how much of the public interface has a type
	$(call TREE,build/types)
	MYPYPATH=build/types $(TOOLS)/bin/mypy --python-executable $(TOOLS)/bin/python -p greenrt
	$(TOOLS)/bin/python .ci/typed_share.py build/types
	$(TOOLS)/bin/python .ci/user_code.py build/types tests/typed/user_code.py

# From the plain sources, so that it needs no compiler.
docs: $(DOCS)/made-$(VERSION)  ## the documentation, in build/docs; the manual page, in build/man
	$(call TREE,build/docs-tree)
	rm -rf build/docs
	PYTHONPATH=build/docs-tree $(DOCS)/bin/python -m sphinx -q -W --keep-going -E -d build/docs-doctrees docs build/docs
	PYTHONPATH=build/docs-tree $(DOCS)/bin/python -m sphinx -q -W -b man -d build/docs-doctrees docs build/man
	@echo "open build/docs/index.html"

diagrams: $(patsubst %.dot,%.svg,$(wildcard docs/diagrams/*.dot))  ## the diagrams of the documentation; needs graphviz

docs/diagrams/%.svg: docs/diagrams/%.dot
	dot -Tsvg $< -o $@

bench: build $(VENV)/bench  ## benchmarks beside gevent and others
	$(VENV)/bin/python -m benchmarks --json build/bench.json --plot build/bench.png $(ARGS)

stress: build  ## campaigns, STRESS_SECONDS each
	GREENRT_STRESS_SECONDS=$(STRESS_SECONDS) $(VENV)/bin/python -m pytest -m stress -s $(ARGS)

stress-full: build  ## campaigns in full counts
	GREENRT_STRESS_SECONDS=0 $(VENV)/bin/python -m pytest -m stress -s $(ARGS)

# The interpreter's own tests, patched: all that touch what is patched, or some (MODULES="test_ssl test_socket").
MODULES ?=
test-stdlib: build  ## CPython's own tests, patched (MODULES="test_ssl test_socket")
	$(VENV)/bin/python $(PYTEST) -m stdlib $(MODULES:%='tests/stdlib/test_stdlib.py::test_module[%]') $(ARGS)

# gevent's own tests, which its wheel has, over greenrt; and over gevent what does not pass. eventlet's, over greenrt.
# Files of gevent's are called test__X, files of eventlet's X_test.
FILES ?=
GEVENT_FILES = $(patsubst %,'tests/compat/gevent_suite/test_gevent_suite.py::test_file[%]',$(filter test__%,$(FILES)))
EVENTLET_FILES = $(patsubst %,'tests/compat/eventlet_suite/test_eventlet_suite.py::test_file[%]',$(filter %_test,$(FILES)))
COMPAT := build/compat-gevent
EVENTLET := build/compat-eventlet
test-compat: build $(COMPAT)/made $(EVENTLET)/made  ## gevent's and eventlet's own tests over greenrt (FILES="test__event queue_test")
	GEVENT_HOME="$$PWD/$(COMPAT)" EVENTLET_HOME="$$PWD/$(EVENTLET)" $(VENV)/bin/python $(PYTEST) -m compat $(GEVENT_FILES) $(EVENTLET_FILES) $(ARGS)

$(COMPAT)/made: $(VENV)/built
	$(VENV)/bin/python $(PIP) --no-deps --target $(COMPAT) gevent==26.9.0 zope.event zope.interface dnspython psutil
	touch $@

# eventlet's tests are in its source distribution only. Its package is left out, so that `import eventlet` finds greenrt.
$(EVENTLET)/made:
	mkdir -p $(EVENTLET)
	"$(PYTHON)" -m pip --disable-pip-version-check download --quiet --no-deps --no-binary :all: -d $(EVENTLET) eventlet==0.41.3
	tar -xzf $(EVENTLET)/eventlet-0.41.3.tar.gz -C $(EVENTLET) --strip-components=1 eventlet-0.41.3/tests
	touch $@

# Real programs, patched, against the servers that are installed here.
test-real: build $(VENV)/real  ## real programs, patched, against real servers
	$(VENV)/bin/python -m pytest -m real -rfEs $(ARGS)

# Libraries' own tests, unpatched and patched: all, or some (LIBRARIES="redis urllib3"). It needs PyPI and Debian.
LIBRARIES ?=
test-thirdparty: build  ## libraries' own tests, unpatched and patched (LIBRARIES="redis"); hours
	$(VENV)/bin/python -m pytest -m thirdparty $(LIBRARIES:%='tests/thirdparty/test_thirdparty.py::test_library[%]') $(ARGS)

# Every way of installing, each in a fresh environment.
install-check: build  ## every way of installing, in fresh environments
	$(VENV)/bin/python -m pytest -m install $(ARGS)

# The sdist and a wheel for every interpreter in PATH and ~/.pyenv (and PYTHONS="..."), audited and tried, in dist/.
PYTHONS ?=
wheels: $(RELEASE)/made-$(VERSION)  ## a wheel for each interpreter, audited and tried, in dist/
	$(RELEASE)/bin/python .ci/wheels.py $(PYTHONS)

clean:  ## remove everything that was built
	rm -rf build dist .venv* src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src monkey -name '*.so' -delete

# -- Environments

# Makes the environment of the rule's target, with what pyproject.toml requires for these purposes.
define ENVIRONMENT
$(if $(VERSION),,$(error greenrt needs Python 3.11 or newer, and '$(PYTHON)' is none: make PYTHON=/usr/bin/python3.11))
	$(call CREATE,$(@D))
	for group in $(1); do $(NEEDS) $$group; done | $(call INSTALL_INTO,$(@D))
	touch $@
endef

$(VENV)/made-$(VERSION) $(PURE)/made-$(VERSION): pyproject.toml
	$(call ENVIRONMENT,build test)

$(TOOLS)/made-$(VERSION): pyproject.toml
	$(call ENVIRONMENT,lint)

$(RELEASE)/made-$(VERSION): pyproject.toml
	$(call ENVIRONMENT,release)

$(DOCS)/made-$(VERSION): pyproject.toml
	$(call ENVIRONMENT,run docs)

$(VENV)/built: $(VENV)/made-$(VERSION) $(SOURCES)
	GREENRT_PURE=0 $(VENV)/bin/python $(PIP) --no-build-isolation .
	$(VENV)/bin/python -c "import greenrt; print('greenrt:', greenrt.__build__, 'build')"
	touch $@

$(PURE)/built: $(PURE)/made-$(VERSION) $(SOURCES)
	GREENRT_PURE=1 $(PURE)/bin/python $(PIP) --no-build-isolation .
	touch $@

$(VENV)/bench: $(VENV)/made-$(VERSION)
	$(NEEDS) bench | $(call INSTALL_INTO,$(VENV))
	touch $@

$(VENV)/real: $(VENV)/made-$(VERSION)
	$(NEEDS) real | $(call INSTALL_INTO,$(VENV))
	touch $@
