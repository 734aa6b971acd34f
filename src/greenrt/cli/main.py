"""The command ``greenrt``, also as ``python -m greenrt``."""

import os
import sys
from _signal import SIGPIPE
from collections.abc import Callable
from difflib import get_close_matches

from greenrt import _inspection
from greenrt.cli.stand_in import stand_in, take_option

__all__ = ["main"]

HELP = """usage: greenrt COMMAND [ARGUMENT ...]

  run           patch the standard library, then run a program as Python would
  resolve       resolve names as the C library does, or ask name servers
  serve         serve a WSGI application over HTTP/1.1
  dump          print what the greenlets of a running process do
  doctor        print what patching does not reach in a program, and which of its modules block
  install-hook  make each Python that has GREENRT_PATCH=1 patch itself

  --version, -V    print the versions of greenrt and Python
  --help, -h       print this; `greenrt COMMAND --help` describes a command

examples:
  greenrt run script.py --its-option
  greenrt run -m package.module
  greenrt run --as gevent script.py         a program written for gevent, on greenrt
  greenrt serve --bind 127.0.0.1:8080 module:app
  greenrt dump 4711
  greenrt doctor --check script.py

exit codes: that of the program (run, doctor); 1: the command failed; 2: wrong arguments
environment: GREENRT_RESOLVER=ares|thread|block|auto   how names are resolved [auto]
             GREENRT_INSPECT=1|0|/PATH                 whether `greenrt dump` may ask the program
             GREENRT_DUMP_SIGNAL=SIGNAL|0              what makes run and serve write a dump to stderr [USR1]
             GREENRT_WATCHDOG=SECONDS                  log what holds the hub up for longer
             GREENRT_PATCH=1                           see `greenrt install-hook --help`
             GREENRT_AS=gevent,eventlet                what greenrt stands in for, as by --as
"""


def _run(arguments: list[str]) -> None:
    from greenrt.monkey.runner import run

    given, arguments = take_option(arguments, "greenrt run")
    stand_in(given, "greenrt run")
    if arguments[:1] not in ([], ["-h"], ["--help"]):
        _inspection.answer_by_default()
    run(
        arguments,
        "greenrt run",
        "\n  --as NAMES    comes first: serve gevent, eventlet or both by greenrt [GREENRT_AS]\n",
    )


def _resolve(arguments: list[str]) -> int:
    from greenrt.cli.resolve import resolve

    return resolve(arguments)


def _serve(arguments: list[str]) -> None:
    from greenrt.cli.serve import serve

    serve(arguments)


def _dump(arguments: list[str]) -> int:
    from greenrt.cli.dump import dump

    return dump(arguments)


def _doctor(arguments: list[str]) -> int:
    from greenrt.cli.doctor import doctor

    return doctor(arguments)


def _install_hook(arguments: list[str]) -> int:
    from greenrt.cli.install_hook import install_hook

    return install_hook(arguments)


# Each function imports its module when it is called: `greenrt run` does not need the others.
COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "run": _run,
    "resolve": _resolve,
    "serve": _serve,
    "dump": _dump,
    "doctor": _doctor,
    "install-hook": _install_hook,
}


# These run a program, to which the streams belong. The others print for themselves.
RUNNERS = ("run", "serve")


def main() -> None:
    """Run the console script ``greenrt``."""
    first, *rest = sys.argv[1:] or [""]
    if first in RUNNERS:
        _main(first, rest)
        return
    try:
        try:
            _main(first, rest)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe has read enough: end as by SIGPIPE, which Python ignores.
        _discard_output()
        raise SystemExit(128 + SIGPIPE) from None
    except OSError as error:
        # For example, the disk is full.
        _discard_output()
        print(f"greenrt: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _discard_output() -> None:
    """Let Python's flush of stdout at exit succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _main(first: str, rest: list[str]) -> None:
    if first in COMMANDS:
        if rest[:1] not in (["-h"], ["--help"]):
            _check_environment()
        code = COMMANDS[first](rest)
        if code is not None:
            raise SystemExit(code)
    elif first in ("--version", "-V"):
        from greenrt.cli.versions import version_lines

        print(*version_lines(), sep="\n")
    elif first in ("-h", "--help", "help"):
        print(HELP, end="")
    else:
        print(_complaint(first) if first else HELP, end="", file=sys.stderr)
        raise SystemExit(2)


def _check_environment() -> None:
    try:
        _inspection.check_environment()
    except ValueError as error:
        print(f"greenrt: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _complaint(word: str) -> str:
    """Return a message about a word that names no command, with the command that was probably meant."""
    if word.startswith("-"):
        return f"greenrt has no option {word}; it has --help and --version, and commands have their own\n"
    close = get_close_matches(word, COMMANDS, 1)
    if close:
        meant = f"did you mean `greenrt {close[0]}`?"
    elif word.endswith(".py"):
        meant = f"to run a script: greenrt run {word}"
    elif ":" in word:
        meant = f"to serve an application: greenrt serve {word}"
    else:
        meant = "`greenrt --help` lists the commands: " + ", ".join(COMMANDS)
    return f"greenrt: there is no command {word!r}; {meant}\n"


if __name__ == "__main__":
    main()
