"""Logging by the runtime never switches greenlets, and never waits for handlers."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from support.child import run_script

from greenrt import _log, _original


class Gathering(logging.Handler):
    """Keeps the records and the thread that delivered each. Waits for `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.seen: list[tuple[str, int]] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        self.seen.append((record.getMessage(), threading.get_ident()))
        self.records.append(record)


@pytest.fixture
def handler() -> Iterator[Gathering]:
    made = Gathering()
    logger = logging.getLogger("greenrt")
    logger.addHandler(made)
    logger.propagate = False
    yield made
    made.gate.set()
    assert _log.flush(10)
    logger.removeHandler(made)
    logger.propagate = True


def test_a_record(handler: Gathering) -> None:
    before = time.time()
    _log.warn("%s of %r", "this", 4)
    _log.error("100%")
    assert _log.flush(10)
    assert [text for text, _ in handler.seen] == ["this of 4", "100%"]
    record = handler.records[0]
    assert (record.name, record.levelname, record.threadName) == ("greenrt", "WARNING", "MainThread")
    assert record.thread == threading.get_ident()
    assert before <= record.created <= time.time()
    assert handler.records[1].levelname == "ERROR"


def test_levels_are_heeded(handler: Gathering) -> None:
    logging.getLogger("greenrt").setLevel(logging.ERROR)
    try:
        _log.warn("no")
        _log.error("yes")
        assert _log.flush(10)
    finally:
        logging.getLogger("greenrt").setLevel(logging.NOTSET)
    assert [text for text, _ in handler.seen] == ["yes"]


def test_logging_does_not_wait_for_handlers(handler: Gathering, capfd: pytest.CaptureFixture[str]) -> None:
    """Records beyond the limit go to stderr."""
    handler.gate.clear()
    _log.warn("first")
    assert handler.entered.wait(10)
    for number in range(_log.MOST + 5):
        _log.warn("%d", number)
    assert not _log.flush(0)
    handler.gate.set()
    assert _log.flush(10)
    assert [text for text, _ in handler.seen] == ["first", *map(str, range(_log.MOST))]
    assert capfd.readouterr().err.splitlines() == [f"greenrt: {_log.MOST + n}" for n in range(5)]


def test_from_many_threads(handler: Gathering) -> None:
    def report(reporter: int) -> None:
        for number in range(200):
            _log.warn("%d %d", reporter, number)

    threads = [threading.Thread(target=report, args=(reporter,)) for reporter in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _log.flush(10)
    for reporter in range(4):
        assert [t for t, _ in handler.seen if t.startswith(f"{reporter} ")] == [
            f"{reporter} {n}" for n in range(200)
        ]


def test_a_handler_that_raises(handler: Gathering, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise SystemExit(f"no {record.msg}")

    handler.addFilter(broken)
    _log.warn("one")
    assert _log.flush(10)
    handler.removeFilter(broken)
    _log.warn("two")
    assert _log.flush(10)
    assert capfd.readouterr().err == "greenrt: one\n(could not be logged: SystemExit('no one'))\n"
    assert [text for text, _ in handler.seen] == ["two"]


def test_without_a_thread(
    handler: Gathering, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_original, "start_new_thread", refuse)
    _log.warn("said")
    assert _log.flush(0)
    monkeypatch.undo()
    assert capfd.readouterr().err == "greenrt: said\n"
    _log.warn("logged")
    assert _log.flush(10)
    assert [text for text, _ in handler.seen] == ["logged"]


def test_the_child_of_a_fork_says_its_own() -> None:
    out, _ = run_script("""
        import logging, os, threading
        from greenrt import _log

        class Gathering(logging.Handler):
            def __init__(self):
                super().__init__()
                self.seen, self.entered, self.gate = [], threading.Event(), threading.Event()
            def emit(self, record):
                self.entered.set()
                assert self.gate.wait(20)
                self.seen.append(record.getMessage())

        handler = Gathering()
        logging.getLogger("greenrt").addHandler(handler)
        _log.warn("the parent's")
        assert handler.entered.wait(10)
        _log.warn("the parent's too")
        pid = os.fork()
        if not pid:
            # logging renews the handler's lock. The parent's thread may hold the locks of the events.
            handler.entered, handler.gate = threading.Event(), threading.Event()
            handler.gate.set()
            _log.warn("the child's")
            print(_log.flush(10), handler.seen, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        handler.gate.set()
        print(_log.flush(10), handler.seen)
    """)
    assert out.splitlines() == ['True ["the child\'s"]', 'True ["the parent\'s", "the parent\'s too"]']


PATCHED = """
    from greenrt import monkey; monkey.patch_all()
    import logging, sys, time, greenrt
    from greenrt import _log

    class Slow(logging.StreamHandler):
        def emit(self, record):
            time.sleep(0.3)
            super().emit(record)

    slow = Slow(sys.stdout)
    logging.basicConfig(handlers=[slow], level=logging.INFO, format="%(threadName)s %(message)s")

    # A suspended greenlet holds the handler's lock, which is cooperative, when the hub logs.
    greenrt.spawn(logging.info, "a greenlet's")
    greenrt.sleep(0.01)
    hub = greenrt.get_hub()
    turns = []
    with hub.loop.timer(0, 0.01) as ticks:
        ticks.start(turns.append, None)
        hub.loop.run_callback(_log.warn, "the %s's", "hub")
        greenrt.sleep(1.5)
        assert _log.flush(10)
    print(len(turns) > 50)
    hub.loop.run_callback(_log.warn, "at the end")
    greenrt.sleep(0.01)
"""


def test_a_patched_program_whose_handler_waits() -> None:
    """The hub continues meanwhile, no record is lost, and the end of the process waits for the rest."""
    out, err = run_script(PATCHED)
    assert [line.split(" ", 1)[1] for line in out.splitlines() if " " in line] == [
        "a greenlet's",
        "the hub's",
        "at the end",
    ]
    assert "True" in out.splitlines()
    assert err == ""
