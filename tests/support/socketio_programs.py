"""The parts of programs that the modes of Flask-SocketIO share: what a server handles, and a real client."""

__all__ = ["SOCKETIO_CLIENT", "SOCKETIO_HANDLERS"]

# They need `app`, `socketio` and the list `left`.
SOCKETIO_HANDLERS = """@app.route("/")
def root():
    return "plain"

@socketio.on("question")
def question(data):
    emit("answer", data * 2)
    return "acknowledged"

@socketio.on("background")
def background():
    sid = request.sid
    def work():
        socketio.sleep(0.05)
        socketio.emit("done", "from a task", to=sid)
    socketio.start_background_task(work)

@socketio.on("disconnect")
def gone(reason=None):
    left.append(reason)
"""

# Its argument is the port. It uses polling, WebSocket and the upgrade, and prints the rate of questions and answers.
SOCKETIO_CLIENT = """
import queue, sys, time, urllib.request
import socketio
address = f"http://127.0.0.1:{sys.argv[1]}"
assert urllib.request.urlopen(address).read() == b"plain"
for transports, used in ((["polling"], "polling"), (["websocket"], "websocket"), (None, "websocket")):
    client = socketio.Client()
    answers = queue.Queue()
    client.on("answer", answers.put)
    client.on("done", answers.put)
    client.connect(address, transports=transports)
    if transports is None:
        # The client begins with polling, and upgrades.
        ends = time.monotonic() + 30
        while client.transport() != used and time.monotonic() < ends:
            time.sleep(0.01)
    assert client.transport() == used, client.transport()
    assert client.call("question", "ab", timeout=30) == "acknowledged"
    assert answers.get(timeout=30) == "abab"
    client.emit("background")
    assert answers.get(timeout=30) == "from a task"
    client.emit("question", "x" * 100_000)
    assert answers.get(timeout=30) == "x" * 200_000
    began = time.perf_counter()
    for n in range(200):
        client.emit("question", n)
        assert answers.get(timeout=30) == 2 * n
    took = time.perf_counter() - began
    client.disconnect()
print("rate", 200 / took)
"""
