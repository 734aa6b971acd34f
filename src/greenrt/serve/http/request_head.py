"""Make the WSGI environ, or a refusal, from a request head that a `HeadScanner` has scanned."""

import re
from urllib.parse import unquote_to_bytes

from greenrt._typing import Any
from greenrt.serve.http.memo import remember
from greenrt.serve.http.protocol import RequestError, bad_request, is_token
from greenrt.serve.http.request_body import NO_BODY

__all__ = ["HeadParser"]

# A host by RFC 3986: a registered name, an IPv4 address or an IPv6 address in brackets, then a port. It may be empty.
_HOST = re.compile(
    r"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%25[A-Za-z0-9\-._~%]+)?\])(?::[0-9]*)?"
)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)

# Environ keys by field name, in the spelling of the request; "" for fields that are dropped.
_keys: dict[str, str] = {}
# Fields are remembered up to this length, in bytes: an idle connection holds them and their environ.
_REMEMBERED = 2048
# The keys that differ between requests. An environ has places for them, so that its copy need not grow.
_EACH = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_URI": "",
    "PATH_INFO": "",
    "QUERY_STRING": "",
    "wsgi.input": NO_BODY,
}
# The keys of a request that has a body or options of the connection.
_SPECIAL = frozenset(("CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_CONNECTION"))
# Hosts that have passed the check.
_hosts: dict[str, bool] = {}
_methods: dict[str, bool] = dict.fromkeys("GET HEAD POST PUT DELETE PATCH OPTIONS TRACE".split(), True)

# Fields that may occur only once: a proxy and the application must agree on them.
_SINGLE = frozenset(("HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"))


