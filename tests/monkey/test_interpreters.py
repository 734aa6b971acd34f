"""Subinterpreters in a patched program: a call into one suspends only the greenlet."""

import sys

import pytest
from support.child import run_script

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is new in 3.14")

PRELUDE = """
from greenrt import monkey
monkey.patch_all()
import threading, time
from concurrent import interpreters

turns = []
def turn():
    while True:
        turns.append(time.sleep(0.001))
threading.Thread(target=turn, daemon=True).start()
"""


def run(script: str) -> str:
    return run_script(PRELUDE + script)[0]


def test_an_executor_blocks_no_others() -> None:
    # More workers than a pool of native threads has.
    run("""
from concurrent.futures import InterpreterPoolExecutor
with InterpreterPoolExecutor(12) as executor:
    before = len(turns)
    assert list(executor.map(pow, range(24), [2] * 24)) == [n * n for n in range(24)]
    executor.submit(time.sleep, 0.3).result()
    assert len(turns) - before > 10, len(turns) - before
    failed = executor.submit(divmod, 1, 0)
    assert type(failed.exception()) is ZeroDivisionError
assert len(interpreters.list_all()) == 1
""")


def test_calls_that_wait_for_each_other() -> None:
    run("""
one, other = interpreters.create(), interpreters.create()
there, back = interpreters.create_queue(), interpreters.create_queue()
one.prepare_main(there=there, back=back)
other.prepare_main(there=there, back=back)
echo = threading.Thread(target=one.exec, args=("back.put(there.get() * 2)",))
echo.start()
other.exec("there.put(21); assert back.get() == 42")
echo.join()
one.close(); other.close()
there.put("x")
assert there.get(timeout=5) == "x"
""")


def test_outcomes_are_those_of_the_standard_functions() -> None:
    run("""
one = interpreters.create()
assert one.call(divmod, 7, 2) == (3, 1)
try:
    one.exec("1 / 0")
except interpreters.ExecutionFailed as error:
    assert error.excinfo.type.__name__ == "ZeroDivisionError"
else:
    raise AssertionError
seen = []
def get():
    seen.append(one.call(int, "5"))
thread = one.call_in_thread(print, "inside")
thread.join()
get()
assert seen == [5]
one.close()
try:
    one.exec("pass")
except interpreters.InterpreterNotFoundError:
    pass
else:
    raise AssertionError
""")


def test_a_killed_greenlet_leaves_no_interpreter_behind() -> None:
    run("""
import greenrt
made = [greenrt.spawn(interpreters.create) for _ in range(3)]
greenrt.sleep(0)
greenrt.killall(made)
deadline = time.monotonic() + 20
import _interpreters
# The calls may not have started yet.
time.sleep(0.3)
# interpreters.list_all() is not used: its objects end an interpreter that is still being made.
while len(_interpreters.list_all()) > 1:
    assert time.monotonic() < deadline
    time.sleep(0.01)
""")


def test_a_hub_of_its_own_is_not_needed() -> None:
    """In a native thread without a hub a call blocks that thread, as it does unpatched."""
    run("""
import greenrt
def call():
    one = interpreters.create()
    try:
        return one.call(pow, 2, 5)
    finally:
        one.close()
assert greenrt.get_hub().threadpool.apply(call) == 32
""")


def test_the_native_thread_has_the_name_of_the_thread() -> None:
    run("""
def name():
    import _thread
    return _thread._get_name()
one = interpreters.create()
process = name()
names = []
def call():
    names.append(one.call(name))
threading.Thread(target=call, name="a long name of a thread").start()
while not names:
    time.sleep(0.001)
import greenrt
greenrt.spawn(call).join()
call()
assert names == ["a long name of a thread"[:15], process, process], names
assert name() == process
one.close()
""")
