"""A name server for each test, and a stub that asks it."""

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
    """What Stub.configure takes; tries are short."""
    return SimpleNamespace(servers=[server.server], timeout=0.5, attempts=2, rotate=False, use_vc=False)


@pytest.fixture
def stub(configuration: SimpleNamespace) -> Iterator[Stub]:
    stub = Stub()
    stub.configure(configuration)
    yield stub
    stub.close()
