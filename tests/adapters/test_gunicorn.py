"""The worker under the real gunicorn, with Flask and Django."""

import contextlib
import os
import re
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from support.frameworks import DJANGO, FLASK
from support.gunicorn import gunicorn
from support.tls import CERTIFICATE
from support.url_request import request

PLAIN = """
import os, sys, threading, time
from greenrt import monkey

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        print("slow", file=sys.stderr, flush=True)
        time.sleep(0.5)
    if environ["PATH_INFO"] == "/exit":
        # gunicorn's master would interpret this as "the worker failed to boot", and end too.
        sys.exit(3)
    if environ["PATH_INFO"] == "/stuck":
        sum(0 for _ in iter(int, 1))
    start_response("200 OK", [])
    return [b"pid %d patched %d" % (os.getpid(), monkey.is_module_patched("threading"))]
"""


def get(url: str, data: bytes | None = None) -> str:
    return request(url, data)[1]


def test_a_signal_ends_it_after_what_has_come(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN) as (process, url):
        assert re.fullmatch(r"pid \d+ patched 1", get(url))
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(get(url + "/slow")))
        asking.start()
        # The request has arrived; it is answered after the signal.
        while "slow\n" not in process.lines:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        asking.join(30)
        assert answers[0].startswith("pid ")
        assert process.wait(30) == 0


def test_a_worker_is_replaced_after_max_requests(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN, "--max-requests", "3") as (_, url):
        seen = {get(url) for _ in range(10)}
        assert len(seen) > 1


def test_reload_replaces_the_workers(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN) as (process, url):
        before = get(url)
        process.send_signal(signal.SIGHUP)
        while get(url) == before:
            time.sleep(0.05)


def test_a_change_of_the_program_replaces_the_workers(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN, "--reload", "--reload-engine", "poll") as (_, url):
        before = get(url)
        # The poller compares times of whole seconds.
        os.utime(tmp_path / "program.py", (1, time.time() + 5))
        while get(url) == before:
            time.sleep(0.05)


def test_a_stuck_worker_is_killed_and_replaced(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN, "--timeout", "2") as (process, url):
        before = get(url)
        with pytest.raises(OSError, match=r"."):
            get(url + "/stuck")
        while not any("WORKER TIMEOUT" in line for line in process.lines):
            time.sleep(0.01)
        # gunicorn's first signal may release it: it continues to serve until it has ended.
        while get(url) == before:
            time.sleep(0.05)


def test_an_application_that_exits_fails_and_the_worker_lives(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN) as (_, url):
        before = get(url)
        with pytest.raises(OSError, match="500"):
            get(url + "/exit")
        assert get(url) == before


def test_limits_of_gunicorn(tmp_path: Path) -> None:
    with gunicorn(tmp_path, PLAIN, "--limit-request-line", "100") as (_, url):
        with pytest.raises(OSError, match="414"):
            get(url + "/" + "a" * 100)
    # 0 means no limit, or the most that gunicorn supports.
    none = ["--limit-request-line", "0", "--limit-request-fields", "0", "--limit-request-field_size", "0"]
    with gunicorn(tmp_path, PLAIN, *none) as (_, url):
        assert get(url + "/" + "a" * 9000).startswith("pid ")


def test_clients_are_asked_for_certificates(tmp_path: Path) -> None:
    tls = [
        "--certfile",
        str(CERTIFICATE),
        "--ca-certs",
        str(CERTIFICATE),
        "--cert-reqs",
        str(int(ssl.CERT_REQUIRED)),
    ]
    client = ssl.create_default_context(cafile=CERTIFICATE)
    client.set_alpn_protocols(["h2", "http/1.1"])
    with gunicorn(tmp_path, PLAIN, *tls) as (_, url):
        port = int(url.rpartition(":")[2])
        # With TLS 1.3 a client notices a refusal when it reads, or by the end of the connection.
        with contextlib.suppress(OSError):
            assert over_tls(client, port) is None
        client.load_cert_chain(CERTIFICATE)
        assert over_tls(client, port) == "http/1.1"


def over_tls(context: ssl.SSLContext, port: int) -> str | None:
    """Request a page, and return the negotiated protocol; None if there is no answer."""
    with socket.create_connection(("127.0.0.1", port), 30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = sock.recv(1000)
            if not answer:
                return None
            assert answer.startswith(b"HTTP/1.1 200 ")
            return sock.selected_alpn_protocol()


@pytest.mark.parametrize("program", [FLASK, DJANGO], ids=["flask", "django"])
def test_frameworks(program: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path, program, "--workers", "2") as (_, url):
        assert get(url).startswith("pid ")
        assert get(url + "/post", b"name=abc") == "abc"
