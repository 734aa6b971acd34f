"""The resolver of a lookup: that of the thread's hub, also with patching; without a hub, the C library."""

from typing import Any

import pytest
from support.child import run_script

from greenrt.dns.resolvers import AresResolver, new_resolver

SETUP = """
    import greenrt
    from greenrt import monkey
    monkey.patch_all()
    import _thread, socket
    from greenrt.dns import resolvers
    made = []
    real = resolvers.new_resolver
    from greenrt import _providers
    _providers.make_resolver = lambda hub, setting: made.append(hub) or real(hub)
"""


def test_patched_functions_ask_the_hub_of_their_thread() -> None:
    run_script(
        SETUP
        + """
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    assert made == [greenrt.get_hub()]
    found = greenrt.get_hub().threadpool.apply(lambda: (greenrt.get_hub(), socket.gethostbyname("localhost")))
    assert found[1] == "127.0.0.1"
    assert found[0] is not greenrt.get_hub(), found
    assert made == [greenrt.get_hub(), found[0]], (made, found)
    """
    )


def test_a_thread_without_a_hub_asks_the_c_library() -> None:
    run_script(
        SETUP
        + """
    assert greenrt.get_hub().threadpool.apply(lambda: socket.gethostbyname("localhost")) == "127.0.0.1"
    assert made == []
    """
    )


def test_a_resolver_of_ones_own_and_its_end() -> None:
    run_script(
        """
    import greenrt
    from greenrt.green import socket

    class Own:
        closed = False
        def gethostbyname(self, name):
            return "192.0.2.1"
        def close(self):
            self.closed = True

    own = greenrt.get_hub().resolver = Own()
    assert socket.gethostbyname("any.test") == "192.0.2.1"
    greenrt.get_hub().destroy()
    assert own.closed
    """
    )


@pytest.mark.parametrize(
    ("names", "arguments"),
    [
        ("servers.*use", {"servers": "127.0.0.1"}),
        ("servers", {"servers": 5}),
        ("servers", {"servers": [5]}),
        ("trace", {"trace": 5}),
    ],
)
def test_wrong_arguments_are_named(names: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=names):
        AresResolver(**arguments)


def test_the_name_of_a_resolver_has_to_be_a_str() -> None:
    name: Any = 5
    with pytest.raises(TypeError, match="name must be one of auto, ares, thread, block, not 5"):
        new_resolver(None, name)
