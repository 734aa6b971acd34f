"""The names that the system shows for threads: CPython 3.14 sets them, and a green thread has none of its own."""

import pytest
from support.child import run_script

NAMES = """
import os, sys
def name_of(task):
    with open(f"/proc/self/task/{task}/comm") as file:
        return file.read().strip()
"""


@pytest.mark.parametrize("before", ["", "import threading"])
def test_green_threads_leave_the_name_of_the_process(before: str) -> None:
    out, _ = run_script(f"""
        {before}
        {NAMES.strip().replace(chr(10), chr(10) + " " * 8)}
        from greenrt import monkey
        monkey.patch_all()
        import _thread, threading, time
        process = name_of(os.getpid())

        def work():
            time.sleep(0)
            if hasattr(_thread, "set_name"):
                _thread.set_name("by its \\u20ac set_name")
                assert _thread._get_name() == "by its \\u20ac set_"
            threading.current_thread().name = "by its name"
            seen.append((threading.current_thread().name, name_of(os.getpid()) == process))

        seen = []
        started = threading.Thread(target=work, name="at the start")
        timer = threading.Timer(0, work)
        for thread in started, timer:
            thread.start()
        for thread in started, timer:
            thread.join()
        _thread.start_new_thread(work, ())
        while len(seen) < 3:
            time.sleep(0.001)
        print(seen == [("by its name", True)] * 3, name_of(os.getpid()) == process)
        if hasattr(_thread, "set_name"):
            for name in b"bytes", None:
                try:
                    _thread.set_name(name)
                except TypeError as error:
                    assert "must be str, not" in str(error), error
                else:
                    raise AssertionError(name)
    """)
    assert out == "True True\n"


def test_native_threads_and_the_main_thread_get_their_names() -> None:
    run_script(f"""
        {NAMES.strip().replace(chr(10), chr(10) + " " * 8)}
        from greenrt import monkey
        monkey.patch_all()
        import greenrt, threading

        def start():
            # In a native thread without a hub threads are native.
            thread = threading.Thread(target=lambda: names.append(name_of(threading.get_native_id())), name="mine")
            thread.start()
            thread.join()

        names = []
        pool = greenrt.ThreadPool(1)
        pool.apply(start)
        pool.kill()
        process = name_of(os.getpid())
        if sys.version_info >= (3, 14):
            assert names == ["mine"], names
            threading._set_name("main")
            assert name_of(os.getpid()) == "main"
        else:
            assert names == [process], names
    """)
