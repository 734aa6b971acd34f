"""The grammar of HTTP/1.1 (RFC 9110, RFC 9112): its characters, and the error for requests that break it."""

import re
from collections.abc import Callable

__all__ = [
    "BAD_REQUEST",
    "CLASSES",
    "IN_QUOTES",
    "IN_TARGET",
    "IN_TEXT",
    "IN_TOKEN",
    "TEXT",
    "TOKEN",
    "RequestError",
    "bad_request",
    "is_token",
]

BAD_REQUEST = "400 Bad Request"

# A token as a regular expression (RFC 9110 5.6.2).
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# The text of a field value, with the spaces around it; it may be empty. No control characters except the tab (RFC
# 9110 5.5).
TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"

is_token: Callable[[str], object] = re.compile(TOKEN).fullmatch

# The bits in `CLASSES`: characters of a token, of a field value, of a request target (RFC 3986 without the "#"), and
# of a quoted string (RFC 9110 5.6.4) except the quote and the backslash.
IN_TOKEN, IN_TEXT, IN_TARGET, IN_QUOTES = 1, 2, 4, 8


def _classes_of(byte: int) -> int:
    char = chr(byte)
    found = 0
    if is_token(char):
        found |= IN_TOKEN
    if re.fullmatch(TEXT, char):
        found |= IN_TEXT
        if char not in '"\\':
            found |= IN_QUOTES
    if "!" <= char <= "~" and char != "#":
        found |= IN_TARGET
    return found


# The bits of each byte.
CLASSES = bytes(map(_classes_of, range(256)))


class RequestError(OSError):
    """A request that is refused: the server answers with `status`, such as ``"400 Bad Request"``, and closes.

    Reads of ``wsgi.input`` raise it too, because frameworks treat an OSError there as the client's fault.
    """

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status

    def __str__(self) -> str:
        return f"{self.status}: {self.args[0]}"


def bad_request(why: str) -> RequestError:
    """Return the error for a malformed request, which is answered with 400."""
    return RequestError(BAD_REQUEST, why)
