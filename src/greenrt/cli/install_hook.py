"""The command ``greenrt install-hook``: let each Python of an environment patch itself on demand.

The command writes a ``.pth`` file into site-packages. When Python starts, the `site` module executes the lines of
such files that begin with ``import`` (https://docs.python.org/3/library/site.html). These lines act only if the
environment has ``GREENRT_AS`` or ``GREENRT_PATCH=1``, and cost a look-up each otherwise. The file may outlive
greenrt, and an interpreter in which greenrt does not work may read it. Then the line prints why, and the program runs
as if it were not there.
"""

import argparse
import sys
import sysconfig
from pathlib import Path

__all__ = ["install_hook"]

NAME = "greenrt_patch.pth"
# Lines in the syntax of every Python 3, since any interpreter that shares the folder reads them. Folders that an
# uninstall left behind are a namespace package, which has no origin.
LINE = (
    'import os; {condition} and exec("'
    "try:\\n"
    " import importlib.util\\n"
    " found = importlib.util.find_spec('greenrt')\\n"
    " if found and found.origin:\\n"
    "  {action}\\n"
    "except Exception as error:\\n"
    " import sys\\n"
    " sys.stderr and sys.stderr.write("
    "'greenrt: {problem}: %s: %s\\\\n' % (type(error).__name__, error))"
    '", {{}})\n'
)
TEXT = LINE.format(
    condition='os.environ.get("GREENRT_AS")',
    action="from greenrt import _alias; _alias.install(*_alias.requested())",
    problem="GREENRT_AS has no effect in this Python",
) + LINE.format(
    condition='os.environ.get("GREENRT_PATCH") == "1"',
    action="from greenrt.monkey import patch_all; patch_all()",
    problem="GREENRT_PATCH=1, but this Python is not patched",
)


def install_hook(arguments: list[str]) -> int:
    """Run ``greenrt install-hook arguments...``; return 1 if the file can't be written or removed, else 0."""
    parser = argparse.ArgumentParser(
        prog="greenrt install-hook",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Make each Python of this environment patch the standard library at its start, if the\n"
        "environment variable GREENRT_PATCH is 1, and serve gevent and eventlet by greenrt if GREENRT_AS names\n"
        "them. Child processes inherit the variables.",
        epilog="examples:\n"
        "  greenrt install-hook && GREENRT_PATCH=1 celery worker\n"
        "  greenrt install-hook && GREENRT_AS=gevent locust\n"
        "  greenrt install-hook --remove        before you uninstall greenrt; a file that stays does nothing\n\n"
        "exit codes: 1: the file could not be written or removed; 2: wrong arguments\n"
        "environment: GREENRT_PATCH=1: patch; GREENRT_AS=gevent,eventlet: what greenrt stands in for.\n"
        "Under -S or -I -S Python reads no such file and stays unpatched.",
    )
    parser.add_argument("--remove", action="store_true", help="remove the file")
    options = parser.parse_args(arguments)
    path = Path(sysconfig.get_path("purelib"), NAME)
    try:
        if options.remove:
            path.unlink()
        else:
            path.write_text(TEXT)
    except FileNotFoundError:
        print(f"greenrt install-hook: nothing was changed: {path} does not exist", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"greenrt install-hook: {path}: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"removed {path}" if options.remove else f"wrote {path}; it acts under GREENRT_PATCH=1 and GREENRT_AS"
    )
    return 0
