"""Find the end of a request head, and the first byte at which it breaks the grammar or a limit."""

from greenrt.serve.http.limits import Limits
from greenrt.serve.http.protocol import CLASSES, IN_TARGET, IN_TEXT, IN_TOKEN, RequestError, bad_request

__all__ = ["HeadScanner"]

TOO_LARGE = "431 Request Header Fields Too Large"

# The states: what the next byte belongs to.
START, METHOD, TARGET_START, TARGET, VERSION, FIELD, NAME, VALUE = 0, 1, 2, 3, 4, 5, 6, 7
# States after a CR: what the LF ends.
EMPTY_LINE, LINE, HEAD = 8, 9, 10
DONE = 11
# For each state, the class of the bytes that do not change it.
RUNS = bytes((0, IN_TOKEN, 0, IN_TARGET, 0, 0, IN_TOKEN, IN_TEXT, 0, 0, 0, 0))

# Versions as big-endian numbers.
HTTP_1_0 = int.from_bytes(b"HTTP/1.0", "big")
HTTP_1_1 = int.from_bytes(b"HTTP/1.1", "big")


class HeadScanner:
    """Scan the request heads of one connection; each head may arrive in any number of pieces.

    The scanner judges a head byte by byte and reads each byte once, so the pieces change neither the verdict nor the
    cost. The grammar is that of RFC 9112 with none of its leniencies.

    `skipped` says whether an empty line preceded the head.
    """

    __slots__ = (
        "_field_limit",
        "_fields",
        "_head_limit",
        "_line_start",
        "_most_fields",
        "_request_line_limit",
        "_scanned",
        "_state",
        "_version",
        "_version_size",
        "skipped",
    )

    def __init__(self, limits: Limits) -> None:
        self._request_line_limit = limits.request_line
        self._field_limit = limits.field
        self._head_limit = limits.head
        self._most_fields = limits.fields
        self.restart()

    def restart(self) -> None:
        """Prepare for the next head."""
        self.skipped: bool = False
        self._state = START
        # Offsets of the next byte and of the current line. The head begins after the empty line.
        self._scanned = self._line_start = 0
        self._fields = 0
        self._version = self._version_size = 0

    def scan(self, data: bytes, start: int) -> int:
        """Scan the next piece, `data` from `start`; return the position after the head, or -1 if the head goes on.

        Raise RequestError at the first byte that no valid request has there, or that exceeds a limit.
        """
        raw = data
        classes = CLASSES
        runs = RUNS
        size = len(data)
        state = self._state
        position = start
        # The difference between positions in `data` and offsets in the head.
        shift = self._scanned - start
        bound = self._bound() - shift
        while True:
            run = runs[state]
            stop = min(size, bound)
            while position < stop and classes[raw[position]] & run:
                position += 1
            if position >= size:
                break
            byte = raw[position]
            if position >= bound and byte != 0x0D and byte != 0x0A:
                raise self._too_long()
            # Each field has these two transitions; a call for them would be slow.
            if state == NAME and byte == 0x3A:
                state = VALUE
            elif state == VALUE and byte == 0x0D:
                state = LINE
            else:
                state = self._step(state, byte)
            position += 1
            if byte == 0x0A:
                if state == DONE:
                    return position
                if state == START:
                    shift = -position
                self._line_start = position + shift
                bound = self._bound() - shift
        self._state = state
        self._scanned = size + shift
        return -1

    def _bound(self) -> int:
        """Return the offset at which the line or the head is as long as allowed; only CR and LF may follow."""
        limit = self._field_limit if self._line_start else self._request_line_limit
        return min(self._line_start + limit, self._head_limit)

    def _too_long(self) -> RequestError:
        limit = self._field_limit if self._line_start else self._request_line_limit
        if self._line_start + limit > self._head_limit:
            return RequestError(TOO_LARGE, f"head of more than {self._head_limit} bytes")
        if self._line_start:
            return RequestError(TOO_LARGE, f"header field of more than {limit} bytes")
        return RequestError("414 URI Too Long", f"request line of more than {limit} bytes")

    def _step(self, state: int, byte: int) -> int:
        """Return the state after a byte that ends a run or is a run of its own.

        `scan` ends names and values itself.
        """
        if state == NAME:
            raise bad_request(
                "header field without a colon" if byte == 0x0D else "malformed header field name"
            )
        if state == LINE:
            if byte == 0x0A:
                return FIELD
        elif state == FIELD:
            if CLASSES[byte] & IN_TOKEN:
                self._fields += 1
                if self._fields > self._most_fields:
                    raise RequestError(TOO_LARGE, f"more than {self._most_fields} header fields")
                return NAME
            if byte == 0x0D:
                return HEAD
            raise bad_request("malformed header field name")
        elif state == HEAD:
            if byte == 0x0A:
                return DONE
        elif state != VALUE:
            return self._step_in_line(state, byte)
        raise _bad_text(byte)

    def _step_in_line(self, state: int, byte: int) -> int:
        """Return the state after such a byte in the request line, or before it."""
        if state == METHOD:
            if byte == 0x20:
                return TARGET_START
            raise bad_request("request line without a target" if byte == 0x0D else "malformed method")
        if state in (TARGET_START, TARGET):
            if byte == 0x20 and state == TARGET:
                return VERSION
            if CLASSES[byte] & IN_TARGET:
                return TARGET
            raise bad_request("request line without a version" if byte == 0x0D else "malformed target")
        if state == VERSION:
            return self._step_in_version(byte)
        if state == START:
            if CLASSES[byte] & IN_TOKEN:
                return METHOD
            if byte == 0x0D and not self.skipped:
                # An empty line before the request line is ignored (RFC 9112 2.2); old clients sent one.
                return EMPTY_LINE
            raise bad_request("malformed request line")
        if state == EMPTY_LINE and byte == 0x0A:
            self.skipped = True
            return START
        raise _bad_text(byte)

    def _step_in_version(self, byte: int) -> int:
        if byte == 0x0D:
            version = self._version
            if version in (HTTP_1_1, HTTP_1_0):
                return LINE
            if _is_http(version):
                raise RequestError(
                    "505 HTTP Version Not Supported", "version other than HTTP/1.1 and HTTP/1.0"
                )
        elif CLASSES[byte] & IN_TARGET and self._version_size < 8:
            self._version_size += 1
            self._version = self._version << 8 | byte
            return VERSION
        raise bad_request("malformed version")


def _bad_text(byte: int) -> RequestError:
    """Return the error for a byte that is not text, or for a CR and an LF that are not together."""
    if byte < 0x20 and byte != 0x0A and byte != 0x0D:
        return bad_request("control character in the head")
    return bad_request("line that does not end in CRLF")


def _is_http(version: int) -> bool:
    """Return whether 8 bytes of a request line are the name and two digits of an HTTP version."""
    text = version.to_bytes(8, "big")
    return text.startswith(b"HTTP/") and text[6:7] == b"." and text[5:6].isdigit() and text[7:].isdigit()
