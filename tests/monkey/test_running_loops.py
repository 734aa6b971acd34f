"""asyncio in green threads, in child processes: each runs a loop of its own."""

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
                # The one lets the loop wait, and the other stops it; in either others run.
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
    """Its selector is not one of the standard library's, and returns at once."""
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import asyncio, selectors, time

        class Impatient(selectors.SelectSelector):
            def select(self, timeout=None):
                return []

        loop = asyncio.SelectorEventLoop(Impatient())
        # Wakes are not seen, and not needed.
        loop.run_until_complete(loop.run_in_executor(None, time.sleep, 0.05))
        print("slept")
        loop.close()
    """)
    assert out == "slept\n"
