"""eventlet.backdoor: a Python prompt inside the running program, for each connection."""

import code
import sys
from collections.abc import Callable
from weakref import WeakKeyDictionary

from greenlet import getcurrent

import greenrt
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["backdoor", "backdoor_server"]


_HELP = 'Type "help" for more information.'


class _Divided:
    """A stream in the place of sys.stdout or sys.stderr. In a console's greenlet it is the console's connection."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.files: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files.get(getcurrent(), self.original), name)


def _divide(name: str, file: Any) -> None:
    """Give the current greenlet a stream of its own."""
    stream = getattr(sys, name)
    if not isinstance(stream, _Divided):
        stream = _Divided(stream)
        setattr(sys, name, stream)
    stream.files[getcurrent()] = file


def _undivide(name: str) -> None:
    stream = getattr(sys, name)
    if isinstance(stream, _Divided):
        stream.files.pop(getcurrent(), None)
        if not stream.files:
            setattr(sys, name, stream.original)


class SocketConsole(code.InteractiveConsole):
    """A console that reads from and writes to a connection.

    Arguments: `desc`, the connection as a text file; `hostport`, the client's address; `locals`, the names at the
    prompt.
    """

    def __init__(self, desc: Any, hostport: Any, locals: Any) -> None:
        super().__init__(locals)
        self.desc = desc
        self.hostport = hostport

    def raw_input(self, prompt: Any = "") -> str:
        """Return a line of the client's. Raises EOFError at the end of the connection."""
        self.write(str(prompt))
        line: str = self.desc.readline()
        if not line:
            raise EOFError
        return line.replace("\r\n", "\n").rstrip("\n")

    def write(self, data: str) -> None:
        """Send a text to the client."""
        self.desc.write(data)

    def run(self) -> None:
        """Serve the client until it leaves."""
        for name in ("stdout", "stderr"):
            _divide(name, self.desc)
        try:
            self.interact(f"Python {sys.version} on {sys.platform}\n{_HELP}\n(InteractiveConsole)")
        except (OSError, SystemExit):
            # The client has gone, or has called exit().
            pass
        finally:
            for name in ("stdout", "stderr"):
                _undivide(name)
            self.finalize()

    def finalize(self) -> None:
        """Close the connection, and print that it is closed."""
        try:
            self.desc.close()
        except OSError:
            # Buffered text for a client that has gone.
            pass
        print(f"backdoor closed{_shown(' to', self.hostport)}")


class _Conversation:
    """A connection as a text file. One `makefile("rw")` would drop what was read ahead at each write."""

    def __init__(self, connection: Any) -> None:
        self._reader = connection.makefile("r")
        self._writer = connection.makefile("w")

    def readline(self) -> str:
        return self._reader.readline()  # type: ignore[no-any-return]

    def write(self, data: str) -> None:
        """Send a text at once."""
        self._writer.write(data)
        self._writer.flush()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def __getattr__(self, name: str) -> Any:
        # What else a stream has, such as `encoding` and `flush`.
        return getattr(self._writer, name)


def _shown(before: str, address: Any) -> str:
    return f"{before} {address[0]}:{address[1]}" if isinstance(address, tuple) else ""


def backdoor_server(sock: Any, locals: Any = None) -> None:
    """Serve a prompt to each client of a listening socket; `locals` are the names at the prompt. Does not return.

    The server asks for no password: every client that connects can run code in this process. Listen on a Unix socket
    or on 127.0.0.1.
    """
    address = sock.getsockname()
    print(f"backdoor server listening on{_shown('', address) or f' {address}'}")
    try:
        while True:
            connection = sock.accept()
            backdoor(connection, locals)
            connection[0].close()
    finally:
        sock.close()


def backdoor(conn_info: Any, locals: Any = None) -> None:
    """Serve a prompt to a client in a new greenthread. `conn_info` is what `accept` returns."""
    connection, address = conn_info
    print(f"backdoor{_shown(' to', address) or ' opened'}")
    console = SocketConsole(_Conversation(connection), address, locals)
    greenrt.spawn(console.run)


__getattr__: Callable[[str], Any] = missing_names(__name__)
