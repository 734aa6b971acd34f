"""A reverse proxy: a WSGI application that forwards requests to another server, streaming in both directions.

    python examples/reverse_proxy.py --port 8000 http://127.0.0.1:9000

The other server gets X-Forwarded-For. Fields that concern only one connection (RFC 9110, 7.6.1) are not forwarded.
"""

import argparse
import signal
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import greenrt
from greenrt import monkey
from greenrt.serve import WSGIServer

CHUNK = 65536
PATIENCE = 30.0  # seconds that the other server may be silent
OF_THE_CONNECTION = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split()
)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Proxy:
    """The application: it opens a connection to the other server for each request."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Forward a request, and return the response."""
        connection = HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            response = self.ask(connection, environ)
        except (OSError, HTTPException) as error:
            connection.close()
            print(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}: {error}", flush=True)
            start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
            return [b"the server behind this one does not answer\n"]
        headers = [pair for pair in response.getheaders() if pair[0].lower() not in OF_THE_CONNECTION]
        start_response(f"{response.status} {response.reason}", headers)
        return pieces(connection, response)

    def ask(self, connection: HTTPConnection, environ: dict[str, Any]) -> HTTPResponse:
        """Send the request, with its body as it arrives."""
        body = None
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            body = iter(lambda: environ["wsgi.input"].read(CHUNK), b"")
        connection.request(
            environ["REQUEST_METHOD"], environ["REQUEST_URI"], body, dict(request_headers(environ))
        )
        return connection.getresponse()


def request_headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers to forward."""
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").lower()
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH") or (
            key.startswith("HTTP_") and name not in OF_THE_CONNECTION | {"x-forwarded-for", "expect"}
        ):
            yield name, value
    known = environ.get("HTTP_X_FORWARDED_FOR", "")
    yield "x-forwarded-for", f"{known}, {environ['REMOTE_ADDR']}".removeprefix(", ")


def pieces(connection: HTTPConnection, response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body as it arrives."""
    try:
        while data := response.read1(CHUNK):
            yield data
    finally:
        connection.close()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Forward requests to another server.")
    parser.add_argument("target", type=urlsplit, metavar="http://HOST:PORT")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()
    monkey.patch_all()  # for http.client

    proxy = Proxy(options.target.hostname, options.target.port or 80)
    server = WSGIServer(("127.0.0.1", options.port), proxy)
    stop = greenrt.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    server.start()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    stop.wait()
    print("stopping", flush=True)
    server.stop(5.0)


if __name__ == "__main__":
    main()
