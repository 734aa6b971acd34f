"""Programs written for eventlet, unedited, on greenrt: a web framework, servers, clients. Celery: test_workers.py."""

from pathlib import Path

import pytest
from support.program import needs
from support.socketio_programs import SOCKETIO_CLIENT, SOCKETIO_HANDLERS
from support.stand_in import run_as

pytestmark = [pytest.mark.real, pytest.mark.time_limit(150)]

# -- Flask-SocketIO

SOCKETIO = (
    """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import os, subprocess, sys
from flask import Flask, request
from flask_socketio import SocketIO, emit

app = Flask("program")
socketio = SocketIO(app, async_mode="eventlet", logger=False)
left = []

"""
    + SOCKETIO_HANDLERS
    + """
listener = eventlet.listen(("127.0.0.1", 0))
port = listener.getsockname()[1]
listener.close()
server = eventlet.spawn(socketio.run, app, host="127.0.0.1", port=port, log_output=False)
with eventlet.Timeout(30):
    while True:
        try:
            eventlet.connect(("127.0.0.1", port)).close()
            break
        except OSError:
            eventlet.sleep(0.01)
variables = {name: value for name, value in os.environ.items() if name != "GREENRT_AS"}
done = subprocess.run([sys.executable, sys.argv[1], str(port)], env=variables, capture_output=True, text=True)
assert done.returncode == 0, done.stdout + done.stderr
with eventlet.Timeout(30):
    # The ends of the two WebSockets. A client that polls may go without a word: its thread that sends ends as soon as
    # it sees the client disconnecting.
    while len(left) < 2:
        eventlet.sleep(0.01)
print(done.stdout, end="", flush=True)
os._exit(0)
"""
)


@needs("flask_socketio", "Flask-SocketIO")
@needs("socketio", "python-socketio[client]")
def test_flask_socketio(tmp_path: Path) -> None:
    """``async_mode="eventlet"`` with eventlet's own server: polling, WebSocket and the upgrade."""
    path = tmp_path / "with_flask_socketio.py"
    path.write_text(SOCKETIO)
    client = tmp_path / "client.py"
    client.write_text(SOCKETIO_CLIENT)
    run_as("eventlet", path, client)


# -- Programs of eventlet's documentation

WSGI = """
import warnings; warnings.simplefilter("ignore")
import io, time
import eventlet
from eventlet import wsgi
from eventlet.green.http import client

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        eventlet.sleep(0.5)
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"hello\\r\\n"]

log = io.StringIO()
listener = eventlet.listen(("127.0.0.1", 0))
port = listener.getsockname()[1]
server = eventlet.spawn(wsgi.server, listener, app, log=log)

def fetch(path, times=1):
    connection = client.HTTPConnection("127.0.0.1", port)
    for _ in range(times):
        connection.request("GET", path)
        assert connection.getresponse().read() == b"hello\\r\\n"
    connection.close()

began = time.monotonic()
pile = eventlet.GreenPile(40)
for _ in range(40):
    pile.spawn(fetch, "/slow")
list(pile)
assert time.monotonic() - began < 10
began = time.perf_counter()
pile = eventlet.GreenPile(10)
for _ in range(10):
    pile.spawn(fetch, "/fast", 200)
list(pile)
rate = 2000 / (time.perf_counter() - began)
server.kill()
lines = [line for line in log.getvalue().splitlines() if '"GET /fast HTTP/1.1" 200' in line]
assert len(lines) == 2000, len(lines)
print("rate", rate)
"""

CRAWLER = """
import warnings; warnings.simplefilter("ignore")
import time
import eventlet
from eventlet.green.urllib.request import urlopen

def serve(sock, address):
    sock.recv(4096)
    eventlet.sleep(0.01)
    sock.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello")

listener = eventlet.listen(("127.0.0.1", 0))
server = eventlet.spawn(eventlet.serve, listener, serve)
url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
pool = eventlet.GreenPool(50)
began = time.perf_counter()
assert list(pool.imap(lambda _: urlopen(url).read(), range(500))) == [b"hello"] * 500
print("rate", 500 / (time.perf_counter() - began))
"""


@pytest.mark.parametrize("text", [WSGI, CRAWLER], ids=["wsgi", "crawler"])
def test_programs_of_the_documentation(text: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A WSGI server and its clients; a crawler with a pool, against a server of `eventlet.serve`."""
    path = tmp_path / f"with_{request.node.callspec.id}.py"
    path.write_text(text)
    run_as("eventlet", path)


# -- nameko

NAMEKO = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import json, sys, time
from urllib.request import urlopen
import eventlet.green.socket
from nameko.events import EventDispatcher, event_handler
from nameko.rpc import RpcProxy, rpc
from nameko.runners import ServiceRunner
from nameko.standalone.rpc import ClusterRpcProxy
from nameko.timer import timer
from nameko.web.handlers import http

listener = eventlet.listen(("127.0.0.1", 0))
port = listener.getsockname()[1]
listener.close()
config = {
    "AMQP_URI": f"amqp://guest:guest@127.0.0.1:{sys.argv[1]}",
    "WEB_SERVER_ADDRESS": f"127.0.0.1:{port}",
    "max_workers": 50,
}
ticks, heard = [], []

class Greeter:
    name = "greeter"
    dispatch = EventDispatcher()

    @rpc
    def greet(self, name):
        eventlet.sleep(0.5 if name == "slow" else 0)
        self.dispatch("greeted", name)
        return f"hello {name}"

    @rpc
    def fail(self):
        raise ValueError("planned")

    @timer(interval=0.05)
    def tick(self):
        ticks.append(time.monotonic())

class Front:
    name = "front"
    greeter = RpcProxy("greeter")

    @http("GET", "/greet/<string:name>")
    def page(self, request, name):
        return json.dumps(self.greeter.greet(name))

    @event_handler("greeter", "greeted")
    def note(self, name):
        heard.append(name)

runner = ServiceRunner(config)
runner.add_service(Greeter)
runner.add_service(Front)
runner.start()

def get(name):
    return json.loads(urlopen(f"http://127.0.0.1:{port}/greet/{name}").read())

with eventlet.Timeout(40):
    began = time.monotonic()
    assert list(eventlet.GreenPool(20).imap(get, ["slow"] * 20)) == ["hello slow"] * 20
    assert time.monotonic() - began < 8
    with ClusterRpcProxy(config) as cluster:
        assert cluster.greeter.greet("you") == "hello you"
        try:
            cluster.greeter.fail()
        except Exception as error:
            assert "planned" in str(error), error
        else:
            raise AssertionError("no error")
        began = time.perf_counter()
        for result in [cluster.greeter.greet.call_async("n") for _ in range(300)]:
            assert result.result() == "hello n"
        rate = 300 / (time.perf_counter() - began)
    while len(heard) < 321 or len(ticks) < 3:
        eventlet.sleep(0.01)
    runner.stop()
    runner.wait()
print("rate", rate)
"""


@needs("nameko", "nameko")
def test_nameko(rabbitmq: int, tmp_path: Path) -> None:
    """Services over RabbitMQ: calls, failing ones too, events, a timer, a page; a client outside of the services."""
    path = tmp_path / "with_nameko.py"
    path.write_text(NAMEKO)
    run_as("eventlet", path, rabbitmq)
