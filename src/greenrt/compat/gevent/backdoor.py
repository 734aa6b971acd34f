"""gevent.backdoor: an interactive interpreter inside the running process, over a socket."""

import builtins
import socket
from code import InteractiveConsole
from collections.abc import Callable
from types import CodeType
from typing import NoReturn

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._stdout_router import output_to
from greenrt.compat.gevent.server import StreamServer

__all__ = ["BackdoorServer"]


class BackdoorServer(StreamServer):
    """A server that gives each connection an interactive Python interpreter of this process.

    It has no authentication: listen on an address that only trusted users reach. While code of a connection runs, its
    output goes to the connection, also that of the greenlets that it spawns.

    Arguments: `listener` and `server_args` are those of `gevent.server.StreamServer`. `locals`, the names that each
    interpreter has. `banner`, a text for new connections; None: that of Python.
    """

    def __init__(
        self,
        listener: Any,
        locals: dict[str, Any] | None = None,
        banner: str | None = None,
        **server_args: Any,
    ) -> None:
        super().__init__(listener, **server_args)
        self.locals: dict[str, Any] = {"__doc__": None, "__name__": "__console__", **(locals or {})}
        self.banner = banner

    def _create_interactive_locals(self) -> dict[str, Any]:
        return {"quit": _quit, "exit": _quit, **self.locals, "builtins": builtins, "__builtins__": builtins}

    def handle(self, conn: Any, _address: Any) -> None:
        """Run an interpreter on the connection until its end of file, or until `quit()`."""
        text = {"encoding": "utf-8", "errors": "replace", "newline": "\n"}
        # Two files: a write to one for both directions would drop the lines that it has read ahead.
        with conn.makefile("r", **text) as source, conn.makefile("w", **text) as target:
            console = _Console(self._create_interactive_locals(), source, target)
            try:
                console.interact(self.banner, exitmsg="")
            except (SystemExit, ConnectionError):
                # The user has quit, or the connection is gone.
                pass
        try:
            conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other end has closed the connection already.
            pass


def _quit(code: object = None) -> NoReturn:
    """Close the connection."""
    raise SystemExit(code)


class _Console(InteractiveConsole):
    """An interpreter that reads from and writes to a connection."""

    def __init__(self, names: dict[str, Any], source: Any, target: Any) -> None:
        super().__init__(names)
        self._source = source
        self._target = target

    def write(self, data: str) -> None:
        """Write to the connection."""
        self._target.write(data)
        self._target.flush()

    def raw_input(self, prompt: str = "") -> str:
        """Return the next line of the connection. Raise EOFError at its end."""
        self.write(prompt)
        line: str = self._source.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")

    def runcode(self, code: CodeType) -> None:
        """Run code whose output goes to the connection."""
        with output_to(self._target):
            super().runcode(code)


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
