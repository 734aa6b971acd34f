"""Requests of tests by urllib that leave no connection open."""

import urllib.error
import urllib.request

__all__ = ["request"]


def request(url: str, data: bytes | None = None, timeout: float = 30.0) -> tuple[int, str]:
    """Ask for `url`, by POST if there is `data`; return the status, below 400, and the text.

    An HTTPError holds the connection, and CPython 3.14 warns of one that is not closed: it is closed here.
    """
    try:
        with urllib.request.urlopen(url, data, timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        raise
