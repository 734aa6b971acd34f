"""Servers, once for each file of tests."""

from collections.abc import Iterator

import pytest
from support import servers
from support.stand_in import rates_beside_the_real


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the rates of programs that ran on greenrt and on what they were written for."""
    if rates_beside_the_real:
        terminalreporter.section("programs, on greenrt and on what they were written for")
        for line in rates_beside_the_real:
            terminalreporter.line(line)


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


@pytest.fixture(scope="module")
def zookeeper() -> Iterator[int]:
    with servers.zookeeper() as port:
        yield port
