"""Host names: the syntax that the C library accepts, and conversions between `str` and the C library's bytes."""

import re

__all__ = ["decode", "encode", "fold", "is_hostname"]

# The C library sends and accepts these characters (res_hnok). No label is empty; the name has no leading dash.
HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)


def encode(name: str | bytes | bytearray) -> str:
    """Return the name in ASCII, as the socket module passes it to the C library: by the ``idna`` codec (IDNA 2003).

    Bytes are not changed. Raise UnicodeError if a label is empty or too long. Raise ValueError for a null byte, at
    which the C library would cut the name.
    """
    if isinstance(name, str) and is_hostname(name):
        # The codec would return the same name, but takes longer.
        return name
    data = name.encode("idna") if isinstance(name, str) else bytes(name)
    if b"\0" in data:
        raise ValueError(f"embedded null byte in the host name {name!r}")
    return decode(data)


def decode(data: bytes) -> str:
    """Return a name from a file as `str`, as the socket module does."""
    return data.decode("utf-8", "surrogateescape")


def fold(name: str) -> bytes:
    """Return a key that is the same for equal names. Only ASCII letters have two cases."""
    return name.encode("utf-8", "surrogateescape").lower()


def is_hostname(name: str) -> bool:
    """Return whether the C library would query a name server for `name`."""
    return HOSTNAME.fullmatch(name) is not None
