"""The crawler, on a site of the standard library's server."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from example_child import example

LEAVES = 30
SEEN: Counter[str] = Counter()


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        SEEN[self.path] += 1
        body, kind = "", "text/html; charset=utf-8"
        if self.path == "/":
            body = "".join(f'<p><a class="x" href="/leaf/{number}">é</a>' for number in range(LEAVES))
            body += '<a href="http://elsewhere.invalid/">out</a><a name="x"></a><a href="#top"></a>'
        elif self.path.startswith("/leaf/") and self.path != "/leaf/broken":
            time.sleep(0.02)
            body = '<a href="..">up</a><a href="../#top">up</a><a href="broken">b</a><a href="/data">d</a>'
        elif self.path == "/data":
            body, kind = '<a href="/never">', "text/plain"
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    SEEN.clear()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_visits_each_page_once(site: str) -> None:
    with example("crawler.py", "--concurrency", "8", site) as crawler:
        crawler.check_clean_end(exit_code=1)
        assert "33 pages, 1 broken" in crawler.stdout
        assert f"{site}leaf/broken: HTTP Error 404" in crawler.stderr
    assert dict.fromkeys(["/", "/data", "/leaf/broken", *(f"/leaf/{n}" for n in range(LEAVES))], 1) == SEEN


def test_visits_no_more_than_it_may(site: str) -> None:
    with example("crawler.py", "--limit", "5", site) as crawler:
        crawler.check_clean_end()
        assert "5 pages, 0 broken" in crawler.stdout
