"""High numbers for greenrt's own file descriptors."""

import os
import resource

from support.child import run_script

from greenrt._native.high_fds import duplicate_high, move_high


def test_an_fd_moves() -> None:
    fd, writer = os.pipe()
    moved = move_high(fd)
    assert moved >= 100
    assert not os.get_inheritable(moved)
    os.write(writer, b"x")
    assert os.read(moved, 1) == b"x"
    os.close(moved)
    second = move_high(writer)
    assert second >= 100
    assert second != writer
    os.close(second)


def test_it_stays_where_no_number_is_free() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    fd = os.open("/dev/null", os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        assert duplicate_high(fd) == -1
        assert move_high(fd) == fd
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.close(fd)


def test_the_first_wait_leaves_the_low_numbers_alone() -> None:
    """The program's next file gets the number of a closed standard stream, though the hub is created in between."""
    run_script(
        """
        import os, greenrt
        os.close(0)
        greenrt.sleep(0.001)
        assert os.open("/dev/null", os.O_RDONLY) == 0
        greenrt.sleep(0.001)
        """
    )
