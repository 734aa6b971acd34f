"""What is a name of a host, and how it is spelled for the C library."""

import re

__all__ = ["decode", "encode", "fold", "is_hostname"]

# The characters that the C library sends and accepts (res_hnok): no leading dash, no empty label.
HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)


def encode(name: str | bytes | bytearray) -> str:
    """Return the name in ASCII, as the socket module hands it to the C library: by the ``idna`` codec (IDNA 2003).

    Bytes are taken as they are. UnicodeError for labels that are empty or too long, ValueError for a null byte, at
    which the C library would cut the name.
    """
    if isinstance(name, str) and is_hostname(name):
        # The codec would return the same, but takes longer.
        return name
    data = name.encode("idna") if isinstance(name, str) else bytes(name)
    if b"\0" in data:
        raise ValueError(f"embedded null byte in the host name {name!r}")
    return decode(data)


def decode(data: bytes) -> str:
    """Return a name from a file as `str`, as the socket module does."""
    return data.decode("utf-8", "surrogateescape")


def fold(name: str) -> bytes:
    """Return what is equal for equal names: only ASCII letters have two cases."""
    return name.encode("utf-8", "surrogateescape").lower()


def is_hostname(name: str) -> bool:
    """Tell whether the C library would ask a name server for `name`."""
    return HOSTNAME.fullmatch(name) is not None
