"""Serves gevent by greenrt in this process, if GEVENT_SUITE says so, and gevent's own tests from the real package.

Python imports this module at its start, also in the processes that tests start.
"""

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location


class Tests:
    """Finds the packages `gevent.tests` and `gevent.testing` in the real gevent's folder."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        parent, _, package = name.rpartition(".")
        if parent != "greenrt.compat.gevent" or package not in ("tests", "testing"):
            return None
        folder = os.path.join(os.environ["GEVENT_HOME"], "gevent", package)
        return spec_from_file_location(
            name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )


if os.environ.get("GEVENT_SUITE") == "greenrt":
    from greenrt.compat import install

    install("gevent")
    sys.meta_path.insert(0, Tests())
