"""A name server for each test, and a stub that asks it."""

from types import SimpleNamespace

import pytest

from greenrt.dns.stub import Stub

from .fake_server import FakeServer


@pytest.fixture
def server():
    with FakeServer() as it:
        yield it


@pytest.fixture
def configuration(server):
    """What Stub.configure takes; tries are short."""
    return SimpleNamespace(servers=[server.server], timeout=0.5, attempts=2, rotate=False, use_vc=False)


@pytest.fixture
def stub(configuration):
    stub = Stub()
    stub.configure(configuration)
    yield stub
    stub.close()
