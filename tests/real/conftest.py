"""Servers, once for each file of tests."""

from collections.abc import Iterator

import pytest
from support import servers


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    with servers.postgres() as port:
        yield port


@pytest.fixture(scope="module")
def mariadb() -> Iterator[int]:
    with servers.mariadb() as port:
        yield port


@pytest.fixture(scope="module")
def redis() -> Iterator[int]:
    with servers.redis() as port:
        yield port


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[int]:
    with servers.rabbitmq() as port:
        yield port


@pytest.fixture(scope="module")
def ssh() -> Iterator[servers.Ssh]:
    with servers.ssh() as server:
        yield server
