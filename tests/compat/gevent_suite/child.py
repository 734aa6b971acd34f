"""Runs one file of gevent's own tests, as `__main__`, and logs each test as it begins and ends.

    python child.py MODULE LOG WANTED

GEVENT_SUITE in the environment says whether `gevent` is the real one or greenrt (`site/sitecustomize.py`). A file
that does not call `unittest.main` is one test by itself.
"""

import json
import os
import runpy
import sys
import tempfile
import unittest
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from support.unittest_log import Log, chosen

# How long a test may take. Classes with a limit of their own keep it.
SECONDS = 20


class Patience:
    """Sets the time limit of gevent's tests: its two seconds are few on a busy machine."""

    def find_spec(self, name: str, path: Any = None, target: object = None) -> ModuleSpec | None:
        if not name.endswith("gevent.testing.params"):
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_set(module: Any) -> None:
            execute(module)
            module.LOCAL_TIMEOUT = SECONDS

        loader.exec_module = execute_and_set
        return spec


class FileLog(Log):
    """Logs tests by the name of their file: its module is `__main__`."""

    file_name = ""

    def name_of(self, test: unittest.TestCase) -> str:
        return test.id().replace("__main__", self.file_name, 1)


def main() -> None:
    name, path, filter_path = sys.argv[1:4]
    with open(filter_path) as file:
        wanted = json.load(file)
    only = None if wanted["only"] is None else set(wanted["only"])
    os.chdir(tempfile.mkdtemp(prefix="gevent-"))
    # As for a script in this folder: some files import their neighbours.
    sys.path.insert(0, os.path.join(os.environ["GEVENT_HOME"], "gevent", "tests"))
    sys.argv[:] = [name]
    log = FileLog(path)
    log.file_name = name
    ran = False

    def run_tests(*args: object, **kwargs: object) -> None:
        nonlocal ran
        ran = True
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
        local = {each.replace(name, "__main__", 1) for each in only} if only is not None else None
        chosen(suite, local, {each.replace(name, "__main__", 1) for each in wanted["skip"]}).run(log)

    sys.meta_path.insert(0, Patience())
    unittest.main = run_tests  # type: ignore[misc,assignment]
    if name in wanted["skip"]:
        log.write(outcome="done")
        return
    # Logged only if the file turns out to be one test: a crash is then reported under the name of the file.
    try:
        runpy.run_module(f"gevent.tests.{name}", run_name="__main__", alter_sys=True)
    except unittest.SkipTest as reason:
        log.write(test=name, outcome="skipped", detail=str(reason))
    except SystemExit as end:
        if end.code and not ran:
            log.write(test=name, outcome="failed", detail=f"exit code {end.code!r}")
    except BaseException as error:
        import traceback

        log.write(test=name, outcome="failed", detail="".join(traceback.format_exception(error)))
        ran = True
    if not ran:
        log.write(test=name, outcome="passed", detail="")
    log.write(outcome="done")


if __name__ == "__main__":
    main()
