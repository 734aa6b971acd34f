"""Limits on what one client may cost the server."""

from dataclasses import dataclass, fields

from greenrt._typing import Any

__all__ = ["Limits"]

# Limits that may be 0: nothing of the kind is allowed then.
_MAY_BE_0 = frozenset(("body", "chunk_extension", "trailers", "unread"))

# Compiled code adds counts and sizes in C integers. No socket waits longer than this many seconds.
_MOST_WHOLE = 1 << 60
_LONGEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits and timeouts of a `WSGIServer`, in bytes, seconds and counts.

    None switches a limit off, where its type allows None. The defaults bound one hostile connection to 64 KiB of
    memory, and to a minute without progress. The constructor raises TypeError or ValueError, which names the limit,
    for an invalid value.
    """

    request_line: int = 8192
    """The longest request line, in bytes. A longer one is answered with 414."""
    field: int = 8192
    """The longest header field, in bytes. A longer one is answered with 431."""
    head: int = 32768
    """The longest request line with all header fields, in bytes. A longer head is answered with 431."""
    fields: int = 100
    """The most header fields. More are answered with 431."""
    body: int | None = 1 << 30
    """The longest request body, in bytes: announced or, if it is chunked, read. A longer one is answered with 413."""
    chunk_extension: int = 256
    """The most bytes of the extensions of one chunk. More are answered with 400."""
    trailers: int = 8192
    """The most bytes of trailer fields, which are dropped. More are answered with 400."""
    unread: int = 65536
    """The most bytes of an unread body that are read and dropped, in order to keep the connection."""

    head_timeout: float | None = 10.0
    """The longest time from the first byte of a request to the end of its head, in seconds; then 408 is sent.

    Also the longest TLS handshake.
    """
    idle_timeout: float | None = 15.0
    """The longest wait for the next request on a connection, in seconds; then the connection is closed."""
    body_timeout: float | None = 10.0
    """How long a body may be slower than `body_rate`, in seconds; then 408 is sent.

    Also the longest pause in a body. Only the time that the application waits for the body counts.
    """
    body_rate: int = 1024
    """The slowest rate of a body once `body_timeout` is over, in bytes per second."""
    write_timeout: float | None = 30.0
    """The longest time in which a client reads nothing of a response, in seconds; then the connection is reset."""

    connections: int | None = 10_000
    """The most concurrent connections. More wait in the kernel's queue."""
    connections_per_peer: int | None = None
    """The most concurrent connections of one client (see `StreamServer`). More are closed at once."""
    requests: int | None = None
    """The most requests on one connection; then the connection is closed."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, field.type, getattr(self, field.name))


def _check(name: str, kind: Any, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is valid for the limit `name`, which is declared as `kind`."""
    if value is None:
        if "None" not in str(kind):
            raise TypeError(f"the limit {name} is None, but it can't be switched off; give a large number")
        return
    whole = "float" not in str(kind)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise TypeError(f"the limit {name} must be {'an int' if whole else 'a number'}, not {value!r}")
    if not (value > 0 or (value == 0 and name in _MAY_BE_0)):
        raise ValueError(f"the limit {name} must be more than 0, not {value!r}")
    most = _MOST_WHOLE if whole else _LONGEST
    if value > most:
        raise ValueError(f"the limit {name} must be at most {most:_}, not {value!r}")
