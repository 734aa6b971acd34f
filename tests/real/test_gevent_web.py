"""Servers and clients of the web written for gevent, unedited, on greenrt, beside gevent if it is installed."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from support.child import environment
from support.gunicorn import gunicorn, until
from support.program import needs
from support.socketio_programs import SOCKETIO_CLIENT, SOCKETIO_HANDLERS
from support.stand_in import hooked, rates_beside_the_real, run_as

pytestmark = [pytest.mark.real, pytest.mark.time_limit(150)]

# -- gunicorn

PROGRAM = """
import json, time, gevent, gevent.monkey
def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/slow"):
        open(environ["QUERY_STRING"] or "entered", "w").close()
        time.sleep(0.5)
    body = json.dumps({
        "greenrt": getattr(gevent, "__greenrt__", None),
        "patched": gevent.monkey.is_module_patched("socket"),
        "software": environ["SERVER_SOFTWARE"],
        "client": environ["REMOTE_ADDR"],
    }).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
CONNECTIONS = 8


def ask(address: str, path: str = "/") -> Any:
    with urlopen(address + path, timeout=60) as answer:
        return json.load(answer)


def talk(address: str, data: bytes) -> bytes:
    """Send bytes; return the bytes received until the server closes."""
    parts = urlsplit(address)
    assert parts.hostname
    assert parts.port
    with closing(socket.create_connection((parts.hostname, parts.port), 60)) as sock:
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def rate(address: str, seconds: float) -> float:
    """Return how many requests per second a server answers on a few connections."""
    parts = urlsplit(address)
    ends = time.monotonic() + seconds

    def load(_: int) -> int:
        count = 0
        with closing(socket.create_connection((parts.hostname, parts.port), 60)) as sock:
            while time.monotonic() < ends:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                received = b""
                while not received.endswith(b"}"):
                    data = sock.recv(65536)
                    assert data, received
                    received += data
                count += 1
        return count

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return sum(pool.map(load, range(CONNECTIONS))) / seconds


@needs("gunicorn", "gunicorn")
@pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi"])
def test_gunicorn(worker: str, tmp_path: Path) -> None:
    """``gunicorn -k gevent``: slow requests overlap, malformed ones are refused, and a stop finishes what runs."""
    options = ("--keep-alive", "10", "--access-logfile", str(tmp_path / "access.log"))
    with gunicorn(tmp_path, PROGRAM, *options, worker=worker, env=hooked(tmp_path, "gevent")) as (
        process,
        address,
    ):
        answer = ask(address)
        assert answer["greenrt"].startswith("greenrt ")
        assert answer["patched"] is True
        assert answer["client"] == "127.0.0.1"
        if worker == "gevent_pywsgi":
            assert answer["software"].startswith("gevent/26.9.0 gunicorn/")

        began = time.monotonic()
        ask(address, "/slow")
        one = time.monotonic() - began
        began = time.monotonic()
        with ThreadPoolExecutor(30) as pool:
            assert all(each["patched"] for each in pool.map(lambda _: ask(address, "/slow"), range(30)))
        # One after the other they would take thirty times as long as one.
        assert time.monotonic() - began < 15 * one

        assert talk(address, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nBad Header\r\n\r\n").startswith(
            b"HTTP/1.1 400 "
        )
        ours = rate(address, 2)

        # The request is in flight when the stop begins.
        with ThreadPoolExecutor(1) as pool:
            last = pool.submit(ask, address, "/slow?last")
            until((tmp_path / "last").exists)
            process.send_signal(signal.SIGTERM)
            assert last.result()["patched"] is True
            assert process.wait(60) == 0
    assert not any("Traceback" in line for line in process.lines), process.lines

    compared = "not installed"
    if find_spec("gevent") is not None:
        with gunicorn(tmp_path, PROGRAM, *options, worker=worker, env=environment()) as (_, address):
            assert ask(address)["greenrt"] is None
            real = rate(address, 2)
            compared = f"{ours / real:.2f} times the real one's {real:.0f}/s"
    rates_beside_the_real.append(f"gunicorn -k {worker} as gevent: {ours:.0f}/s, {compared}")


# -- WebSockets


@needs("geventwebsocket", "gevent-websocket")
@needs("websocket", "websocket-client")
def test_gevent_websocket(tmp_path: Path) -> None:
    """Its handler under pywsgi, and its own server with a resource: texts, long messages and closes."""
    path = tmp_path / "with_gevent_websocket.py"
    path.write_text(
        """
import gevent.monkey; gevent.monkey.patch_all()
import time, urllib.request, gevent, websocket
from gevent import pywsgi
from geventwebsocket import Resource, WebSocketApplication, WebSocketServer
from geventwebsocket.handler import WebSocketHandler

closed = []
def app(environ, start_response):
    ws = environ.get("wsgi.websocket")
    if ws is None:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"plain"]
    while (message := ws.receive()) is not None:
        ws.send(message)
    closed.append(ws.closed)
    return []

class Application(WebSocketApplication):
    def on_message(self, message):
        if message is not None:
            for client in self.ws.handler.server.clients.values():
                client.ws.send(message)
    def on_close(self, reason):
        closed.append(reason)

server = pywsgi.WSGIServer(("127.0.0.1", 0), app, handler_class=WebSocketHandler, log=None)
server.start()
address = f"127.0.0.1:{server.server_port}"
assert urllib.request.urlopen(f"http://{address}/").read() == b"plain"
client = websocket.create_connection(f"ws://{address}/", timeout=30)
client.send("h\\u00e9")
assert client.recv() == "h\\u00e9"
client.send_binary(b"x" * 300_000)
assert client.recv() == b"x" * 300_000
client.ping()
began = time.perf_counter()
for n in range(1000):
    client.send(str(n))
    assert client.recv() == str(n)
took = time.perf_counter() - began
client.close()

other = WebSocketServer(("127.0.0.1", 0), Resource([("/", Application)]), log=None)
other.start()
clients = [websocket.create_connection(f"ws://127.0.0.1:{other.server_port}/", timeout=30) for _ in range(3)]
clients[0].send("to all")
assert [each.recv() for each in clients] == ["to all"] * 3
[each.close() for each in clients]
with gevent.Timeout(30):
    while len(closed) < 4:
        gevent.sleep(0.01)
server.stop()
other.stop()
print("rate", 1000 / took)
"""
    )
    run_as("gevent", path)