def _key_of(name: str) -> str:
    """Return the environ key for a field name, or "" if the application must not see the field."""
    # X_Forwarded_For would have the same key as X-Forwarded-For. Programs that the application runs take HTTP_PROXY
    # for a setting ("httpoxy").
    key = "" if "_" in name else "HTTP_" + name.upper().replace("-", "_")
    if key in ("HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
        key = key[5:]
    elif key == "HTTP_PROXY":
        key = ""
    remember(_keys, name, key)
    return key


class HeadParser:
    """Parse the request heads of one connection.

    Requests mostly repeat their fields, which are then parsed only twice.

    - `base`: the keys and values that all environs have.

    After `parse` or `parse_again`, `method` and `target` are those of the request line. `modern` says whether the
    version is HTTP/1.1, not 1.0. `plain` says whether the head mentions neither a body nor the connection.
    """

    __slots__ = (
        "_base",
        "_environ",
        "_escaped",
        "_hosted",
        "_query",
        "_tail",
        "method",
        "modern",
        "plain",
        "target",
    )

    def __init__(self, base: dict[str, Any]) -> None:
        self._base = {**_EACH, **base}
        # The bytes of the last request from the CRLF of its first line to the empty line. Once they repeat, also an
        # environ with these fields.
        self._tail = b""
        self._environ: dict[str, Any] | None = None
        self._hosted = False
        self.plain: bool = True
        self.modern: bool = True
        self.method: str = ""
        self.target: str = ""
        # Where the query begins in the target, 0 without a query, and whether the target has a percent sign.
        self._query = 0
        self._escaped = False

    def forget(self) -> None:
        """Forget the request line, because the next one may not be read."""
        self.method = self.target = ""

    def parse_again(self, data: bytes) -> dict[str, Any] | None:
        """Return the environ if `data` is exactly one request with the fields of the last two requests, else None.

        Raise RequestError for a request line that is invalid with these fields or with any. A malformed line returns
        None.
        """
        if self._environ is None or not data.endswith(self._tail):
            return None
        # A CR before the tail means further fields or several requests.
        if not self._read_line(data, len(data) - len(self._tail)):
            return None
        return self._completed(self._environ.copy())

    def parse(self, head: bytes) -> dict[str, Any]:
        """Return the environ for `head`, the bytes before the empty line: a copy of `base` and what the head says.

        A `HeadScanner` has scanned the head. Raise RequestError for what the scanner does not judge: fields that
        contradict each other, and invalid forms of the target and the host.
        """
        line, end, fields = head.partition(b"\r\n")
        if not self._read_line(line, len(line)):
            raise bad_request("malformed request line")
        tail = end + fields + b"\r\n\r\n"
        if tail != self._tail:
            environ = self._parse_fields(fields)
            self._environ = None
            self._tail = tail if len(tail) <= _REMEMBERED else b""
        else:
            if self._environ is None:
                self._environ = self._parse_fields(fields)
            environ = self._environ.copy()
        return self._completed(environ)

    def _read_line(self, data: bytes, stop: int) -> bool:
        """Parse the request line, the first `stop` bytes of `data`, in one pass in C.

        Return False if it is malformed.
        """
        if data.endswith(b" HTTP/1.1", 0, stop):
            self.modern = True
        elif data.endswith(b" HTTP/1.0", 0, stop):
            self.modern = False
        else:
            return False
        end = stop - 9
        space = query = 0
        escaped = False
        for position, byte in enumerate(data):
            if position == end:
                break
            if byte <= 0x20 or byte >= 0x7F:
                if byte != 0x20 or space:
                    return False
                space = position
            elif byte == 0x23 and space:
                return False
            elif byte == 0x3F and space and not query:
                query = position - space - 1
            elif byte == 0x25:
                escaped = True
        if not space or space + 1 >= end:
            return False
        if space == 3 and data.startswith(b"GET"):
            self.method = "GET"
        else:
            self.method = data[:space].decode("latin-1")
            if self.method not in _methods and is_token(self.method) is None:
                return False
        self.target = data[space + 1 : end].decode("latin-1")
        self._query = query
        self._escaped = escaped
        return True

    def _completed(self, environ: dict[str, Any]) -> dict[str, Any]:
        """Add the values of the request line where they differ from the most common ones; return the environ."""
        if not self.modern:
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        elif not self._hosted:
            raise bad_request("missing Host")
        if self.method != "GET":
            if self.method == "CONNECT":
                raise _connect_error(self.target)
            environ["REQUEST_METHOD"] = self.method
        target = self.target
        environ["REQUEST_URI"] = target
        if target[0] != "/":
            target, _, environ["QUERY_STRING"] = _other_form(environ, target).partition("?")
        elif self._query:
            environ["QUERY_STRING"] = target[self._query + 1 :]
            target = target[: self._query]
        environ["PATH_INFO"] = unquote_to_bytes(target).decode("latin-1") if self._escaped else target
        return environ

    def _parse_fields(self, fields: bytes) -> dict[str, Any]:
        """Return a copy of the base with the fields in `fields`, one to a line."""
        environ = self._base.copy()
        # The values of repeated fields. They are joined at the end, so that the cost is proportional to their length.
        repeated: dict[str, list[str]] | None = None
        lines = fields.decode("latin-1").split("\r\n") if fields else []
        for line in lines:
            name, _, value = line.partition(":")
            key = _keys.get(name)
            if key is None:
                key = _key_of(name)
            if key not in environ:
                if key:
                    environ[key] = value.strip(" \t")
                continue
            if repeated is None:
                repeated = {}
            if key not in repeated:
                if key in _SINGLE:
                    raise bad_request(f"more than one field for {key}")
                repeated[key] = [environ[key]]
            repeated[key].append(value.strip(" \t"))
        if repeated is not None:
            for key, values in repeated.items():
                # Joined by RFC 9110 5.3, cookies by RFC 6265 5.4.
                environ[key] = ("; " if key == "HTTP_COOKIE" else ", ").join(values)
        self.plain = _SPECIAL.isdisjoint(environ)
        host = environ.get("HTTP_HOST")
        self._hosted = host is not None
        if host is not None and host not in _hosts:
            _check_host(host)
        return environ


def _check_host(host: str) -> None:
    if _HOST.fullmatch(host) is None:
        raise bad_request("invalid Host")
    remember(_hosts, host, True)


def _other_form(environ: dict[str, Any], target: str) -> str:
    """Return the path and query of a target in absolute form, or the ``*`` of OPTIONS (RFC 9112 3.2)."""
    options = environ["REQUEST_METHOD"] == "OPTIONS"
    if target == "*" and options:
        return target
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise bad_request("target that is neither a path nor a URL")
    authority = found[1]
    if not authority or authority[0] == ":":
        # A URL without a host is invalid (RFC 9110 4.2.1).
        raise bad_request("target with an empty host")
    _check_host(authority)
    # The target's host replaces the Host field (RFC 9112 3.2.2).
    environ["HTTP_HOST"] = authority
    rest = found[2]
    if not rest and options:
        # The URL of the whole server (RFC 9112 3.2.4).
        return "*"
    return rest if rest.startswith("/") else "/" + rest


def _connect_error(target: str) -> RequestError:
    """Return the error for a CONNECT request, whose target is a host and a port (RFC 9112 3.2.3)."""
    host, _, port = target.rpartition(":")
    if host and _HOST.fullmatch(target) and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536:
        return RequestError("501 Not Implemented", "unsupported method CONNECT")
    return bad_request("CONNECT target that is not a host and a port")
