"""Fixtures: a name server for each test, and a stub that queries it."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from support.fake_name_server import FakeServer

from greenrt.dns.stub import Stub


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as it:
        yield it


@pytest.fixture
def configuration(server: FakeServer) -> SimpleNamespace:
    """The attributes that Stub.configure reads, with short attempts."""
    return SimpleNamespace(servers=[server.server], timeout=0.5, attempts=2, rotate=False, use_vc=False)


@pytest.fixture
def stub(configuration: SimpleNamespace) -> Iterator[Stub]:
    stub = Stub()
    stub.configure(configuration)
    yield stub
    stub.close()
