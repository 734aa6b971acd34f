"""The command ``greenrt install-hook``: a file in site-packages by which each Python patches itself, if told to.

The `site` module executes the lines of ``.pth`` files that begin with ``import`` when Python starts
(https://docs.python.org/3/library/site.html). Ours acts only if the environment has ``GREENRT_PATCH=1``, and costs a
look-up otherwise.
"""

import argparse
import sys
import sysconfig
from pathlib import Path

__all__ = ["install_hook"]

NAME = "greenrt_patch.pth"
TEXT = (
    'import os; os.environ.get("GREENRT_PATCH") == "1" and '
    '__import__("greenrt.monkey", fromlist=["patch_all"]).patch_all()\n'
)


def install_hook(arguments: list[str]) -> int:
    """Run ``greenrt install-hook arguments...``; return 1 if the file can't be written or removed, else 0."""
    parser = argparse.ArgumentParser(
        prog="greenrt install-hook",
        description="Have each Python of this environment patch the standard library at its start, if the environment"
        " variable GREENRT_PATCH is 1. Its child processes inherit that.",
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
