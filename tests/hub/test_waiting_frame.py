"""A hub that waits has a Python frame with a telling name, for other tools."""

import faulthandler
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import greenrt

NAME = "hub_is_waiting_for_events"


def while_the_hub_waits(function: Callable[[], str]) -> str:
    """Return what `function` returns in a native thread while the hub of this thread waits."""
    return greenrt.get_hub().threadpool.spawn(function).get()


def test_sys_current_frames_shows_it() -> None:
    def look() -> str:
        frame = sys._current_frames()[main]
        names = []
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment]
        return " ".join(names)

    main = threading.get_ident()
    assert NAME in while_the_hub_waits(look)


def test_faulthandler_shows_it() -> None:
    def look() -> str:
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            return file.read()

    assert f"in {NAME}" in while_the_hub_waits(look)


@pytest.mark.time_limit(60)
def test_py_spy_shows_it() -> None:
    spy = Path(sys.executable).with_name("py-spy")

    def look() -> str:
        done = subprocess.run([spy, "dump", "--pid", str(os.getpid())], capture_output=True, text=True)
        return done.stdout + done.stderr

    assert f"{NAME} (" in while_the_hub_waits(look)
