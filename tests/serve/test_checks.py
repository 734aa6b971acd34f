"""Settings of servers: each is checked in the constructor, has one way to be given, and works or is refused."""

import math
import ssl
from functools import cached_property
from typing import Any

import pytest
from support.tls import CERTIFICATE
from support.wsgi import hello, request, talk

import greenrt
from greenrt.green import socket
from greenrt.serve import BaseServer, DatagramServer, Limits, StreamServer, WSGIServer

ADDRESS = ("127.0.0.1", 0)

WHOLE = ["5", 1.5, True, -1, 1 << 40]
SECONDS = ["5", True, -1, 0, math.nan, math.inf, 1e12]

SERVERS: list[Any] = [StreamServer, DatagramServer, WSGIServer]

# Tuples of a class, a setting, and values that are refused.
WRONG: list[tuple[Any, str, list[Any]]] = [
    (StreamServer, "handle", [3, "handle"]),
    (DatagramServer, "handle", [3]),
    (StreamServer, "spawn", [0, -1, True, "sideways", 1.5]),
    (WSGIServer, "spawn", [0, -1, "sideways"]),
    (StreamServer, "reuse_port", ["yes", 2]),
    (DatagramServer, "reuse_port", ["yes"]),
    (WSGIServer, "reuse_port", ["yes"]),
    (StreamServer, "backlog", WHOLE),
    (WSGIServer, "backlog", WHOLE),
    (StreamServer, "max_per_peer", [*WHOLE, 0]),
    (StreamServer, "idle_timeout", SECONDS),
    (StreamServer, "handshake_timeout", SECONDS),
    *((kind, name, SECONDS) for kind in SERVERS for name in ("min_delay", "max_delay")),
    *((kind, "stop_timeout", [value for value in SECONDS if value != 0]) for kind in SERVERS),
    *((kind, "max_accept", [*WHOLE, 0]) for kind in SERVERS),
    (DatagramServer, "max_datagram", [*WHOLE, 0]),
    (WSGIServer, "may_exit", ["yes", 2]),
    (StreamServer, "ssl_context", [3, "cert.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)]),
    (WSGIServer, "ssl_context", [3]),
    (WSGIServer, "limits", [{}, {"body": 5}, 3]),
    (WSGIServer, "application", [3, "module:app"]),
    (WSGIServer, "on_error", [3]),
    (WSGIServer, "environ", [3, [("a", "b")], {3: 4}]),
    (WSGIServer, "log", [3, "file"]),
    (WSGIServer, "error_log", [3, "file"]),
    # Settings of another class, or of no class.
    (WSGIServer, "max_per_peer", [3]),
    (WSGIServer, "idle_timeout", [3]),
    (WSGIServer, "handshake_timeout", [3]),
    (WSGIServer, "handle", [hello]),
    (WSGIServer, "nonsense", [3]),
    (StreamServer, "nonsense", [3]),
    (DatagramServer, "backlog", [3]),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kind, name, values in WRONG for value in values],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:20],
)
def test_what_is_refused_at_construction(kind: Any, name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        kind(ADDRESS, **{name: value})
    said = str(raised.value)
    assert name in said
    unknown = "argument" in said
    assert unknown or (" must be " in said and repr(value) in said)
    assert not unknown or kind.__name__ in said


@pytest.mark.parametrize("value", [None, 1.5, {}, socket.socket], ids=repr)
@pytest.mark.parametrize("kind", SERVERS)
def test_what_is_no_listener_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="is no address to listen on: use ") as raised:
        kind(value)
    assert repr(value) in str(raised.value)


