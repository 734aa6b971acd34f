"""Run a program under patching, as ``python script.py`` would run it."""

import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from greenrt.monkey.patches import patch_all

from greenrt._typing import Any

__all__ = ["run", "run_module", "run_script", "run_source"]

USAGE = """usage: {0} [--] SCRIPT [ARGUMENT ...]
       {0} -m MODULE [ARGUMENT ...]
       {0} -c COMMAND [ARGUMENT ...]
       {0} - [ARGUMENT ...]        the program on standard input

Patches the standard library, then runs the program as Python would. SCRIPT may be a folder or a zip file.
{1}
examples:
  {0} script.py --its-option
  {0} -m package.module
  python -X dev -W error -m {0} script.py     options of Python's own

exit codes: that of the program; 2: wrong arguments
environment: GREENRT_RESOLVER=ares|thread|block|auto   how names are resolved [auto]
             PYTHON*                                   as always (https://docs.python.org/3/using/cmdline.html)
"""


def run(arguments: list[str], command: str, options: str = "") -> None:
    """Run ``[-m module | -c command | - | script] args...``; `command` is this command's name for messages.

    `options` are lines for the help: what the caller has taken from the arguments before.
    """
    first, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if not arguments or first in ("-h", "--help"):
        print(USAGE.format(command, options), end="", file=sys.stdout if arguments else sys.stderr)
        raise SystemExit(0 if arguments else 2)
    if first == "--":
        if not rest:
            _refuse(command, "there is no script after --")
        run_script(rest[0], rest[1:])
    elif first[:2] in ("-m", "-c"):
        # Python also accepts `-mMODULE`.
        given = first[2:] or (rest.pop(0) if rest else None)
        if given is None:
            _refuse(command, f"argument expected for the {first} option")
        elif first[1] == "m":
            run_module(given, rest)
        else:
            run_source(given, "<string>", "-c", rest)
    elif first == "-":
        # Patching does not replace this read; it blocks before anything else runs.
        run_source(sys.stdin.buffer.read(), "<stdin>", "-", rest)
    elif first.startswith("-"):
        _refuse(
            command,
            f"{command} has no option {first}; options of Python's own go before -m: "
            f"python {first} -m {command} ...; a script of that name: {command} -- {first}",
        )
    else:
        run_script(first, rest)


def _refuse(command: str, problem: str) -> None:
    print(f"{problem}\n" + USAGE.format(command, ""), end="", file=sys.stderr)
    raise SystemExit(2)


def _lead_path(folder: str) -> None:
    """Put `folder` at the start of sys.path, in place of the folder of greenrt's own script."""
    # Under `-P`, Python puts no folder there.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _new_main() -> ModuleType:
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    return module


def run_source(source: str | bytes, name: str, argument: str, args: list[str]) -> None:
    """Patch, and run the text of a program as `__main__`; `argument` is sys.argv[0], `name` the name of its file."""
    sys.argv = [argument, *args]
    _lead_path("")
    module = _new_main()
    if name == "<stdin>":
        module.__file__ = name
    elif sys.version_info >= (3, 13):
        # From 3.13 on, tracebacks show the lines of a program given by -c.
        import linecache

        text = str(source)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    patch_all()
    _guarded(lambda: exec(compile(source, name, "exec"), module.__dict__))


def run_script(path: str, args: list[str]) -> None:
    """Patch, and run the script at `path` as `__main__`. Raise SystemExit or KeyboardInterrupt if it fails."""
    sys.argv = [path, *args]
    # Python makes the path absolute, and otherwise leaves it as given.
    full = os.path.join(os.getcwd(), path)
    if os.path.isdir(path) or not os.path.isfile(path):
        # A folder with a __main__.py, or a missing file, for which Python's own error follows.
        if not os.path.exists(path):
            print(
                f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno 2] No such file or directory",
                file=sys.stderr,
            )
            raise SystemExit(2)
        _run_folder(full)
        return
    _lead_path(os.path.dirname(os.path.realpath(path)))
    module = _new_main()
    module.__file__ = full
    module.__loader__ = SourceFileLoader("__main__", full)
    module.__dict__["__cached__"] = None
    patch_all()

    def run() -> None:
        with open(full, "rb") as file:
            source = file.read()
        if b"\0" in source:
            # This is no source: run a zip file, or show the error that Python gives.
            _run_folder(full)
        else:
            exec(compile(source, full, "exec"), module.__dict__)

    _guarded(run)


def _run_folder(path: str) -> None:
    """Patch, and run the `__main__` of a folder or zip file."""
    _lead_path(path)
    _new_main()
    patch_all()
    _guarded(lambda: runpy._run_module_as_main("__main__", alter_argv=False))  # type: ignore[attr-defined]


def run_module(name: str, args: list[str]) -> None:
    """Patch, and run the module `name` as `__main__` with `args`, as ``python -m`` does."""
    sys.argv = [name, *args]
    _lead_path(os.getcwd())
    _new_main()
    patch_all()
    _guarded(lambda: runpy._run_module_as_main(name))  # type: ignore[attr-defined]


def _guarded(run: Any) -> None:
    """Call `run`; report its error without greenrt's own frames, and end as Python would."""
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        _show(error)
        if isinstance(error, KeyboardInterrupt):
            # CPython finalizes and then ends itself by SIGINT, to inform the shell. The error has been shown.
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