@needs("flask_sock", "flask-sock")
@needs("websocket", "websocket-client")
def test_flask_sock(tmp_path: Path) -> None:
    """simple-websocket takes the connection from the input of pywsgi."""
    path = tmp_path / "with_flask_sock.py"
    path.write_text(
        """
import gevent.monkey; gevent.monkey.patch_all()
import time, urllib.request, gevent, websocket
from flask import Flask
from flask_sock import Sock
from gevent import pywsgi
app = Flask("program")
sock = Sock(app)

@app.route("/")
def root():
    return "plain"

@sock.route("/echo")
def echo(ws):
    while True:
        ws.send(ws.receive())

server = pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
assert urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read() == b"plain"
client = websocket.create_connection(f"ws://127.0.0.1:{server.server_port}/echo", timeout=30)
client.send_binary(b"x" * 300_000)
assert client.recv() == b"x" * 300_000
began = time.perf_counter()
for n in range(500):
    client.send(str(n))
    assert client.recv() == str(n)
took = time.perf_counter() - began
client.close()
server.stop()
print("rate", 500 / took)
"""
    )
    run_as("gevent", path)


SOCKETIO = (
    """
import sys
if sys.argv[1] == "without":
    # Flask-SocketIO uses simple-websocket then.
    sys.modules["geventwebsocket"] = None
import gevent.monkey; gevent.monkey.patch_all()
import os, subprocess, gevent
from flask import Flask, request
from flask_socketio import SocketIO, disconnect, emit

app = Flask("program")
socketio = SocketIO(app, async_mode="gevent", logger=False)
left = []

"""
    + SOCKETIO_HANDLERS
    + """
import gevent.socket
with gevent.socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = gevent.spawn(socketio.run, app, host="127.0.0.1", port=port, log_output=False)
with gevent.Timeout(30):
    while True:
        try:
            gevent.socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            gevent.sleep(0.01)
variables = {name: value for name, value in os.environ.items() if name != "GREENRT_AS"}
done = subprocess.run([sys.executable, sys.argv[2], str(port)], env=variables, capture_output=True, text=True)
assert done.returncode == 0, done.stdout + done.stderr
with gevent.Timeout(30):
    # The ends of the two WebSockets, which gevent notices late or never. A client that polls may go without a word:
    # its thread that sends ends as soon as it sees the client disconnecting.
    while len(left) < 2 and hasattr(gevent, "__greenrt__"):
        gevent.sleep(0.01)
server.kill()
print(done.stdout, end="")
"""
)


@needs("flask_socketio", "Flask-SocketIO")
@needs("socketio", "python-socketio[client]")
@pytest.mark.parametrize("library", ["with", "without"])
def test_flask_socketio(library: str, tmp_path: Path) -> None:
    """``async_mode="gevent"`` with its own server: polling and WebSocket, with and without gevent-websocket."""
    if library == "with":
        pytest.importorskip("geventwebsocket", reason="needs geventwebsocket: pip install gevent-websocket")
    path = tmp_path / f"with_flask_socketio_{library}_gevent_websocket.py"
    path.write_text(SOCKETIO)
    client = tmp_path / "client.py"
    client.write_text(SOCKETIO_CLIENT)
    run_as("gevent", path, library, client)


# -- locust

LOCUSTFILE = """
from locust import FastHttpUser, HttpUser, constant, task

class Plain(HttpUser):
    # Few requests: these cost much more than the others, and the two kinds would share the time differently.
    wait_time = constant(0.2)
    @task
    def root(self):
        assert self.client.get("/plain").text == "hello"

class Fast(FastHttpUser):
    wait_time = constant(0)
    @task
    def root(self):
        assert self.client.get("/fast").text == "hello"
    @task
    def wrong(self):
        with self.client.get("/wrong", catch_response=True) as answer:
            assert answer.status_code == 404
            answer.success()
"""

LOCUST = """
import json, subprocess, sys
SERVER = '''
from greenrt.serve import WSGIServer
def app(environ, start_response):
    found = environ["PATH_INFO"] != "/wrong"
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"hello" if found else b"none"]
server = WSGIServer(("127.0.0.1", 0), app)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
'''
with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
    try:
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        options = "--headless -u 20 -r 100 -t 4s --json --skip-log".split()
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", "locustfile.py", "-H", address, *options],
            capture_output=True, text=True,
        )
    finally:
        server.terminate()
assert done.returncode == 0, done.stdout + done.stderr
assert "Traceback" not in done.stderr, done.stderr
stats = json.loads(done.stdout[done.stdout.index("["):])
assert {each["name"] for each in stats} == {"/plain", "/fast", "/wrong"}, stats
assert not any(each["num_failures"] for each in stats), stats
print("rate", sum(each["num_requests"] for each in stats) / 4)
"""


@needs("locust", "locust")
def test_locust(tmp_path: Path) -> None:
    """Both kinds of users against a server of its own process, headless."""
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    path = tmp_path / "with_locust.py"
    path.write_text(LOCUST)
    run_as("gevent", path)
