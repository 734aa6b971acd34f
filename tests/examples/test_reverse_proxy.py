"""The reverse proxy, between a client and a server of the standard library."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from example_child import LIMIT, Child, example

BIG = b"0123456789abcdef" * 65536


class Behind(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(203, "Fine")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Seen", str(self.headers["X-Forwarded-For"]))
        self.send_header("X-Host", str(self.headers["Host"]))
        self.end_headers()
        for piece in (self.path.encode(), b" ", BIG):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def behind() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(proxy: Child, *request: object, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port(), timeout=LIMIT)
    try:
        connection.request(*request, headers=headers)  # type: ignore[arg-type]
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_requests_and_responses_pass(behind: int) -> None:
    with example("reverse_proxy.py", f"http://127.0.0.1:{behind}") as proxy:
        response, body = ask(proxy, "GET", "/a%2Fb?c=d", Host="public")
        assert (response.status, response.reason) == (203, "Fine")
        assert body == b"/a%2Fb?c=d " + BIG
        assert (response.headers["X-Seen"], response.headers["X-Host"]) == ("127.0.0.1", "public")
        response, body = ask(proxy, "POST", "/", BIG)
        assert body == BIG[::-1]
        proxy.press_ctrl_c()
        proxy.check_clean_end()


def test_a_server_that_is_gone() -> None:
    with example("reverse_proxy.py", "http://127.0.0.1:1") as proxy:
        response, _ = ask(proxy, "GET", "/")
        assert response.status == 502
        proxy.wait_for("Connection refused")
