"""The command ``greenrt``."""

import sys

from greenrt.monkey.runner import run_module, run_script

import greenrt

__all__ = ["main", "run"]

USAGE = """usage: {0} [-m MODULE | SCRIPT] [ARGUMENT ...]

Patches the standard library, then runs SCRIPT or MODULE as Python would.
"""

COMMANDS = """usage: greenrt run [-m MODULE | SCRIPT] [ARGUMENT ...]   patch, then run a program
       greenrt resolve [--type TYPE] [--server ADDRESS] [--trace] NAME ...
       greenrt serve [OPTION ...] MODULE:NAME                 serve a WSGI application; --help says more
       greenrt --version
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


def main() -> None:
    """The console script ``greenrt``."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        run(arguments[1:], "greenrt run")
    elif arguments[:1] == ["resolve"]:
        # Not above: `greenrt run` does without.
        from greenrt.monkey.resolve import resolve

        raise SystemExit(resolve(arguments[1:]))
    elif arguments[:1] == ["serve"]:
        from greenrt.monkey.serve import serve

        serve(arguments[1:])
    elif arguments[:1] in (["--version"], ["-V"]):
        print(f"greenrt {greenrt.__version__} ({greenrt.__build__}, Python {sys.version.split()[0]})")
    elif arguments[:1] in (["-h"], ["--help"]):
        print(COMMANDS, end="")
    else:
        print(COMMANDS, end="", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
