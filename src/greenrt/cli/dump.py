"""The command ``greenrt dump``: ask a running process what its greenlets do."""

import argparse
import os
import socket
import struct
import sys
import time

from greenrt._render import printable
from greenrt._typing import Any
from greenrt.cli import remote_dump
from greenrt.cli.other_process import OtherProcess, Refusal
from greenrt.inspect.protocol import folders, question, read_head

__all__ = ["dump"]

DESCRIPTION = """Print what a running process does: its greenlets with their states, what they wait on and their
stacks, those with the same stack in one group; then native threads, file descriptors, pools, DNS queries and
servers.

The process must have a socket to ask: `greenrt run` and `greenrt serve` open one, other programs do with
GREENRT_INSPECT=1 or by greenrt.inspect.listen(). From CPython 3.14 on, if this Python and that of the process have
the same minor version, a process without a socket is asked by sys.remote_exec."""

EPILOG = """examples:
  greenrt dump 4711
  greenrt dump --json 4711 | jq '.greenlets[] | select(.state == "running")'
  greenrt dump --watch 2 4711

exit codes: 0: the process has answered; 1: it has not, and a line on stderr says why; 2: wrong arguments"""

# How long to wait before another try, if the process has ended the connection, in seconds.
PAUSE = 0.05
# The most digits of the number of a process that are read.
LONGEST = 30
UCRED = struct.Struct("=iII")
PIECE = 1 << 16


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenrt dump",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument("process", metavar="PID", help="the number of the process, or the path of its socket")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON object with a record of each greenlet"
    )
    parser.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help="ask again and again, with a pause in between"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long to wait for an answer [10]",
    )
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e6:
        raise ValueError
    return value


def dump(arguments: list[str]) -> int:
    """Run ``greenrt dump``; return the exit code."""
    options = _parser().parse_args(arguments)
    format = "json" if options.json else "text"
    try:
        _print(options.process, format, options.timeout)
        while options.watch is not None:
            time.sleep(options.watch)
            if not options.json:
                print(f"\n{'-' * 20} {time.strftime('%H:%M:%S')}\n")
            _print(options.process, format, options.timeout)
    except Refusal as refusal:
        print(f"greenrt: {printable(str(refusal))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # It is the way to end --watch.
        return 0 if options.watch is not None else 130
    return 0


def _print(process: str, format: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    if "/" in process:
        answer = _ask_socket(process, None, format, deadline)
        if answer is None:
            raise Refusal(f"no process listens at {process}")
    else:
        answer = _ask_process(process, format, deadline)
    if sys.stdout is None:
        raise Refusal("stdout is closed")
    view = memoryview(answer)
    while view:
        # Without a buffer (PYTHONUNBUFFERED), a write may take a part only.
        view = view[sys.stdout.buffer.write(view) :]
    sys.stdout.flush()


def _ask_process(text: str, format: str, deadline: float) -> bytes:
    if not text.isascii() or not text.isdigit():
        raise Refusal(f"{text!r} is no process number, and no path of a socket")
    if len(text) > LONGEST:
        # int() refuses very long ones.
        raise Refusal(f"there is no process {text}")
    process = OtherProcess(int(text))
    for path in _paths(process):
        answer = _ask_socket(path, process, format, deadline)
        if answer is not None:
            return answer
    process.check_runs_greenrt()
    return remote_dump.ask(process, format, deadline)


def _paths(process: OtherProcess) -> list[str]:
    """Return the paths at which the process may listen, the likeliest first."""
    name = f"{process.own_pid}.sock"
    given = process.variable("GREENRT_INSPECT")
    paths = []
    if given and os.path.isabs(given):
        # A file, that of a child of a fork, or a folder.
        paths = [given, f"{given}.{process.own_pid}", os.path.join(given, name)]
    known = folders(process.uid, process.variable("XDG_RUNTIME_DIR"))
    if os.geteuid() == 0:
        # The process may have been root's when it began to listen.
        known += [folder for folder in folders(0, None) if folder not in known]
    return [process.root() + path for path in (*paths, *(os.path.join(folder, name) for folder in known))]


def _ask_socket(path: str, process: OtherProcess | None, format: str, deadline: float) -> bytes | None:
    """Return the answer of the process that listens at `path`; None if there is none, or another than `process`.

    Raise Refusal if the process has not answered by `deadline`.
    """
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                _limit(sock, deadline)
                sock.connect(path)
                pid, uid, _ = UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
                # The file may be one that a process of the same number has left, or that another user has put there.
                if process is not None and (pid != process.pid or uid not in (0, process.uid)):
                    return None
                sock.sendall(question(format))
                return _read_answer(sock, deadline)
        except TimeoutError:
            raise Refusal(
                f"{_named(path, process)} has not answered in time; it is stopped, or a call in C holds its GIL"
            ) from None
        except (ConnectionResetError, BrokenPipeError, EOFError):
            # The process has forked or ended in the middle of the answer, or it does not trust this user.
            if process is None or time.monotonic() + PAUSE > deadline:
                raise Refusal(f"{_named(path, process)} has ended the connection without an answer") from None
            process.check_is_there()
            time.sleep(PAUSE)
        except ValueError as error:
            raise Refusal(f"{_named(path, process)}: {error}") from None
        except PermissionError:
            raise Refusal(f"{_named(path, process)} lets only its own user and root ask") from None
        except OSError as error:
            if process is None and not isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                raise Refusal(f"{path}: {error.strerror or error}") from None
            return None


def _named(path: str, process: OtherProcess | None) -> str:
    return f"process {process.pid}" if process is not None else f"the process at {path}"


def _limit(sock: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def _read_answer(sock: Any, deadline: float) -> bytes:
    received = bytearray()
    while (end := received.find(b"\n")) < 0:
        received += _receive(sock, deadline)
    kind, length = read_head(bytes(received[:end]))
    body = received[end + 1 :]
    while len(body) < length:
        body += _receive(sock, deadline)
    if kind != "ok":
        raise ValueError(body.decode(errors="replace"))
    return bytes(body)


def _receive(sock: Any, deadline: float) -> bytes:
    _limit(sock, deadline)
    data: bytes = sock.recv(PIECE)
    if not data:
        raise EOFError
    return data
