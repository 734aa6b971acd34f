"""The command ``greenrt serve``: serve a WSGI application with `WSGIServer` until a signal ends it."""

import argparse
import dataclasses
import os
import re
import signal
import sys
from contextlib import suppress
from importlib import import_module

from greenrt import _inspection
from greenrt._typing import Any
from greenrt.cli.output import PATIENCE, cooperate, finish, say
from greenrt.cli.serve_log import LEVELS, log_to_stderr
from greenrt.cli.stand_in import OPTION, stand_in
from greenrt.monkey.patches import patch_all

__all__ = ["serve"]

# An environment variable with the descriptors of listening sockets that the previous process, which had the same id,
# left open. If "file" follows a number, this process removes the socket's file when it ends.
INHERITED = "GREENRT_SERVE_FDS"

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# The limit (seconds) of the watchdog.
STALL = 5.0

# The default address.
HOST = "127.0.0.1"
PORT = 8000
ADDRESSES = (
    f"host:port, [IPv6]:port, :port (of all IPv4 addresses), a port (of {HOST}), an IP address (port {PORT}), "
    "unix:/path or fd:3"
)
# The command-line options by the server's arguments.
OPTIONS = {"certfile": "--tls-cert", "keyfile": "--tls-key"}

DESCRIPTION = """Serve a WSGI application over HTTP/1.1. SIGTERM and SIGINT: answer the requests received so far, then
end. SIGHUP: answer the requests received so far, then restart in the same process; no connection is refused
meanwhile. If the application can't be loaded then, the process ends."""

EPILOG = """examples:
  greenrt serve module:app
  greenrt serve --bind 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem --access-log module:app

exit codes: 0: ended by a signal; 2: wrong arguments, or the application can't be loaded
environment: LISTEN_FDS and LISTEN_PID, the sockets that systemd passes; GREENRT_RESOLVER, as for `greenrt run`;
GREENRT_INSPECT=0, no answers to `greenrt dump`; GREENRT_DUMP_SIGNAL, the signal that writes a dump to stderr [USR1];
GREENRT_WATCHDOG, after how many seconds the error log says what holds the server up [5], 0 for never"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenrt serve",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    parser.add_argument(
        "application", metavar="MODULE:NAME", help="the module, and its application (default: app)"
    )
    parser.add_argument(
        "--bind",
        action="append",
        metavar="ADDRESS",
        help=f"{ADDRESSES}; may be repeated [the sockets systemd passes, or {HOST}:{PORT}]",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate chain in PEM; enables https")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, unless that is in the same file")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a field of greenrt.serve.Limits; none switches it off",
    )
    parser.add_argument(
        "--graceful", type=float, default=30.0, metavar="SECONDS", help="how long to finish requests [30]"
    )
    parser.add_argument("--access-log", action="store_true", help="write a line for each request to stdout")
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        default="warning",
        help="the least level of the error log: to stderr, or where the application logs to [warning]",
    )
    parser.add_argument(
        OPTION,
        dest="stand_in",
        metavar="NAMES",
        help="serve gevent, eventlet or both by greenrt [GREENRT_AS]",
    )
    parser.add_argument(
        "--patch",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="patch the standard library first [yes]",
    )
    return parser


def serve(arguments: list[str]) -> None:
    """Run ``greenrt serve``. Raise SystemExit with 2 for wrong arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.graceful >= 0:
        parser.error("--graceful must be 0 or more seconds")
    stand_in(options.stand_in, "greenrt serve")
    if options.patch:
        patch_all()
    cooperate()
    _inspection.answer_by_default()
    received = _Signals()
    if INHERITED in os.environ:
        # The process was restarted. Connections wait already, and must be answered before it ends.
        received.listen()
    try:
        limits = _limits(options.limit)
        log_to_stderr(options.log_level)
        application = _application(options.application)
        log_to_stderr(options.log_level)
        servers = _servers(options, limits, application)
        received.listen()
        _start(servers, options)
        _watch()
    except _UsageError as error:
        parser.error(str(error))
    received.event.wait()
    restart = received.numbers[0] == signal.SIGHUP
    inherited = [_Inherited(server) for server in servers] if restart else []
    _stop(servers, options.graceful, signal.Signals(received.numbers[0]).name)
    if restart:
        _restart(arguments, inherited, received)
        for listener in inherited:
            listener.close()
    finish()


class _UsageError(Exception):
    """A request of the command line can't be fulfilled; the message says why in one line."""


class _Signals:
    """The signals received so far."""

    def __init__(self) -> None:
        from greenrt.sync.event import Event

        self.numbers: list[int] = []
        self.event = Event()

    def listen(self) -> None:
        """Record signals from now on, including those that were blocked."""
        for number in SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _caught())

    def _note(self, number: int, frame: Any) -> None:
        self.numbers.append(number)
        self.event.set()


def _caught() -> set[int]:
    """Return the signals that would end a process without handlers: those of `SIGNALS`, and that for a dump."""
    number = _inspection.dump_signal()
    return set(SIGNALS) if number is None else {*SIGNALS, number}


class _Inherited:
    """A listening socket, and its file if it has one, for the process that restarts."""

    def __init__(self, server: Any) -> None:
        self.fd = os.dup(server.socket.fileno())
        # The server must not remove the file when it stops.
        self.file, server.socket_file = server.socket_file, None

    def __str__(self) -> str:
        return f"{self.fd}file" if self.file is not None else f"{self.fd}"

    def close(self) -> None:
        """Close the socket and remove its file, because the process ends instead."""
        os.close(self.fd)
        if self.file is not None:
            self.file.remove()