def test_a_handle_that_is_set_is_checked() -> None:
    server = StreamServer(ADDRESS, print)
    with pytest.raises(TypeError, match=r"^handle must be callable or None, not 3"):
        server.set_handle(3)  # type: ignore[arg-type]
    assert server.handle is print


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (DatagramServer, {"max_datagram": 100}),
        (StreamServer, {"handshake_timeout": 3.0, "idle_timeout": 4.0, "max_per_peer": 5, "backlog": 6}),
        (WSGIServer, {"may_exit": False}),
        *(
            (kind, {"stop_timeout": 0, "min_delay": 0.1, "max_delay": 0.2, "max_accept": 7})
            for kind in SERVERS
        ),
    ],
)
def test_each_option_is_an_argument(kind: Any, options: dict[str, Any]) -> None:
    server = kind(ADDRESS, **options)
    assert {name: getattr(server, name) for name in options} == options
    # None leaves the value of the class.
    unchanged = kind(ADDRESS, **dict.fromkeys(options))
    assert all(getattr(unchanged, name) == getattr(kind, name) for name in options)


ATTRIBUTES: list[tuple[Any, str, Any]] = [
    (StreamServer, "stop_timeout", -1),
    (StreamServer, "min_delay", "x"),
    (DatagramServer, "max_delay", 0),
    (StreamServer, "max_accept", 0),
    (StreamServer, "max_accept", None),
    (StreamServer, "stop_timeout", None),
    (DatagramServer, "min_delay", None),
    (DatagramServer, "max_datagram", None),
    (DatagramServer, "max_datagram", 0),
    (StreamServer, "handshake_timeout", -5),
    (StreamServer, "backlog", "x"),
    (StreamServer, "idle_timeout", -5),
    (StreamServer, "reuse_port", "x"),
    (WSGIServer, "limits", {}),
    (WSGIServer, "application", 3),
    (WSGIServer, "on_error", 3),
    (WSGIServer, "error_log", 3),
]


@pytest.mark.parametrize(("kind", "name", "value"), ATTRIBUTES)
def test_attributes_of_classes_are_checked_too(kind: Any, name: str, value: Any) -> None:
    sub = type("Sub", (kind,), {name: value})
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be "):
        sub(ADDRESS)


@pytest.mark.parametrize("name", ["max_per_peer", "idle_timeout", "handshake_timeout"])
def test_attributes_that_have_no_effect_name_what_has(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^Sub\.{name} has no effect; use limits=Limits\("):
        type("Sub", (WSGIServer,), {name: 3})
    with pytest.raises(TypeError, match=rf"WSGIServer has no argument '{name}'") as raised:
        WSGIServer(ADDRESS, hello, **{name: 3})
    assert ("use limits=Limits(" in str(raised.value)) == (name != "nonsense")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (BaseServer, "spawn", 10),
        (StreamServer, "spawn", "raw"),
        (DatagramServer, "listener", ADDRESS),
        (StreamServer, "certfile", "chain.pem"),
        (WSGIServer, "keyfile", "key.pem"),
        (WSGIServer, "environ", {}),
        (WSGIServer, "log", None),
        (WSGIServer, "base_env", {}),
        (StreamServer, "reuse_addr", 1),
        (WSGIServer, "reuse_addr", 1),
        (BaseServer, "fatal_errors", ()),
    ],
)
def test_settings_that_are_no_attributes_of_classes_are_refused_there(
    kind: Any, name: str, value: Any
) -> None:
    with pytest.raises(TypeError, match=rf"^Sub\.{name} has no effect; use "):
        type("Sub", (type("Between", (kind,), {}),), {name: value})


def test_methods_may_have_the_names_of_arguments() -> None:
    class Sub(WSGIServer):
        def log(self, text: str) -> None:
            pass

        @property
        def environ(self) -> dict[str, str]:
            return {}

    assert not Sub(ADDRESS, hello).started


def test_descriptors_may_have_the_names_of_arguments() -> None:
    class Sub(WSGIServer):
        @cached_property
        def environ(self) -> dict[str, str]:
            return {"own": "1"}

    assert Sub(ADDRESS, hello).environ == {"own": "1"}


def test_a_constructor_may_read_settings_from_its_class() -> None:
    class Sub(StreamServer):
        certfile = CERTIFICATE

        def __init__(self) -> None:
            super().__init__(ADDRESS, print, certfile=self.certfile)

    assert Sub().ssl_context is not None
    with pytest.raises(TypeError, match=r"^Sub\.fatal_errors has no effect; use "):
        type("Sub", (Sub,), {"fatal_errors": ()})


