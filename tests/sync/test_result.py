"""AsyncResult: a value or an error that is set later."""

import threading
import traceback
import weakref

import pytest

import greenrt


def test_unset() -> None:
    result = greenrt.AsyncResult()
    assert not result.ready()
    assert not result.done()
    assert not result.successful()
    assert result.value is None
    assert result.exception is None
    assert result.exc_info == ()
    assert result.cancel() is False
    assert result.cancelled() is False
    assert "unset" in repr(result)
    with pytest.raises(greenrt.Timeout):
        result.get_nowait()
    with pytest.raises(greenrt.Timeout):
        result.get(block=False)


def test_value() -> None:
    result = greenrt.AsyncResult()
    waiters = [greenrt.spawn(result.get), greenrt.spawn(result.wait), greenrt.spawn(result.result)]
    greenrt.sleep(0)
    result.set(7)
    assert [waiter.get() for waiter in waiters] == [7, 7, 7]
    assert result.get() == result.wait() == result.value == 7
    assert result.ready()
    assert result.successful()
    assert "7" in repr(result)


def test_none_is_a_value() -> None:
    result = greenrt.AsyncResult()
    result.set()
    assert result.ready()
    assert result.get() is None


def test_error() -> None:
    result = greenrt.AsyncResult()
    waiter = greenrt.spawn(result.wait)
    greenrt.sleep(0)
    error = ValueError("planned")
    result.set_exception(error)
    assert waiter.get() is None
    assert result.ready()
    assert not result.successful()
    assert result.exception is error
    assert result.exc_info[:2] == (ValueError, error)
    lengths = []
    for _ in range(3):
        with pytest.raises(ValueError, match="planned") as info:
            result.get()
        lengths.append(len(traceback.extract_tb(info.value.__traceback__)))
    # The traceback does not grow.
    assert len(set(lengths)) == 1


def test_error_with_its_traceback() -> None:
    result = greenrt.AsyncResult()

    def deep() -> None:
        raise KeyError("planned")

    try:
        deep()
    except KeyError as error:
        result.set_exception(error, (KeyError, error, error.__traceback__))
    with pytest.raises(KeyError) as info:
        result.get()
    assert "deep" in [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]


def test_only_exceptions() -> None:
    with pytest.raises(TypeError, match="42"):
        greenrt.AsyncResult().set_exception(42)


def test_timeouts() -> None:
    result = greenrt.AsyncResult()
    assert result.wait(0.001) is None
    with pytest.raises(greenrt.Timeout) as info:
        result.get(timeout=0.001)
    assert info.value.seconds == 0.001
    assert not result.linkcount()


def test_as_a_link(quiet: None) -> None:
    value, error = greenrt.AsyncResult(), greenrt.AsyncResult()
    greenrt.spawn(lambda: 5).link(value)
    greenrt.spawn(lambda: 1 / 0).link(error)
    assert value.get(timeout=5) == 5
    with pytest.raises(ZeroDivisionError):
        error.get(timeout=5)
    chained = greenrt.AsyncResult()
    value.rawlink(chained)
    assert chained.get(timeout=5) == 5


def test_greenrt_wait_takes_results() -> None:
    first, second = greenrt.AsyncResult(), greenrt.AsyncResult()
    greenrt.spawn(second.set, 1)
    assert greenrt.wait([first, second], count=1, timeout=5) == [second]
    first.set()


def test_from_another_thread() -> None:
    results = [greenrt.AsyncResult() for _ in range(500)]

    def setter() -> None:
        for number, result in enumerate(results):
            result.set(number)

    thread = threading.Thread(target=setter)
    getters = [greenrt.spawn(result.get) for result in results]
    greenrt.sleep(0)
    thread.start()
    assert [getter.get() for getter in getters] == list(range(500))
    thread.join()


def test_dies_with_its_value() -> None:
    class Value:
        pass

    result, value = greenrt.AsyncResult(), Value()
    waiter = greenrt.spawn(result.get)
    greenrt.sleep(0)
    result.set(value)
    waiter.join()
    there = weakref.ref(value)
    del waiter, value, result
    # The hub drops its reference to the greenlet that it resumed last.
    greenrt.sleep(0.001)
    assert there() is None


def test_who_is_parked_keeps_nothing_of_others() -> None:
    class Value:
        pass

    stop, queue, there = greenrt.Event(), greenrt.Queue(), []

    def consume() -> None:
        there.extend(weakref.ref(queue.get()) for _ in range(10))

    # Each producer switches to the consumer when it parks.
    def produce() -> None:
        queue.put(Value())
        stop.wait()

    consumer = greenrt.spawn(consume)
    producers = [greenrt.spawn(produce) for _ in range(10)]
    consumer.join()
    greenrt.sleep(0.001)
    assert [reference() for reference in there] == [None] * 10
    stop.set()
    greenrt.joinall(producers)
