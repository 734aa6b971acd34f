"""The command ``greenrt install-hook``: a file in site-packages by which each Python patches itself, on demand.

The `site` module executes the lines of ``.pth`` files that begin with ``import`` when Python starts
(https://docs.python.org/3/library/site.html). Ours acts only if the environment has ``GREENRT_PATCH=1``, and costs a
look-up otherwise. The file outlives greenrt, and may be read by an interpreter that greenrt does not work in: then it
says so in a line, and the program runs unpatched.
"""

import argparse
import sys
import sysconfig
from pathlib import Path

__all__ = ["install_hook"]

NAME = "greenrt_patch.pth"
# One line, and in the syntax of every Python 3, since any that shares the folder reads it. Folders that an uninstall
# left behind are a namespace package, which has no origin.
TEXT = (
    'import os; os.environ.get("GREENRT_PATCH") == "1" and exec("'
    "try:\\n"
    " import importlib.util\\n"
    " found = importlib.util.find_spec('greenrt')\\n"
    " if found and found.origin:\\n"
    "  from greenrt.monkey import patch_all\\n"
    "  patch_all()\\n"
    "except Exception as error:\\n"
    " import sys\\n"
    " sys.stderr and sys.stderr.write("
    "'greenrt: GREENRT_PATCH=1, but this Python is not patched: %s: %s\\\\n' % (type(error).__name__, error))"
    '", {})\n'
)


def install_hook(arguments: list[str]) -> int:
    """Run ``greenrt install-hook arguments...``; return 1 if the file can't be written or removed, else 0."""
    parser = argparse.ArgumentParser(
        prog="greenrt install-hook",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Have each Python of this environment patch the standard library at its start, if the\n"
        "environment variable GREENRT_PATCH is 1. Its child processes inherit that.",
        epilog="examples:\n"
        "  greenrt install-hook && GREENRT_PATCH=1 celery worker\n"
        "  greenrt install-hook --remove        before greenrt is uninstalled; what is left does nothing\n\n"
        "exit codes: 1: the file could not be written or removed; 2: wrong arguments\n"
        "environment: GREENRT_PATCH=1: patch. Python's -S and -I -S read no such file, nothing is patched there.",
    )
    parser.add_argument("--remove", action="store_true", help="undo it")
    options = parser.parse_args(arguments)
    path = Path(sysconfig.get_path("purelib"), NAME)
    try:
        if options.remove:
            path.unlink()
        else:
            path.write_text(TEXT)
    except FileNotFoundError:
        print(f"greenrt install-hook: nothing was changed: there is no {path}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"greenrt install-hook: {path}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"removed {path}" if options.remove else f"wrote {path}; it acts under GREENRT_PATCH=1")
    return 0
