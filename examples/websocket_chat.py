"""A chat over WebSocket: wsproto implements the protocol over the socket that the WSGI server hands over.

    pip install wsproto
    python examples/websocket_chat.py --port 8000

Then open http://127.0.0.1:8000 in two windows of a browser.
"""

import argparse
import signal
from collections.abc import Callable, Iterable
from queue import Full
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Request, TextMessage
from wsproto.utilities import RemoteProtocolError

import greenrt
from greenrt.serve import WSGIServer

PAGE = b"""<!doctype html><title>chat</title><form><input autofocus></form><pre></pre><script>
const socket = new WebSocket("ws://" + location.host), field = document.querySelector("input")
socket.onmessage = event => document.querySelector("pre").textContent += event.data + "\\n"
document.querySelector("form").onsubmit = () => { socket.send(field.value); field.value = ""; return false }
</script>"""
WAITING = 100  # messages that a member may be behind

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Member:
    """One WebSocket.

    One greenlet reads, and another one sends the queued events, so that a slow reader delays no one else.
    """

    def __init__(self, sock: Any, environ: dict[str, Any], early: bytes) -> None:
        self.sock = sock
        self.protocol = WSConnection(ConnectionType.SERVER)
        self.queue: Any = greenrt.Queue(WAITING)
        fields = [
            (name[5:].replace("_", "-"), value) for name, value in environ.items() if name[:5] == "HTTP_"
        ]
        headers = [(name.encode(), value.encode("latin-1")) for name, value in fields]
        self.protocol.initiate_upgrade_connection(headers, environ["REQUEST_URI"])
        if early:
            self.protocol.receive_data(early)

    def say(self, event: Event) -> None:
        """Queue an event; drop a member that is too far behind."""
        try:
            self.queue.put_nowait(event)
        except Full:
            self.sock.shutdown(2)

    def send_all(self) -> None:
        """Send queued events until the end mark."""
        for event in iter(self.queue.get, None):
            self.sock.sendall(self.protocol.send(event))

    def messages(self) -> Iterable[str]:
        """Yield the messages of the member until it leaves."""
        message = ""
        while True:
            for event in self.protocol.events():
                if isinstance(event, Request):
                    self.say(AcceptConnection())
                elif isinstance(event, Ping):
                    self.say(event.response())
                elif isinstance(event, TextMessage):
                    message += event.data
                    if event.message_finished:
                        yield message
                        message = ""
                elif isinstance(event, CloseConnection):
                    self.say(event.response())
                    return
            if not (data := self.sock.recv(65536)):
                return
            self.protocol.receive_data(data)


class Chat:
    """The WSGI application: a page, and the WebSocket behind it."""

    def __init__(self) -> None:
        self.members: set[Member] = set()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Send the page, or exchange messages until the member leaves."""
        if "greenrt.upgrade" not in environ:
            start_response("200 OK", [("Content-Type", "text/html")])
            return [PAGE]
        sock, early = environ["greenrt.upgrade"]()
        member = Member(sock, environ, early)
        sending = greenrt.spawn(member.send_all)
        self.members.add(member)
        try:
            for message in member.messages():
                for other in self.members:
                    other.say(TextMessage(message))
        except (OSError, RemoteProtocolError) as error:  # the member caused the error
            print(f"{environ['REMOTE_ADDR']}: {error}", flush=True)
        finally:
            self.members.discard(member)
            member.queue.put(None)
            sending.join(timeout=5)
            sending.kill()
        return []


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A chat in the browser.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()

    server = WSGIServer(("127.0.0.1", options.port), Chat())
    stop = greenrt.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    server.start()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    stop.wait()
    print("stopping", flush=True)
    server.stop(1.0)


if __name__ == "__main__":
    main()
