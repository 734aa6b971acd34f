"""eventlet.websocket: WebSockets (RFC 6455) with permessage-deflate (RFC 7692), for `eventlet.wsgi`.

An application made by ``WebSocketWSGI(handler)`` also accepts the drafts before the RFC, as in eventlet.
"""

import errno
import os
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.sync.lock import RLock

from . import _websocket_drafts, wsgi

__all__ = ["WebSocket", "WebSocketWSGI"]

ACCEPTABLE_CLIENT_ERRORS = {errno.ECONNRESET, errno.EPIPE, errno.ESHUTDOWN}
DEFAULT_MAX_FRAME_LENGTH = 8 << 20
PROTOCOL_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VALID_CLOSE_STATUS = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, *range(3000, 5000)}

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_OPCODES = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
# The bytes that end each compressed message and are not sent (RFC 7692 7.2.1).
_FLUSHED = b"\x00\x00\xff\xff"


class BadRequest(Exception):
    """A request that is no valid handshake. Arguments: the `status`, `body` and `headers` of the answer."""

    def __init__(self, status: str = "400 Bad Request", body: Any = None, headers: Any = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


class ConnectionClosedError(Exception):
    """The client has closed the connection."""


class ProtocolError(ValueError):
    """The client breaks the protocol."""


class FailedConnectionError(Exception):
    """The connection must be closed. Arguments and attributes: `status`, the code of the close, and `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class WebSocketWSGI:
    """A WSGI application for WebSockets: it calls ``handler(websocket)`` for each, and closes it afterwards.

    Arguments and attributes: `handler`; `max_frame_length`, the most bytes of an incoming frame and of a message.
    Further attributes: `supported_protocols`, the subprotocols in the order of preference;
    `support_legacy_versions`, whether the drafts before RFC 6455 are accepted; `origin_checker`, a
    function of (host, origin) that returns whether the request is accepted.
    """

    def __init__(
        self, handler: Callable[[Any], object], max_frame_length: int = DEFAULT_MAX_FRAME_LENGTH
    ) -> None:
        self.handler = handler
        self.protocol_version: int | None = None
        # As in eventlet: `configured` has the other default.
        self.support_legacy_versions = True
        self.supported_protocols: list[str] = []
        self.origin_checker: Any = None
        self.max_frame_length = max_frame_length

    @classmethod
    def configured(
        cls,
        handler: Any = None,
        supported_protocols: Any = None,
        origin_checker: Any = None,
        support_legacy_versions: bool = False,
    ) -> Any:
        """Return an application with these attributes; without `handler`, a decorator for one."""

        def decorate(function: Any) -> "WebSocketWSGI":
            made = cls(function)
            made.support_legacy_versions = support_legacy_versions
            made.supported_protocols = list(supported_protocols or ())
            made.origin_checker = origin_checker
            return made

        return decorate if handler is None else decorate(handler)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        options = [part.strip() for part in environ.get("HTTP_CONNECTION", "").lower().split(",")]
        try:
            if "upgrade" not in options or environ.get("HTTP_UPGRADE", "").lower() != "websocket":
                raise BadRequest
            websocket = self._accept(environ) if self._is_of_the_rfc(environ) else self._accept_draft(environ)
        except BadRequest as error:
            start_response(error.status, [("Connection", "close"), *(error.headers or [])])
            return [error.body or b""]
        if "eventlet.set_idle" in environ:
            environ["eventlet.set_idle"]()
        try:
            self.handler(websocket)
        except OSError as error:
            if error.errno not in ACCEPTABLE_CLIENT_ERRORS:
                raise
        websocket._send_closing_frame(True)
        wsgi.WSGI_LOCAL.already_handled = True
        return []

    def _is_of_the_rfc(self, environ: dict[str, Any]) -> bool:
        return "HTTP_SEC_WEBSOCKET_VERSION" in environ or not self.support_legacy_versions

    def _accept_draft(self, environ: dict[str, Any]) -> Any:
        websocket = _websocket_drafts.accept(_socket_of(environ), environ)
        if websocket is None:
            raise BadRequest
        self.protocol_version = websocket.version
        return websocket

    def _accept(self, environ: dict[str, Any]) -> "RFC6455WebSocket":
        """Check the handshake, answer it and return the WebSocket. Raises BadRequest."""
        version = environ.get("HTTP_SEC_WEBSOCKET_VERSION")
        if version not in ("8", "13"):
            raise BadRequest("426 Upgrade Required", headers=[("Sec-WebSocket-Version", "8, 13")])
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY")
        if key is None:
            raise BadRequest
        self.protocol_version = int(version)
        origin = environ.get("HTTP_ORIGIN", environ.get("HTTP_SEC_WEBSOCKET_ORIGIN", ""))
        if self.origin_checker is not None and not self.origin_checker(environ.get("HTTP_HOST"), origin):
            raise BadRequest("403 Forbidden")
        lines = [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + b64encode(sha1(key.encode("latin-1") + PROTOCOL_GUID).digest()),
        ]
        offered = [each.strip() for each in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
        protocol = next((each for each in offered if each and each in self.supported_protocols), None)
        if protocol is not None:
            lines.append(b"Sec-WebSocket-Protocol: " + protocol.encode("latin-1"))
        extensions = {}
        deflate = _negotiated(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))
        if deflate is not None:
            extensions["permessage-deflate"] = deflate
            lines.append(b"Sec-WebSocket-Extensions: " + _shown(deflate).encode())
        sock = _socket_of(environ)
        sock.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        return RFC6455WebSocket(
            sock,
            environ,
            self.protocol_version,
            protocol=protocol,
            extensions=extensions,
            max_frame_length=self.max_frame_length,
        )


def _socket_of(environ: dict[str, Any]) -> Any:
    if "eventlet.input" in environ:
        return environ["eventlet.input"].get_socket()
    if "gunicorn.socket" in environ:
        return environ["gunicorn.socket"]
    raise RuntimeError("a WebSocket needs eventlet.wsgi or gunicorn: the environ has no socket")


def _negotiated(header: str) -> dict[str, Any] | None:
    """Return the parameters of permessage-deflate for the answer to an offer, or None without the extension."""
    for offer in header.split(","):
        name, *parts = (part.strip() for part in offer.split(";"))
        if name.lower() != "permessage-deflate":
            continue
        wanted: dict[str, Any] = {}
        for part in parts:
            key, given, value = part.partition("=")
            wanted[key.strip().lower()] = value.strip().strip('"') if given else True
        chosen: dict[str, Any] = {
            key: bool(wanted.get(key)) for key in ("server_no_context_takeover", "client_no_context_takeover")
        }
        for key in ("server_max_window_bits", "client_max_window_bits"):
            bits = wanted.get(key)
            if bits is not None:
                chosen[key] = 15 if bits is True else int(bits) if bits.isdigit() else 0
        if all(8 <= chosen.get(f"{side}_max_window_bits", 15) <= 15 for side in ("server", "client")):
            return chosen
    return None


def _shown(parameters: dict[str, Any]) -> str:
    parts = ["permessage-deflate"]
    for key, value in parameters.items():
        if value is True:
            parts.append(key)
        elif value is not False:
            parts.append(f"{key}={value}")
    return "; ".join(parts)


# Eventlet's class of this name is that of the drafts.
WebSocket = _websocket_drafts.DraftWebSocket


class RFC6455WebSocket:
    """A WebSocket by RFC 6455.

    Arguments: `sock`, `environ`, `version`; `protocol`, the subprotocol; `client`, whether this is the client's side;
    `extensions`, the parameters of permessage-deflate by its name; `max_frame_length`, the most bytes of an incoming
    frame and, decompressed, of a message.
    """

    def __init__(
        self,
        sock: Any,
        environ: dict[str, Any],
        version: int = 13,
        protocol: str | None = None,
        client: bool = False,
        extensions: Any = None,
        max_frame_length: int = DEFAULT_MAX_FRAME_LENGTH,
    ) -> None:
        self.socket: Any = sock
        self.environ: dict[str, Any] = environ
        self.version: int = version
        self.origin: str | None = environ.get("HTTP_ORIGIN")
        self.path: str | None = environ.get("PATH_INFO")
        self.websocket_closed: bool = False
        self._buf = b""
        self._sending = RLock()
        self.protocol: str | None = protocol
        self.client = client
        self.extensions: dict[str, Any] = extensions or {}
        self.max_frame_length = max_frame_length
        self._remote_close_data: bytes | None = None
        self.close_code: int | None = None
        deflate = self.extensions.get("permessage-deflate")
        self._deflate: dict[str, Any] | None = deflate
        self._compressor: Any = None
        self._decompressor: Any = None

    # -- Receiving

    def wait(self) -> str | bytes | None:
        """Wait for a message and return it: a str or bytes. Returns None once the WebSocket is closed."""
        try:
            return self._message()
        except ConnectionClosedError:
            return None
        except FailedConnectionError as error:
            self.close((error.status, error.message))
            return None

    def _message(self) -> str | bytes:
        """Return the next message; answer pings and the close between its frames."""
        kind: int | None = None
        parts: list[bytes] = []
        size = 0
        compressed = False
        while True:
            final, reserved, opcode, data = self._frame(self.max_frame_length - size)
            if opcode >= CLOSE:
                self._control(opcode, data)
                continue
            if opcode == CONTINUATION:
                if kind is None:
                    raise FailedConnectionError(1002, "a continuation without a message")
                if reserved:
                    raise FailedConnectionError(1002, "a reserved bit is set in a continuation")
            elif kind is not None:
                raise FailedConnectionError(1002, "a message begins within another one")
            else:
                kind = opcode
                compressed = reserved
            parts.append(data)
            size += len(data)
            if final:
                break
        whole = b"".join(parts)
        if compressed:
            whole = self._decompressed(whole)
        if kind == BINARY:
            return whole
        try:
            return whole.decode()
        except UnicodeDecodeError:
            raise FailedConnectionError(1007, "a text is not UTF-8") from None

    def _frame(self, room: int) -> tuple[bool, bool, int, bytes]:
        """Receive a frame; return whether it is the last one, the first reserved bit, the opcode and the data."""
        first, second = self._bytes(2)
        final, opcode = bool(first & 0x80), first & 0x0F
        reserved = bool(first & 0x40)
        if opcode not in _OPCODES:
            raise FailedConnectionError(1002, "an unknown opcode")
        if first & 0x30 or (reserved and self._deflate is None):
            raise FailedConnectionError(1002, "a reserved bit is set")
        if bool(second & 0x80) == self.client:
            raise FailedConnectionError(1002, "the mask is wrong")
        size = second & 0x7F
        if opcode >= CLOSE and (size > 125 or not final or reserved):
            raise FailedConnectionError(1002, "a control frame is too long, fragmented or compressed")
        if size == 126:
            (size,) = struct.unpack("!H", self._bytes(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._bytes(8))
        if opcode < CLOSE and size > room:
            raise FailedConnectionError(
                1009, f"Incoming frame of {size} bytes is above length limit of {room} bytes."
            )
        mask = self._bytes(4) if second & 0x80 else None
        data = self._bytes(size)
        return final, reserved, opcode, data if mask is None else _masked(data, mask)

    def _bytes(self, count: int) -> bytes:
        while len(self._buf) < count:
            try:
                more = self.socket.recv(max(count - len(self._buf), 4096))
            except OSError as error:
                self.websocket_closed = True
                raise ConnectionClosedError from error
            if not more:
                self.websocket_closed = True
                raise ConnectionClosedError
            self._buf += more
        data, self._buf = self._buf[:count], self._buf[count:]
        return data

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == PING:
            self._send_frame(PONG, data)
        elif opcode == CLOSE:
            self._remote_close_data = data
            if not data:
                status = 1000
            elif len(data) == 1:
                raise FailedConnectionError(1002, "the code of a close is incomplete")
            else:
                (status,) = struct.unpack("!H", data[:2])
                if status not in VALID_CLOSE_STATUS:
                    raise FailedConnectionError(1002, f"{status} is no code of a close")
                try:
                    data[2:].decode()
                except UnicodeDecodeError:
                    raise FailedConnectionError(1007, "the text of a close is not UTF-8") from None
            self.close_code = status
            self.close((status, ""))
            raise ConnectionClosedError

    # -- Compression

    def _bits(self, side: str) -> int:
        assert self._deflate is not None
        # zlib has no raw streams of 8 bits; it makes and reads them as ones of 9.
        return -max(int(self._deflate.get(f"{side}_max_window_bits") or 15), 9)

    def _decompressed(self, data: bytes) -> bytes:
        assert self._deflate is not None
        side = "server" if self.client else "client"
        stream = self._decompressor
        if stream is None or self._deflate.get(f"{side}_no_context_takeover"):
            stream = self._decompressor = zlib.decompressobj(self._bits(side))
        try:
            found: bytes = stream.decompress(data + _FLUSHED, self.max_frame_length + 1)
        except zlib.error as error:
            raise FailedConnectionError(1007, f"a message can't be decompressed: {error}") from None
        if len(found) > self.max_frame_length:
            raise FailedConnectionError(
                1009, f"Incoming compressed frame is above length limit of {self.max_frame_length} bytes."
            )
        return found

    def _compressed(self, data: bytes) -> bytes:
        assert self._deflate is not None
        side = "client" if self.client else "server"
        stream = self._compressor
        if stream is None or self._deflate.get(f"{side}_no_context_takeover"):
            stream = self._compressor = zlib.compressobj(
                zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, self._bits(side)
            )
        return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_FLUSHED)  # type: ignore[no-any-return]

    # -- Sending

    def send(self, message: str | bytes, **kw: Any) -> None:
        """Send a message: a str as text, bytes as binary. Raises ConnectionResetError if it is closed."""
        if self.websocket_closed:
            raise ConnectionResetError(errno.ECONNRESET, "the WebSocket is closed")
        kind, data = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, bytes(message))
        with self._sending:
            if self._deflate is not None:
                self._send_frame(kind, self._compressed(data), 0x40)
            else:
                self._send_frame(kind, data)

    def _send_frame(self, opcode: int, data: bytes, bits: int = 0) -> None:
        size = len(data)
        masked = 0x80 if self.client else 0
        if size < 126:
            head = struct.pack("!BB", 0x80 | bits | opcode, masked | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | bits | opcode, masked | 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | bits | opcode, masked | 127, size)
        if masked:
            mask = os.urandom(4)
            head += mask
            data = _masked(data, mask)
        with self._sending:
            self.socket.sendall(head + data)

    def _send_closing_frame(self, ignore_send_errors: bool = False, close_data: Any = None) -> None:
        """Send a close, unless one was sent. `close_data` is None or a pair of a code and a text."""
        if self.websocket_closed:
            return
        data = b""
        if close_data is not None:
            status, text = close_data
            data = struct.pack("!H", status) + (text.encode() if isinstance(text, str) else text)[:123]
        try:
            self._send_frame(CLOSE, data)
        except OSError:
            # The client may have left.
            if not ignore_send_errors:
                raise
        finally:
            self.websocket_closed = True

    def close(self, close_data: Any = None) -> None:
        """Send a close with `close_data`, a pair of a code and a text, and end the connection."""
        self._send_closing_frame(True, close_data)
        try:
            self.socket.shutdown(2)
        except OSError as error:
            if error.errno not in {errno.ENOTCONN, errno.EBADF}:
                raise
        finally:
            self.socket.close()


def _masked(data: bytes, mask: bytes) -> bytes:
    """Apply a mask; applied twice, it gives the data again."""
    size = len(data)
    whole = int.from_bytes(mask * (size // 4 + 1), "big") >> (8 * (4 - size % 4))
    return (int.from_bytes(data, "big") ^ whole).to_bytes(size, "big")


__getattr__: Callable[[str], Any] = missing_names(__name__)
