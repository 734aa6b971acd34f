"""Serves gevent by greenrt in this process, if GEVENT_SUITE says so, and gevent's own tests from the real package.

Python imports this module at its start, also in the processes that tests start.
"""

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location

STUBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stubs")


class Tests:
    """Finds the packages `gevent.tests` and `gevent.testing` in the real gevent's folder.

    It also finds stubs for private modules that files of tests import and few of their tests use.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        parent, _, package = name.rpartition(".")
        if parent != "greenrt.compat.gevent":
            return None
        stub = os.path.join(STUBS, f"{package}.py")
        if os.path.exists(stub):
            return spec_from_file_location(name, stub)
        if package not in ("tests", "testing"):
            return None
        folder = os.path.join(os.environ["GEVENT_HOME"], "gevent", package)
        return spec_from_file_location(
            name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )


class First:
    """Installs the alias when gevent is imported first: most processes never import it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "gevent":
            return None
        sys.meta_path.remove(self)
        from greenrt.compat import install

        install("gevent")
        sys.meta_path.insert(0, Tests())
        return find_spec(name)


if os.environ.get("GEVENT_SUITE") == "greenrt":
    sys.meta_path.insert(0, First())
