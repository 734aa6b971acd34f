"""What a client may cost before it is refused."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits and timeouts of a `WSGIServer`: bytes, seconds and counts. None switches a limit off, where it may.

    The defaults bound what one hostile connection can hold to 64 KiB, and to a minute without progress.
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
