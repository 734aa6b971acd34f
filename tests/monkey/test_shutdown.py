"""The end of a process under patching is what it is without: output, errors, exit code. (All runs: tests/stress.)"""

from pathlib import Path

import pytest
from support.child import run_script
from support.endings import RUNS, outcomes

# Every 11th: all that may be alive, all hooks and all endings are among them.
SOME = RUNS[::11]


@pytest.mark.parametrize("run", SOME, ids=" - ".join)
def test_the_end(run: tuple[str, str, str], tmp_path: Path) -> None:
    unpatched, patched = outcomes(run, tmp_path)
    assert patched == unpatched


def test_some_are_of_each_kind() -> None:
    for which in range(3):
        assert {run[which] for run in SOME} == {run[which] for run in RUNS}


def test_an_endless_thread_is_interrupted_by_the_second_signal() -> None:
    """The first is for the main greenlet, which that thread never lets run."""
    run_script("""
        import os, signal, threading, time
        from greenrt import monkey
        monkey.patch_all()
        native = monkey.get_original("_thread", "start_new_thread")
        sleep = [monkey.get_original("time", "sleep")]
        def send():
            while not seen:
                sleep[0](0.2)
                os.kill(os.getpid(), signal.SIGINT)
        seen = []
        def endless():
            # Main waits for the end, no more for the beginning.
            time.sleep(0.01)
            try:
                native(send, ())
                count = 0
                while True:
                    count += 1
            except KeyboardInterrupt:
                seen.append("thread")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        thread = threading.Thread(target=endless)
        thread.start()
        try:
            thread.join()
        except KeyboardInterrupt:
            seen.append("main")
        thread.join()
        assert seen == ["thread", "main"], seen
        # From here on it is as in the beginning.
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(30)
            raise AssertionError
        except KeyboardInterrupt:
            pass
    """)