@pytest.mark.parametrize("kind", [BaseServer, StreamServer, DatagramServer, WSGIServer])
@pytest.mark.parametrize("name", ["pre_start", "init_socket", "do_close", "handler_class", "update_environ"])
def test_hooks_that_are_never_called_are_refused(kind: Any, name: str) -> None:
    with pytest.raises(
        TypeError, match=rf"^Sub\.{name} is never called or read by greenrt's {kind.__name__}"
    ):
        type("Sub", (kind,), {name: lambda self: None})
    mixin = type("Mixin", (), {name: lambda self: None})
    with pytest.raises(TypeError, match=rf"^Mixin\.{name} is never called"):
        type("Sub", (mixin, kind), {})


@pytest.mark.parametrize("name", ["body", "head_timeout", "connections", "fields"])
@pytest.mark.parametrize("value", ["5", True, -1, math.nan, 1 << 70], ids=repr)
def test_limits_are_checked(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^the limit {name} must be ") as raised:
        Limits(**{name: value})
    assert repr(value) in str(raised.value)


class WithMethod(WSGIServer):
    def application(self, environ: dict[str, Any], start_response: Any) -> Any:
        return hello(environ, start_response)


class WithAttribute(WSGIServer):
    application = staticmethod(hello)
    limits = Limits(requests=1)


class WithHook(WSGIServer):
    seen: Any = None

    def application(self, environ: dict[str, Any], start_response: Any) -> Any:
        raise ZeroDivisionError

    def on_error(self, environ: dict[str, Any], error: BaseException) -> None:
        self.seen = (environ["PATH_INFO"], error)


def test_a_subclass_has_an_application() -> None:
    for kind in (WithMethod, WithAttribute):
        with kind(ADDRESS) as server:
            assert talk(server, request()).endswith(b"hello")
    # The application that is passed has precedence.
    with WithMethod(ADDRESS, WithAttribute.application) as server:
        assert talk(server, request()).endswith(b"hello")
    with WithAttribute(ADDRESS) as server:
        assert talk(server, request(close=False)).endswith(b"hello")


def test_a_subclass_has_hooks() -> None:
    with WithHook(ADDRESS) as server:
        assert b" 500 " in talk(server, request(line="GET /p HTTP/1.1"))
        path, error = server.seen
    assert path == "/p"
    assert isinstance(error, ZeroDivisionError)


def test_attributes_of_stream_servers_are_settings() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    kind = type("Sub", (StreamServer,), {"ssl_context": context, "backlog": 7, "reuse_port": True})
    server: Any = kind(ADDRESS, print)
    assert (server.ssl_context, server.backlog, server.reuse_port) == (context, 7, True)
    with pytest.raises(TypeError, match="ssl_context and certfile are both given"):
        kind(ADDRESS, print, certfile=CERTIFICATE)


@pytest.mark.parametrize("setting", ["backlog", "reuse_port"])
def test_settings_that_come_too_late_for_a_socket(setting: str) -> None:
    with socket.socket() as sock:
        sock.bind(ADDRESS)
        sock.listen()
        with pytest.raises(TypeError, match=f"^{setting} must be "):
            StreamServer(sock, print, **{setting: 1})  # type: ignore[arg-type]
    assert greenrt.get_hub() is not None


@pytest.mark.parametrize("kind", [StreamServer, WSGIServer])
@pytest.mark.parametrize(("value", "error"), [("x", TypeError), (math.nan, ValueError), (-1, ValueError)])
def test_a_wrong_time_to_stop_leaves_the_server_running(
    kind: Any, value: Any, error: type[Exception]
) -> None:
    with kind(ADDRESS, hello) as server:
        with pytest.raises(error, match=r"^timeout must be "):
            server.stop(value)
        with pytest.raises(error, match=r"^stop_timeout must be "):
            server.serve_forever(value)
        assert server.started
