"""The command ``greenrt``."""

import sys

from greenrt.monkey.runner import run

import greenrt

__all__ = ["main"]

COMMANDS = """usage: greenrt run [-m MODULE | SCRIPT] [ARGUMENT ...]   patch, then run a program
       greenrt resolve [--type TYPE] [--server ADDRESS] [--trace] NAME ...
       greenrt serve [OPTION ...] MODULE:NAME                 serve a WSGI application; --help says more
       greenrt doctor [-m MODULE | SCRIPT] [ARGUMENT ...]     what can't be patched, and what blocks all the same
       greenrt install-hook [--remove]                        patch each Python that has GREENRT_PATCH=1
       greenrt --version
"""


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
    elif arguments[:1] == ["doctor"]:
        from greenrt.monkey.doctor import doctor

        raise SystemExit(doctor(arguments[1:]))
    elif arguments[:1] == ["install-hook"]:
        from greenrt.monkey.site_hook import install_hook

        raise SystemExit(install_hook(arguments[1:]))
    elif arguments[:1] in (["--version"], ["-V"]):
        print(f"greenrt {greenrt.__version__} ({greenrt.__build__}, Python {sys.version.split()[0]})")
    elif arguments[:1] in (["-h"], ["--help"]):
        print(COMMANDS, end="")
    else:
        print(COMMANDS, end="", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
