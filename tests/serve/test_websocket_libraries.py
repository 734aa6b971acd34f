"""simple-websocket, flask-sock and Flask-SocketIO under `greenrt serve` and gunicorn, with real clients."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child import environment, run_script
from support.gunicorn import gunicorn
from support.tls import CERTIFICATE

APPLICATION = """
import simple_websocket
from flask import Flask, request
from flask_sock import Sock
from flask_socketio import SocketIO, emit

app = Flask("program")
app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 25}
sock = Sock(app)
# A client may lose its CLOSE, if its write loop ends first, and then waits for the next ping.
socketio = SocketIO(app, async_mode="threading", logger=False, ping_interval=2)

@app.route("/plain")
def plain():
    return "plain"

@sock.route("/echo")
def echo(ws):
    while True:
        ws.send(ws.receive()[::-1])

@sock.route("/once")
def once(ws):
    ws.send(ws.receive() + " once")

@app.route("/simple", websocket=True)
def simple():
    ws = simple_websocket.Server(request.environ)
    try:
        while True:
            ws.send(len(ws.receive()))
    except simple_websocket.ConnectionClosed:
        return ""

@sock.route("/fails")
def fails(ws):
    ws.receive()
    raise ZeroDivisionError("seen")

@socketio.on("question")
def question(data):
    emit("answer", {"back": data, "transport": request.environ.get("wsgi.url_scheme")})
    return "acknowledged"
"""

WEBSOCKET_CLIENT = """
    import sys, urllib.request
    import websocket

    host = sys.argv[1]
    def connect(path):
        return websocket.create_connection(f"ws://{host}{path}", timeout=20)

    ones = [connect("/echo") for _ in range(3)]
    for number, one in enumerate(ones):
        one.send(f"abc{number}")
    assert [one.recv() for one in ones] == ["0cba", "1cba", "2cba"]
    ones[0].send("x" * 100_000)
    assert ones[0].recv() == "x" * 100_000
    for one in ones:
        one.close()
    one = connect("/once")
    one.send("only")
    assert one.recv() == "only once"
    # A close frame, and no HTTP after it.
    opcode, data = one.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, b"\\x03\\xe8"), (opcode, data)
    one.shutdown()
    one = connect("/simple")
    one.send("four")
    assert one.recv() == "4"
    one.close()
    one = connect("/fails")
    one.send("now")
    try:
        got = one.sock.recv(1000)
    except ConnectionResetError:
        got = b""
    assert b"HTTP" not in got, got
    one.shutdown()
    with urllib.request.urlopen(f"http://{host}/plain", timeout=20) as response:
        assert response.read() == b"plain"
    """

SOCKETIO_CLIENT = """
    import queue, sys
    import socketio

    host = sys.argv[1]
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        answers = queue.Queue()
        client = socketio.Client(reconnection=False)
        client.on("answer", answers.put)
        client.connect(f"http://{host}", transports=transports, wait_timeout=20)
        assert client.call("question", {"a": 1}, timeout=20) == "acknowledged"
        assert answers.get(timeout=20)["back"] == {"a": 1}
        if "websocket" in transports:
            for _ in range(100):
                if client.transport() == "websocket":
                    break
                client.sleep(0.05)
        assert client.transport() == transports[-1]
        client.call("question", "again", timeout=20)
        assert answers.get(timeout=20)["back"] == "again"
        client.disconnect()
        client.wait()
    """


# The first frame is in the segment of the request. With ping_interval the library waits for it in a selector.
EARLY_CLIENT = """
    import socket, ssl, sys

    host, port, certificate = *sys.argv[1].rsplit(":", 1), sys.argv[2]
    request = (
        f"GET /echo HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
        "Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n"
    ).encode()
    # A mask of zeros leaves the text unchanged.
    frames = [b"\\x81\\x83" + bytes(4) + text for text in (b"abc", b"def")]
    sock = socket.create_connection((host, int(port)), 20)
    if certificate:
        sock = ssl.create_default_context(cafile=certificate).wrap_socket(sock, server_hostname="localhost")
    with sock:
        sock.sendall(request + frames[0])
        answer = b""
        while not answer.endswith(b"\\r\\n\\r\\n\\x81\\x03cba"):
            answer += (data := sock.recv(1000))
            assert data, answer
        assert answer.startswith(b"HTTP/1.1 101 ")
        sock.sendall(frames[1])
        assert sock.recv(1000) == b"\\x81\\x03fed"
    """


@contextmanager
def command(folder: Path, *options: str) -> Iterator[tuple[str, Any]]:
    """Run `greenrt serve`; yield host, port, and a function that ends it and returns its stderr."""
    (folder / "program.py").write_text(APPLICATION)
    line = [sys.executable, "-m", "greenrt.cli.main", "serve", "--bind", "0", *options, "program:app"]
    with open(folder / "errors", "w") as errors:
        process = subprocess.Popen(
            line, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        )

    def end() -> str:
        process.terminate()
        process.communicate(timeout=30)
        return (folder / "errors").read_text()

    assert process.stdout is not None
    try:
        found = re.search(r"https?://(\S+),", process.stdout.readline())
        assert found is not None
        yield found[1], end
    finally:
        process.kill()
        process.communicate()


@contextmanager
def worker(folder: Path) -> Iterator[tuple[str, Any]]:
    with gunicorn(folder, APPLICATION) as (process, url):

        def end() -> str:
            process.terminate()
            process.wait(30)
            return "".join(process.lines)

        yield url.partition("://")[2], end


SERVERS = pytest.mark.parametrize("server", [command, worker])


@SERVERS
def test_flask_sock_and_simple_websocket(server: Any, tmp_path: Path) -> None:
    with server(tmp_path) as (host, end):
        run_script(WEBSOCKET_CLIENT, host)
        errors = end()
    # The log has the application's failure, and no connection that ended normally.
    assert errors.count("Traceback") == errors.count("ZeroDivisionError: seen") == 1, errors


@SERVERS
def test_socketio_over_both_transports(server: Any, tmp_path: Path) -> None:
    with server(tmp_path) as (host, end):
        run_script(SOCKETIO_CLIENT, host)
        errors = end()
    assert "Traceback" not in errors, errors


@pytest.mark.parametrize("certificate", [None, CERTIFICATE], ids=["plain", "tls"])
def test_a_frame_in_the_segment_of_the_request(certificate: Path | None, tmp_path: Path) -> None:
    options = ["--tls-cert", str(certificate)] if certificate else []
    with command(tmp_path, *options) as (host, end):
        run_script(EARLY_CLIENT, host, str(certificate or ""))
        errors = end()
    assert "Traceback" not in errors, errors
