"""The drafts of WebSockets before RFC 6455, Hixie-75 and Hixie-76, which eventlet's servers still accept.

A message is a text between the bytes 00 and FF. Browsers have not spoken the drafts since 2012. Hixie-76 was given up
because proxies may take its messages for requests: `WebSocketWSGI.configured` accepts no drafts by default.
"""

import errno
import struct
from collections import deque
from hashlib import md5

from greenrt._typing import Any
from greenrt.sync.lock import RLock

__all__ = ["DraftWebSocket", "accept"]


class DraftWebSocket:
    """A WebSocket by one of the drafts.

    Arguments and attributes: `sock` (attribute `socket`), `environ` and `version`, 75 or 76. Further attributes:
    `origin`, `protocol`, `path` and `websocket_closed`.
    """

    def __init__(self, sock: Any, environ: dict[str, Any], version: int = 76) -> None:
        self.socket: Any = sock
        self.environ: dict[str, Any] = environ
        self.version: int = version
        self.origin: str | None = environ.get("HTTP_ORIGIN")
        self.protocol: str | None = environ.get("HTTP_WEBSOCKET_PROTOCOL")
        self.path: str | None = environ.get("PATH_INFO")
        self.websocket_closed: bool = False
        self._buf = b""
        self._msgs: deque[str] = deque()
        self._sending = RLock()

    def send(self, message: Any) -> None:
        """Send a message as text; other objects than texts and bytes as their str."""
        data = message if isinstance(message, bytes) else str(message).encode()
        with self._sending:
            self.socket.sendall(b"\x00" + data + b"\xff")

    def wait(self) -> str | None:
        """Wait for a message and return it. Returns None once the client has closed the WebSocket."""
        while not self._msgs:
            if self.websocket_closed:
                return None
            more = self.socket.recv(8192)
            if not more:
                return None
            self._buf += more
            self._parse()
        return self._msgs.popleft()

    def _parse(self) -> None:
        """Move whole messages from the buffer to the list."""
        while self._buf and not self.websocket_closed:
            if self._buf[0] == 0xFF:
                self.websocket_closed = True
            elif self._buf[0] != 0:
                raise ValueError(f"no message of the drafts begins with {self._buf[:1]!r}")
            else:
                data, end, rest = self._buf[1:].partition(b"\xff")
                if not end:
                    return
                self._buf = rest
                self._msgs.append(data.decode("utf-8", "replace"))

    def _send_closing_frame(self, ignore_send_errors: bool = False) -> None:
        """Send the close of Hixie-76, unless the WebSocket is closed."""
        if self.version == 76 and not self.websocket_closed:
            try:
                self.socket.sendall(b"\xff\x00")
            except OSError:
                # The client may have left.
                if not ignore_send_errors:
                    raise
            self.websocket_closed = True

    def close(self) -> None:
        """Send a close and end the connection."""
        self._send_closing_frame(True)
        try:
            self.socket.shutdown(2)
        except OSError as error:
            if error.errno not in {errno.ENOTCONN, errno.EBADF}:
                raise
        finally:
            self.socket.close()


def accept(sock: Any, environ: dict[str, Any]) -> DraftWebSocket | None:
    """Answer a handshake of a draft and return the WebSocket; None if the request is no such handshake."""
    version = 76 if "HTTP_SEC_WEBSOCKET_KEY1" in environ else 75
    if version == 76 and "HTTP_SEC_WEBSOCKET_KEY2" not in environ:
        return None
    scheme = "wss" if environ.get("wsgi.url_scheme") == "https" else "ws"
    location = f"{scheme}://{environ.get('HTTP_HOST')}{environ.get('SCRIPT_NAME')}{environ.get('PATH_INFO')}"
    _, mark, query = environ.get("REQUEST_URI", "").partition("?")
    location += mark + query
    prefix = "Sec-" if version == 76 else ""
    lines = [
        f"HTTP/1.1 101 Web{'' if version == 76 else ' '}Socket Protocol Handshake",
        "Upgrade: WebSocket",
        "Connection: Upgrade",
        f"{prefix}WebSocket-Origin: {environ.get('HTTP_ORIGIN', '')}",
        f"{prefix}WebSocket-Location: {location}",
    ]
    answer = b""
    if version == 76:
        lines.insert(4, f"Sec-WebSocket-Protocol: {environ.get('HTTP_SEC_WEBSOCKET_PROTOCOL', 'default')}")
        keys = [_number(environ[f"HTTP_SEC_WEBSOCKET_KEY{n}"]) for n in (1, 2)]
        if None in keys:
            return None
        # The third key follows the head, without a Content-Length.
        third = b""
        while len(third) < 8:
            more = sock.recv(8 - len(third))
            if not more:
                return None
            third += more
        answer = md5(struct.pack(">II", *keys) + third).digest()
    sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + answer)
    return DraftWebSocket(sock, environ, version)


def _number(key: str) -> int | None:
    """Return the number that a key hides: its digits, divided by the number of its spaces; None for no key."""
    digits = "".join(char for char in key if char in "0123456789")
    spaces = key.count(" ")
    number = int(digits) // spaces if digits and spaces else None
    return number if number is not None and number < 1 << 32 else None
