"""Tk beside a server: without a display, so Tcl's timers and no window."""

import pytest
from example_child import connect, example, receive, receive_all

pytest.importorskip("tkinter")


def test_tcl_counts_what_the_server_echoes() -> None:
    with example("tk_beside_server.py", "--no-window") as child:
        port = child.port()
        with connect(port) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
            child.wait_for("5 bytes echoed, 1 connections")
        with connect(port) as client:
            client.sendall(b"quit\n")
            assert receive_all(client) == b"quit\n"
        child.check_clean_end()


def test_without_a_display_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with example("tk_beside_server.py") as child:
        assert child.wait() == 1
        assert "no display" in child.stderr
