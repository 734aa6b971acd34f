"""eventlet.green.http: the standard package `http`, with cooperative modules."""

from http import HTTPStatus

__all__ = ["HTTPStatus"]
