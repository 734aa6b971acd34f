"""The command ``python -m gevent.monkey``."""

import os
import sys

from greenrt._typing import Any
from greenrt.compat.gevent.monkey import _patching

__all__ = ["main"]


def main() -> Any:
    """Patch what the options say, and run the script, or with ``--module`` the module, as `__main__`."""
    # Imported here because each program imports this module, and few run the command.
    import inspect
    import runpy

    names = list(inspect.signature(_patching.patch_all).parameters)[:-1]
    parts = [name for name in names if hasattr(_patching, f"patch_{name}")]
    wanted: dict[str, bool] = {}
    arguments = sys.argv[1:]
    verbose = module = False
    while arguments and arguments[0].startswith("--"):
        option = arguments.pop(0)[2:]
        if option == "verbose":
            verbose = True
        elif option == "module":
            module = True
        elif option == "help":
            print(_help(parts))
            return None
        elif option.removeprefix("no-") in names and option.startswith("no-"):
            wanted[option.removeprefix("no-")] = False
        elif option in names:
            wanted[option] = True
            if option in parts:
                for name in parts:
                    wanted.setdefault(name, False)
        else:
            sys.exit(f"{_help(parts)}\n\nCannot patch {option!r}")
    if verbose:
        _describe(wanted)
    if not arguments:
        print(_help(parts))
        return None
    sys.argv[:] = arguments
    _patching.patch_all(**wanted)
    run: Any = runpy.run_module if module else runpy.run_path
    return run(arguments[0], run_name="__main__")


def _help(parts: list[str]) -> str:
    options = " ".join(f"--[no-]{name}" for name in parts)
    return f"""gevent.monkey - patch the standard modules, and run a program

usage: python -m gevent.monkey [OPTIONS] [--module] (script|module) [ARGUMENTS]

Without options, all modules are patched, as by patch_all(). --no-NAME leaves one out; --NAME patches only those that
are named. The script is whatever runpy.run_path takes. --module runs a module instead.

options: --verbose {options}"""


def _describe(wanted: dict[str, bool]) -> None:
    import pprint

    print(f"gevent.monkey.patch_all({', '.join(f'{name}={value}' for name, value in wanted.items())})")
    print("sys.version=" + sys.version.replace("\n", " "))
    print("sys.path=" + pprint.pformat(sys.path))
    print("sys.modules=" + pprint.pformat(sorted(sys.modules)))
    print("cwd=" + os.getcwd())
