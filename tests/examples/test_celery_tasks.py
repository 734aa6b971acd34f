"""The Celery tasks, with a broker and a worker for this test."""

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from example_child import EXAMPLES, Child, example
from support.servers import redis

PAGES = 20


class Page(BaseHTTPRequestHandler):
    # No page is answered before all requests have arrived.
    gate = threading.Barrier(PAGES)

    def do_GET(self) -> None:
        self.gate.wait(60)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.time_limit(120)
def test_tasks_wait_for_the_network_at_once(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis() as port:
        monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{port}/0")
        monkeypatch.setenv("CELERY_CUSTOM_WORKER_POOL", "greenrt.adapters.celery:TaskPool")
        monkeypatch.setenv("C_FORCE_ROOT", "1")
        options = (
            "--workdir",
            EXAMPLES,
            "-A",
            "celery_tasks",
            "worker",
            "-P",
            "custom",
            "-c",
            "50",
            "-l",
            "INFO",
        )
        with Child("-m", "celery", *options) as worker:
            worker.wait_for(" ready", "stderr")
            with example("celery_tasks.py", *[f"{site}{number}" for number in range(PAGES)]) as client:
                client.check_clean_end()
                assert client.stdout == f"{PAGES} pages, {PAGES * 1000} bytes\n"
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 0, worker.report()