def _restart(arguments: list[str], inherited: list[_Inherited], received: _Signals) -> None:
    """Replace the process by a new one with the sockets `inherited`, unless a signal asked it to end meanwhile."""
    # The new program has no handlers yet, so a signal would kill it. A blocked signal waits for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _caught())
    if any(number != signal.SIGHUP for number in received.numbers):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _caught())
        return
    for listener in inherited:
        os.set_inheritable(listener.fd, True)
    os.environ[INHERITED] = ",".join(map(str, inherited))
    os.execv(sys.executable, [sys.executable, "-m", "greenrt.cli.main", "serve", *arguments])


def _limits(settings: list[str]) -> Any:
    from greenrt.serve import Limits

    known = {field.name: field.default for field in dataclasses.fields(Limits)}
    values: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known:
            raise _UsageError(f"there is no limit {name!r}; use one of {', '.join(known)}")
        kind = float if isinstance(known[name], float) else int
        try:
            values[name] = None if text == "none" else kind(text)
        except ValueError:
            raise _UsageError(f"the limit {name} must be a number or none, not {text!r}") from None
    try:
        return Limits(**values)
    except (TypeError, ValueError) as error:
        raise _UsageError(str(error)) from None


def _application(given: str) -> Any:
    module, _, name = given.partition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        raise _UsageError(f"{given!r} is not MODULE:NAME")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module)
    except ImportError as error:
        # If the module itself fails to import another one, the user needs the traceback.
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _UsageError(f"{given}: there is no module {module!r} here or on sys.path") from None
        raise
    for part in (name or "app").split("."):
        if not hasattr(found, part):
            raise _UsageError(f"{given}: {found!r} has no {part!r}")
        found = getattr(found, part)
    if not callable(found):
        raise _UsageError(f"{given}: a WSGI application must be callable, not {found!r}")
    return found


def _servers(options: Any, limits: Any, application: Any) -> list[Any]:
    from greenrt.green import socket
    from greenrt.serve import WSGIServer, inherited_sockets
    from greenrt.serve.listeners import AddressError
    from greenrt.serve.socket_file import SocketFile
    from greenrt.serve.tls import CertificateError

    left_open = os.environ.pop(INHERITED, "")
    if left_open:
        fds = left_open.split(",")
        listeners: list[Any] = [socket.socket(fileno=int(fd.removesuffix("file"))) for fd in fds]
        files = {sock for sock, fd in zip(listeners, fds, strict=True) if fd.endswith("file")}
        for listener in listeners:
            os.set_inheritable(listener.fileno(), False)
    else:
        files = set()
        listeners = [_completed(each) for each in options.bind or ()]
        listeners = listeners or [sock for _, sock in inherited_sockets()] or [f"{HOST}:{PORT}"]
    log = sys.stdout if options.access_log else None
    tls = {"certfile": options.tls_cert, "keyfile": options.tls_key}
    if options.tls_key is not None and options.tls_cert is None:
        raise _UsageError("--tls-key needs --tls-cert")
    servers = []
    for listener in listeners:
        try:
            server = WSGIServer(listener, application, limits=limits, log=log, may_exit=False, **tls)
        except CertificateError as error:
            raise _UsageError(
                f"{OPTIONS[error.setting]} {error.path!r} {_in_options(error.reason)}"
            ) from None
        except AddressError as error:
            raise _UsageError(f"--bind {listener!r} is no address: {error.reason}; use {ADDRESSES}") from None
        except (OSError, ValueError) as error:
            raise _UsageError(f"{listener}: {error}") from None
        if listener in files:
            with suppress(OSError):
                server.socket_file = SocketFile(server.address)
        servers.append(server)
    return servers


def _completed(address: str) -> str:
    """Return an address of --bind, completed with the default host or port."""
    from greenrt.green import socket
    from greenrt.serve.listeners import is_ipv6

    if address.isascii() and address.isdigit():
        return f"{HOST}:{address}"
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if is_ipv6(bare):
        return f"[{bare}]:{PORT}"
    try:
        socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return address
    return f"{address}:{PORT}"


def _in_options(reason: str) -> str:
    """Return a reason with the names of the command-line options in place of the server's arguments."""
    # Names inside a path, which has quotes around it, must stay.
    named = re.sub(r"(?<![\w/.'-])(certfile|keyfile)(?![\w/.'-])", lambda found: OPTIONS[found[1]], reason)
    return named.replace(", or give an ssl_context with its password", "")


def _start(servers: list[Any], options: Any) -> None:
    for server in servers:
        try:
            server.start()
        except OSError as error:
            # Those that listen already may have socket files.
            for started in servers:
                started.close()
            raise _UsageError(f"can't listen: {error}") from None
        say(f"greenrt serves {options.application} at {_shown(server)}, pid {os.getpid()}")


def _shown(server: Any) -> str:
    scheme = "https" if server.ssl_context is not None else "http"
    address = server.address
    if not isinstance(address, tuple):
        return f"unix:{address} ({scheme})"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{scheme}://{host}:{address[1]}"


def _watch() -> None:
    """Log what holds the hub up, unless the environment says otherwise."""
    if _inspection.watchdog_limit() is None:
        from greenrt.inspect.watchdog import watch

        watch(STALL)


def _stop(servers: list[Any], seconds: float, why: str) -> None:
    from greenrt import joinall, spawn

    say(f"greenrt: {why}: {sum(server.connections for server in servers)} connections to finish")
    # A server that ends logs what it has not logged yet, and perhaps no one reads the log.
    joinall([spawn(server.stop, seconds) for server in servers], seconds + PATIENCE)
    given_up = sum(server.given_up for server in servers)
    say(f"greenrt: done; {given_up} requests given up" if given_up else "greenrt: done")
