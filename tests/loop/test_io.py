"""Io watchers and the fd table, on every backend."""

import errno
import os
from pathlib import Path

import pytest

from greenrt._events import CLOSED, READ, WRITE

from .conftest import Probe, Rig


def test_readable(rig: Rig) -> None:
    one, other = rig.pair()
    seen = []
    with rig.loop.io(one.fileno(), READ) as watcher:
        watcher.start(lambda: seen.append(one.recv(10)))
        rig.turn(2)
        assert seen == []
        other.send(b"x")
        rig.run(lambda: seen)
    assert seen == [b"x"]


def test_writable(rig: Rig) -> None:
    one, _ = rig.pair()
    seen = []
    with rig.loop.io(one.fileno(), WRITE) as watcher:
        watcher.start(seen.append, "writable")
        rig.run(lambda: seen)
    assert seen[0] == "writable"


def test_level_triggered(rig: Rig) -> None:
    one, other = rig.pair()
    seen = []
    other.send(b"x")
    with rig.loop.io(one.fileno(), READ) as watcher:
        watcher.start(seen.append, None)
        rig.turn(5)
        assert len(seen) >= 3
        one.recv(10)
        rig.turn()
        count = len(seen)
        rig.turn(3)
        assert len(seen) == count


def test_readiness_that_is_older_than_the_watcher(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    seen = []
    for _ in range(3):
        with rig.loop.io(one.fileno(), READ) as watcher:
            watcher.start(seen.append, None)
            rig.turn()
    assert len(seen) == 3


def test_events_are_passed(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    seen = []
    with rig.loop.io(one.fileno(), READ | WRITE) as watcher:
        assert watcher.events_str == "READ|WRITE"
        watcher.start(lambda events, word: seen.append((events, word)), "word", pass_events=True)
        rig.run(lambda: seen)
    assert seen[0] == (READ | WRITE, "word")


def test_a_hangup_is_both(rig: Rig) -> None:
    one, other = rig.pair()
    other.close()
    seen = []
    with rig.loop.io(one.fileno(), READ | WRITE) as watcher:
        watcher.start(seen.append, pass_events=True)
        rig.run(lambda: seen)
    assert seen[0] == READ | WRITE


def test_several_watchers_of_one_fd(rig: Rig) -> None:
    one, other = rig.pair()
    seen = []
    watchers = [rig.loop.io(one.fileno(), events) for events in (READ, READ, WRITE)]
    for number, watcher in enumerate(watchers):
        watcher.start(seen.append, number)
    rig.turn()
    assert set(seen) == {2}
    other.send(b"x")
    rig.run(lambda: {0, 1} <= set(seen))
    watchers[0].close()
    seen.clear()
    rig.turn(2)
    assert set(seen) == {1, 2}
    for watcher in watchers:
        watcher.close()


def test_stop_drops_a_callback_that_is_queued(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    seen = []
    watchers = [rig.loop.io(one.fileno(), READ) for _ in range(2)]
    for watcher in watchers:
        watcher.start(lambda: (seen.append(None), [each.stop() for each in watchers]))
    rig.turn(3)
    assert len(seen) == 1
    assert not any(watcher.active or watcher.pending for watcher in watchers)


def test_a_callback_that_raises_stops_its_watcher(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    errors = []
    rig.loop.error_handler = lambda context, kind, value, tb: errors.append((context, value))

    def fail() -> None:
        raise ZeroDivisionError("planned")

    watcher = rig.loop.io(one.fileno(), READ)
    watcher.start(fail)
    rig.turn(4)
    assert [context for context, _ in errors] == [watcher]
    assert not watcher.active
    assert rig.loop.activecnt == 0


def test_a_close_under_a_watcher_calls_it_once(rig: Rig) -> None:
    one, _ = rig.pair()
    seen = []
    watcher = rig.loop.io(one.fileno(), READ)
    watcher.start(seen.append, None)
    rig.turn()
    rig.loop.fds.forget(one.fileno())
    one.close()
    rig.turn(3)
    assert seen == [None]
    assert not watcher.active


def test_a_number_that_is_used_again(rig: Rig) -> None:
    old, old_peer = rig.pair()
    number = old.fileno()
    seen = []
    watcher = rig.loop.io(number, READ)
    watcher.start(seen.append, "old")
    # The file stays open under another number: the kernel would keep reporting it under the old one.
    twin = os.dup(number)
    rig.turn()
    rig.loop.fds.forget(number)
    old.close()
    watcher.close()
    new, new_peer = rig.pair()
    try:
        if new.fileno() != number:
            assert new_peer.fileno() == number
            new, new_peer = new_peer, new
        old_peer.send(b"for the old one")
        with rig.loop.io(number, READ) as watcher:
            watcher.start(seen.append, "new")
            rig.turn(3)
            assert seen == []
            new_peer.send(b"x")
            rig.run(lambda: seen)
        assert set(seen) == {"new"}
    finally:
        os.close(twin)


@pytest.mark.parametrize("when", ["pending", "in the callback"])
def test_a_watcher_does_not_go_on_with_a_file_that_is_new_under_its_number(rig: Rig, when: str) -> None:
    old, old_peer = rig.pair()
    number = old.fileno()
    seen = []

    def replace() -> None:
        rig.loop.fds.forget(number)
        os.dup2(made.fileno(), number)

    made, made_peer = rig.pair()
    watcher = rig.loop.io(number, READ)
    watcher.start(lambda: (seen.append("called"), replace() if when == "in the callback" else None))
    old_peer.send(b"x")
    made_peer.send(b"for the new one")
    if when == "pending":
        while not watcher.pending:
            rig.loop.gather(0) if not rig.fake else (rig._tell(rig.fake), rig.loop.gather(0))
        replace()
    rig.turn(4)
    assert seen == ["called"]
    assert not watcher.active


def test_a_number_that_is_used_again_without_notice(real: Rig) -> None:
    old, _ = real.pair()
    number = old.fileno()
    seen = []
    with real.loop.io(number, READ) as watcher:
        watcher.start(seen.append, "old")
        real.turn()
    old.close()
    new, new_peer = real.pair()
    if new.fileno() != number:
        new, new_peer = new_peer, new
    new_peer.send(b"x")
    with real.loop.io(number, READ) as watcher:
        watcher.start(seen.append, "new")
        real.run(lambda: seen)
    assert seen[0] == "new"


def test_bad_arguments(rig: Rig) -> None:
    with pytest.raises(OSError, match="-1 is not a file descriptor") as caught:
        rig.loop.io(-1, READ)
    assert caught.value.errno == errno.EBADF
    for events in (0, 4, 7):
        with pytest.raises(ValueError, match="READ"):
            rig.loop.io(0, events)
    with pytest.raises(TypeError, match="None"):
        rig.loop.io(0, READ).start(None)


def test_an_fd_that_is_not_open(real: Rig) -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    os.close(write_fd)
    watcher = real.loop.io(read_fd, READ)
    with pytest.raises(OSError, match=str(read_fd)) as caught:
        watcher.start(print)
    assert caught.value.errno == errno.EBADF
    assert not watcher.active
    assert real.loop.activecnt == 0


def test_a_regular_file_is_always_ready(real: Rig, tmp_path: Path) -> None:
    seen = []
    with open(tmp_path / "file", "w") as file, real.loop.io(file.fileno(), WRITE) as watcher:
        watcher.start(seen.append, None)
        real.run(lambda: len(seen) >= 2)


def test_a_closed_watcher_does_not_start(rig: Rig) -> None:
    one, _ = rig.pair()
    watcher = rig.loop.io(one.fileno(), READ)
    watcher.close()
    watcher.close()
    with pytest.raises(ValueError, match="closed"):
        watcher.start(print)


# -- Socket operations, which park in the table


def test_park_fires_once(rig: Rig, probe: Probe) -> None:
    one, other = rig.pair()
    fds, fd = rig.loop.fds, one.fileno()
    fds.park(fd, READ, probe)
    assert fds.entry(fd).reader is probe
    assert fds.entry(fd).writer is None
    rig.turn()
    assert probe.fired == []
    other.send(b"x")
    rig.turn(3)
    assert len(probe.fired) == 1
    assert probe.fired[0] & READ
    assert fds.entry(fd).reader is None


def test_withdraw_forgets_the_waiter(rig: Rig, probe: Probe) -> None:
    one, other = rig.pair()
    rig.loop.fds.park(one.fileno(), READ, probe)
    rig.loop.fds.withdraw(one.fileno(), probe)
    other.send(b"x")
    rig.turn(2)
    assert probe.fired == []


def test_reader_and_writer_of_one_fd(rig: Rig, make_probe: type[Probe]) -> None:
    one, other = rig.pair()
    reader, writer = make_probe(), make_probe()
    rig.loop.fds.park(one.fileno(), READ, reader)
    rig.loop.fds.park(one.fileno(), WRITE, writer)
    rig.turn(2)
    assert reader.fired == []
    assert len(writer.fired) == 1
    other.send(b"x")
    rig.turn(2)
    assert len(reader.fired) == 1
    assert len(writer.fired) == 1


def test_a_level_user_joins_a_parked_operation(rig: Rig, probe: Probe) -> None:
    """The watcher must not miss edges that were reported before its start, and must not starve the operation."""
    one, other = rig.pair()
    fds, fd, seen = rig.loop.fds, one.fileno(), []
    fds.park(fd, READ, probe)
    rig.turn()
    other.send(b"x")
    rig.turn(2)
    assert len(probe.fired) == 1
    # The data is not read: an edge-triggered registration would never report it again.
    with rig.loop.io(fd, READ) as watcher:
        watcher.start(seen.append, None)
        rig.turn(2)
        assert seen
        fds.park(fd, READ, probe)
        rig.turn(2)
        assert len(probe.fired) == 2
    fds.park(fd, READ, probe)
    other.send(b"y")
    rig.turn(2)
    assert len(probe.fired) == 3


def test_forget_fires_all_with_closed(rig: Rig, probe: Probe) -> None:
    one, _ = rig.pair()
    fds, fd = rig.loop.fds, one.fileno()
    fds.park(fd, READ, probe)
    fds.park(fd, WRITE, probe)
    fds.add(fd, READ, probe)
    fds.forget(fd)
    assert probe.fired == [CLOSED] * 3
    fds.forget(fd)
    fds.forget(100_000)
    fds.forget(-1)
    assert probe.fired == [CLOSED] * 3


def test_a_negative_fd_in_the_table(rig: Rig, probe: Probe) -> None:
    with pytest.raises(OSError, match="not a file descriptor"):
        rig.loop.fds.park(-1, READ, probe)
