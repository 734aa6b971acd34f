"""Running a program under patching, as ``python script.py`` would run it."""

import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from greenrt.monkey.patches import patch_all

from greenrt._typing import Any

__all__ = ["run", "run_module", "run_script"]

USAGE = """usage: {0} [-m MODULE | SCRIPT] [ARGUMENT ...]

Patches the standard library, then runs SCRIPT or MODULE as Python would.
"""


def run(arguments: list[str], command: str) -> None:
    """Run ``[-m module | script] args...``."""
    if arguments[:1] in ([], ["-h"], ["--help"]):
        print(USAGE.format(command), end="", file=sys.stdout if arguments else sys.stderr)
        raise SystemExit(0 if arguments else 2)
    if arguments[0] == "-m":
        if len(arguments) < 2:
            raise SystemExit("argument expected for the -m option")
        run_module(arguments[1], arguments[2:])
    elif arguments[0].startswith("-"):
        print(f"{command} has no option {arguments[0]}\n" + USAGE.format(command), end="", file=sys.stderr)
        raise SystemExit(2)
    else:
        run_script(arguments[0], arguments[1:])


def run_script(path: str, args: list[str]) -> None:
    """Patch, and run the script at `path` as `__main__` with `args`. SystemExit or KeyboardInterrupt if it fails."""
    sys.argv = [path, *args]
    if os.path.isdir(path) or not os.path.isfile(path):
        # A folder with a __main__.py; or nothing, and the error that Python gives.
        if not os.path.exists(path):
            print(
                f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno 2] No such file or directory",
                file=sys.stderr,
            )
            raise SystemExit(2)
        patch_all()
        _guarded(lambda: runpy.run_path(path, run_name="__main__"))
        return
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    module = ModuleType("__main__")
    module.__file__ = path
    module.__loader__ = SourceFileLoader("__main__", path)
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    module.__dict__["__cached__"] = None
    sys.modules["__main__"] = module
    patch_all()

    def run() -> None:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        exec(code, module.__dict__)

    _guarded(run)


def run_module(name: str, args: list[str]) -> None:
    """Patch, and run the module `name` as `__main__` with `args`, as ``python -m`` does."""
    sys.argv = [name, *args]
    sys.path[0] = os.getcwd()
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    patch_all()
    _guarded(lambda: runpy._run_module_as_main(name))  # type: ignore[attr-defined]


def _guarded(run: Any) -> None:
    """Call `run`; report its error without the frames that are ours, and end as Python would."""
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        if isinstance(error, KeyboardInterrupt):
            # CPython finalizes and then ends itself by SIGINT, for the shell to know. It has been shown.
            sys.excepthook = _show_nothing
            raise
        raise SystemExit(1) from None


def _show(error: BaseException) -> None:
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename in (__file__, runpy.__file__):
        traceback = traceback.tb_next
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)


def _show_nothing(*_: object) -> None:
    sys.excepthook = sys.__excepthook__
