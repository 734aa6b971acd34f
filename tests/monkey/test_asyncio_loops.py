"""asyncio in green threads, in child processes: each thread runs a loop of its own."""

import pytest
from support.child import run_script

EARLY = "import asyncio, threading; asyncio.set_event_loop(asyncio.new_event_loop())"


@pytest.mark.parametrize("before", ["", EARLY])
def test_threads_run_loops_at_the_same_time(before: str) -> None:
    out, _ = run_script(f"""
        {before}
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, threading, time

        at_once = []

        async def main(number):
            loop = asyncio.get_running_loop()
            at_once.append(number)
            for pause in range(3):
                # One lets the loop wait, the other stops it; other greenlets run in both cases.
                await asyncio.sleep(0.02)
                time.sleep(0.02)
                assert asyncio.get_running_loop() is loop
                assert asyncio.Future().get_loop() is loop and asyncio.get_event_loop() is loop
                assert asyncio.current_task().get_loop() is loop
            assert len(at_once) == 5, "one after the other"
            return number

        found = []
        def work(number):
            found.append(asyncio.run(main(number)))
            assert asyncio._get_running_loop() is None

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            assert asyncio._get_running_loop() is None
            thread.join()
        print(sorted(found))
    """)
    assert out == "[0, 1, 2, 3, 4]\n"


@pytest.mark.parametrize("before", ["", EARLY])
def test_a_thread_of_a_loop_has_none(before: str) -> None:
    out, _ = run_script(f"""
        {before}
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, threading

        async def inner():
            return asyncio.get_running_loop()

        def in_thread(outer):
            for find in asyncio.get_running_loop, asyncio.get_event_loop:
                try:
                    print(find())
                except RuntimeError as error:
                    print(str(error).split(" in thread")[0])
            assert asyncio.run(inner()) is not outer

        async def main():
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(in_thread, loop)
            assert asyncio.get_running_loop() is loop

        asyncio.run(main())
    """)
    assert out == "no running event loop\nThere is no current event loop\n"


def test_a_loop_set_before_patching_stays() -> None:
    run_script("""
        import asyncio
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        from greenrt import monkey
        monkey.patch_all()
        assert asyncio.get_event_loop() is loop
        loop.close()
    """)


def test_tasks_of_two_loops_block_at_the_same_time() -> None:
    """From CPython 3.14 on, the running task belongs to the native thread; here each loop has its own."""
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, greenrt, threading, time

        async def numbers(count):
            for number in range(count):
                time.sleep(0.002)
                yield number

        async def step(number):
            task = asyncio.current_task()
            for pause in 0.002, 0:
                time.sleep(pause)
                assert asyncio.current_task() is task
                await asyncio.sleep(0)
                assert asyncio.current_task() is task
            return number

        def in_callback(found):
            found.append(asyncio.current_task())
            time.sleep(0.002)
            found.append(asyncio.current_task())

        async def main(name):
            me, loop = asyncio.current_task(), asyncio.get_running_loop()
            if hasattr(asyncio, "eager_task_factory") and name % 2:
                loop.set_task_factory(asyncio.eager_task_factory)
            async with asyncio.TaskGroup() as group:
                steps = [group.create_task(step(number)) for number in range(4)]
                assert asyncio.current_task() is me
            assert [one.result() for one in steps] == [0, 1, 2, 3]
            assert [number async for number in numbers(3)] == [0, 1, 2]
            found = []
            loop.call_soon(in_callback, found)
            # A greenlet that a task starts has no task; a greenlet that it waits for runs a loop of its own.
            assert greenrt.spawn(asyncio._get_running_loop).get() is None
            assert greenrt.spawn(lambda: asyncio.run(step(9))).get() == 9
            assert asyncio.current_task() is me
            # An error that ends a blocking call leaves the task in its place.
            with greenrt.Timeout(0.005, False):
                time.sleep(20)
            assert asyncio.current_task() is me
            while len(found) < 2:
                await asyncio.sleep(0.001)
            assert found == [None, None] and asyncio.all_tasks() == {me}
            done.append(name)

        done = []
        threads = [threading.Thread(target=lambda name=name: asyncio.run(main(name))) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(main(6))
        print(sorted(done), asyncio._get_running_loop())
    """)
    assert out == "[0, 1, 2, 3, 4, 5, 6] None\n"


def test_what_is_thrown_into_a_loop_leaves_no_loop_behind() -> None:
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, greenrt

        async def main():
            await asyncio.sleep(30)

        worker = greenrt.spawn(asyncio.run, main())
        greenrt.sleep(0.1)
        assert asyncio._get_running_loop() is None
        worker.kill()
        assert worker.dead and asyncio._get_running_loop() is None
        print(asyncio.run(asyncio.sleep(0.01, "after")))
    """)
    assert out == "after\n"


def test_a_loop_that_never_waits_lets_others_run() -> None:
    """The loop's selector is not a standard one, and returns at once."""
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, selectors, time

        class Impatient(selectors.SelectSelector):
            def select(self, timeout=None):
                return []

        loop = asyncio.SelectorEventLoop(Impatient())
        # The loop does not see wakes, and does not need them.
        loop.run_until_complete(loop.run_in_executor(None, time.sleep, 0.05))
        print("slept")
        loop.close()
    """)
    assert out == "slept\n"
