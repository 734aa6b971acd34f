"""What HTTP/1.1 allows: the characters of tokens, values and targets (RFC 9110, RFC 9112); the error for the rest."""

import re

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
    "is_token",
]

BAD_REQUEST = "400 Bad Request"

# RFC 9110 5.6.2, for a regular expression.
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 9110 5.5: no control characters but the tab. With empty text, and with spaces around it.
TEXT = r"[^\x00-\x08\x0a-\x1f\x7f]*"

is_token = re.compile(TOKEN).fullmatch

# The bits of `CLASSES`: a character of a token, of a field value, of a request target (RFC 3986 without the "#"), and
# of a quoted string (RFC 9110 5.6.4) other than the quote and the backslash.
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


# For each byte, the bits of what it may be a part of.
CLASSES = bytes(map(_classes_of, range(256)))


class RequestError(OSError):
    """A request that is not served; `status` is the answer, and the connection is closed after it.

    Raised also by reads of ``wsgi.input``, where frameworks treat an OSError as the fault of the client.
    """

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status

    def __str__(self) -> str:
        return f"{self.status}: {self.args[0]}"
