"""What a client may cost before it is refused."""

from dataclasses import dataclass, fields

from greenrt._typing import Any

__all__ = ["Limits"]

# Where 0 says something: what is allowed is none.
_MAY_BE_0 = frozenset(("body", "chunk_extension", "trailers", "unread"))

# Counts and sizes are added to each other in C integers; no socket waits longer than a few centuries (seconds).
_MOST_WHOLE = 1 << 60
_LONGEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits and timeouts of a `WSGIServer`: bytes, seconds and counts. None switches a limit off, where it may.

    The defaults bound what one hostile connection can hold to 64 KiB, and to a minute without progress. TypeError and
    ValueError for a value that is no limit.
    """

    # The request line (414 if longer), one header field, all of them with the request line (431).
    request_line: int = 8192
    field: int = 8192
    head: int = 32768
    fields: int = 100
    # The request body (413), as announced or, if chunked, as read.
    body: int | None = 1 << 30
    # Extensions of one chunk; the trailer fields, which are discarded.
    chunk_extension: int = 256
    trailers: int = 8192
    # What of a body that the application did not read is read and dropped, to keep the connection.
    unread: int = 65536

    # From the first byte of a request to the end of its head (408); the handshake of TLS.
    head_time: float | None = 10.0
    # Between requests.
    idle_time: float | None = 15.0
    # A body may come in slowly for `body_time`; the rate, in bytes a second, is asked for after that (408). Only the
    # time that the application waits for it counts.
    body_time: float | None = 10.0
    body_rate: int = 1024
    # Without the client taking in anything of a response.
    write_time: float | None = 30.0

    # Connections at once; more wait in the kernel's queue. Then those of one address, where more are closed.
    connections: int | None = 10_000
    connections_per_peer: int | None = None
    # Requests answered on one connection.
    requests: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, field.type, getattr(self, field.name))


def _check(name: str, kind: Any, value: Any) -> None:
    """Check that `value` may be the limit `name`, declared as `kind`."""
    if value is None:
        if "None" not in str(kind):
            raise TypeError(f"the limit {name} can't be switched off; give a large number")
        return
    whole = "float" not in str(kind)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise TypeError(f"the limit {name} must be {'an int' if whole else 'a number'}, not {value!r}")
    if not (value > 0 or (value == 0 and name in _MAY_BE_0)):
        raise ValueError(f"the limit {name} must be more than 0, not {value!r}")
    most = _MOST_WHOLE if whole else _LONGEST
    if value > most:
        raise ValueError(f"the limit {name} must be at most {most:_}, not {value!r}")
