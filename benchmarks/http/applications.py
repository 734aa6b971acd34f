"""A WSGI and an ASGI application with the same answers, by path."""

from collections.abc import Awaitable, Callable
from typing import Any

BODIES = {"/hello": b"Hello, World!", "/10k": b"x" * 10_000, "/1m": b"x" * 1_000_000}


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = BODIES[environ["PATH_INFO"]]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: Any, receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    body = BODIES[scope["path"]]
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
