"""Requests by urllib for tests, which leave no connection open."""

import urllib.error
import urllib.request

__all__ = ["request"]


def request(url: str, data: bytes | None = None, timeout: float = 30.0) -> tuple[int, str]:
    """Request `url`, by POST if there is `data`; return the status and the text. Raise HTTPError from 400 on.

    An HTTPError keeps the connection, and CPython 3.14 warns of one that is not closed, so it is closed here.
    """
    try:
        with urllib.request.urlopen(url, data, timeout) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        raise
