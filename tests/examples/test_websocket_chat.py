"""The chat over WebSocket from the view of browsers."""

import urllib.request
from collections.abc import Iterator

import pytest
from example_child import LIMIT, Child, connect, example
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Pong, Request, TextMessage
from wsproto.frame_protocol import CloseReason


class Browser:
    def __init__(self, port: int) -> None:
        self.sock = connect(port)
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.say(Request(host="localhost", target="/"))
        assert isinstance(self.hear(), AcceptConnection)

    def say(self, event: Event) -> None:
        self.sock.sendall(self.protocol.send(event))

    def hear(self) -> Event:
        while True:
            for event in self.protocol.events():
                return event
            self.protocol.receive_data(self.sock.recv(65536) or None)


@pytest.fixture
def server() -> Iterator[Child]:
    with example("websocket_chat.py") as child:
        yield child
        child.press_ctrl_c()
        child.check_clean_end()


def test_all_hear_what_one_says(server: Child) -> None:
    browsers = [Browser(server.port()) for _ in range(3)]
    for number, browser in enumerate(browsers):
        browser.say(TextMessage(f"I am number {number}"))
        for other in browsers:
            event = other.hear()
            assert isinstance(event, TextMessage)
            assert event.data == f"I am number {number}"
    browsers[0].say(Ping(b"?"))
    assert browsers[0].hear() == Pong(b"?")
    browsers[0].say(CloseConnection(1000))
    assert isinstance(browsers[0].hear(), CloseConnection)
    browsers[1].sock.close()
    browsers[2].say(TextMessage("alone"))
    assert isinstance(browsers[2].hear(), TextMessage)
    for browser in browsers:
        browser.sock.close()


def test_the_page_and_a_client_that_speaks_nonsense(server: Child) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port()}/", timeout=LIMIT) as response:
        assert b"WebSocket" in response.read()
    browser = Browser(server.port())
    with browser.sock as sock:
        sock.sendall(b"\xff" * 100)
        event = browser.hear()
        assert isinstance(event, CloseConnection)
        assert event.code == CloseReason.PROTOCOL_ERROR
