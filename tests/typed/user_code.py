"""What users write, for mypy and pyright. It is never run.

A line that ends in ``# error`` must be an error for both; every other line must be none for either. The types that
`assert_type` expects are the promised ones.
"""

import socket
import ssl
from collections.abc import Iterable
from typing import Any, assert_type

import greenrt
from greenrt import dns, errors, happy_eyeballs, monkey, serve, sync


def fetch(url: str, *, retries: int = 3) -> bytes:
    return url.encode() * retries


def nothing() -> None:
    pass


# -- Greenlets


def greenlets() -> None:
    greenlet = greenrt.spawn(fetch, "http://example.org", retries=2)
    assert_type(greenlet, greenrt.Greenlet[bytes])
    assert_type(greenlet.get(timeout=2.5), bytes)
    assert_type(greenlet.value, bytes | None)
    assert_type(greenlet.exception, BaseException | None)
    assert_type(greenlet.loop, greenrt.Loop)
    greenlet.get().upper()
    greenlet.get().encode()  # error
    greenlet.kill(ValueError("enough"), timeout=1)
    greenlet.kill("enough")  # error
    greenlet.link(lambda finished: print(finished.value))
    greenlet.link(fetch)  # error
    with greenrt.spawn(nothing) as finished:
        assert_type(finished, greenrt.Greenlet[None])


def wrong_arguments() -> None:
    greenrt.spawn(fetch)  # error
    greenrt.spawn(fetch, 1)  # error
    greenrt.spawn(fetch, "a", "b")  # error
    greenrt.spawn(fetch, "a", retries="b")  # error
    greenrt.spawn(fetch, "a", trials=1)  # error
    greenrt.spawn(fetch("a"))  # error
    greenrt.spawn("a")  # error
    greenrt.spawn_later(1.5, fetch, 2)  # error
    greenrt.spawn_later(fetch, "a")  # error
    greenrt.spawn_raw(fetch, 3)  # error
    greenrt.Greenlet(fetch, 3)  # error
    greenrt.Greenlet.spawn(fetch, 3)  # error
    assert_type(greenrt.spawn_later(1.5, fetch, "a").get(), bytes)
    assert_type(greenrt.Greenlet(fetch, "a"), greenrt.Greenlet[bytes])
    assert_type(greenrt.Greenlet.spawn(fetch, "a"), greenrt.Greenlet[bytes])
    greenrt.spawn_raw(fetch, "a").hub  # noqa: B018


class Download(greenrt.Greenlet[int]):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def _run(self) -> int:
        return len(fetch(self.url))


def subclasses() -> None:
    download = Download.spawn("http://example.org")
    assert_type(download, Download)
    assert_type(download.get(), int)
    assert_type(Download.spawn_later(2, "http://example.org").url, str)
    Download.spawn(1)  # error
    Download(1)  # error


def several(urls: Iterable[str]) -> None:
    spawned = [greenrt.spawn(fetch, url) for url in urls]
    assert_type(greenrt.joinall(spawned, timeout=1), list[greenrt.Greenlet[bytes]])
    assert_type(greenrt.wait(spawned, count=1), list[greenrt.Greenlet[bytes]])
    assert_type(greenrt.wait(timeout=5), bool)
    for greenlet in greenrt.iwait(spawned):
        assert_type(greenlet.get(), bytes)
    greenrt.joinall([spawned[0], Download("a")])
    greenrt.wait([greenrt.Event(), greenrt.Semaphore(2)])
    greenrt.joinall(urls)  # error
    greenrt.wait([1])  # error
    greenrt.killall(spawned)
    greenrt.killall(["a"])  # error


def any_greenlet(greenlet: greenrt.Greenlet) -> object:
    return greenlet.get()


any_greenlet(greenrt.spawn(fetch, "a"))


# -- Timeouts


def timeouts() -> None:
    assert_type(greenrt.with_timeout(3, fetch, "a"), bytes)
    assert_type(greenrt.with_timeout(3, fetch, "a", timeout_value=None), bytes | None)
    greenrt.with_timeout(3, fetch, 1)  # error
    greenrt.with_timeout("3", nothing)  # error
    with greenrt.Timeout(3, False) as timeout:
        assert_type(timeout, greenrt.Timeout)
    greenrt.Timeout("3")  # error
    greenrt.sleep(0.5)
    greenrt.sleep("1")  # error


# -- Primitives


def queues() -> None:
    queue: greenrt.Queue[int] = greenrt.Queue(10)
    queue.put(1)
    queue.put("a")  # error
    queue.put_nowait(b"")  # error
    assert_type(queue.get(timeout=1), int)
    assert_type(queue.peek_nowait(), int)
    assert_type(queue.copy(), greenrt.Queue[int])
    assert_type(greenrt.LifoQueue(None, ["a"]).get(), str)
    greenrt.Queue("10")  # error
    for item in queue:
        assert_type(item, int)
    jobs = greenrt.PriorityQueue[tuple[int, str]]()
    jobs.put((1, "a"))
    jobs.put((1, 1))  # error
    jobs.task_done()
    simple: greenrt.SimpleQueue[str] = greenrt.SimpleQueue()
    simple.put(simple.get())
    simple.task_done()  # error
    channel = greenrt.Channel[bytes]()
    channel.put(1)  # error
    assert_type(channel.get(), bytes)


def results() -> None:
    result: greenrt.AsyncResult[int] = greenrt.AsyncResult()
    result.set(1)
    result.set("a")  # error
    result.set()  # error
    result.set_exception(ValueError())
    result.set_exception("a")  # error
    assert_type(result.get(timeout=1), int)
    assert_type(result.wait(), int | None)
    assert_type(result.value, int | None)
    greenrt.spawn(len, "a").link(result)
    greenrt.spawn(fetch, "a").link(result)  # error
    done = greenrt.AsyncResult[None]()
    done.set()


def events() -> None:
    event = greenrt.Event()
    assert_type(event.wait(1), bool)
    event.wait("1")  # error
    event.wait(greenrt.Timeout(3))
    event.rawlink(print)
    with greenrt.Lock(), greenrt.RLock(), greenrt.Semaphore(3):
        pass
    greenrt.Semaphore("3")  # error


def pools(urls: list[str]) -> None:
    pool = greenrt.Pool(10)
    assert_type(pool.map(fetch, urls), list[bytes])
    assert_type(pool.map_async(fetch, urls).get(), list[bytes])
    assert_type(pool.spawn(fetch, "a"), greenrt.Greenlet[bytes])
    assert_type(pool.apply(fetch, ("a",)), bytes)
    assert_type(pool.apply_async(fetch, ("a",)).get(), bytes)
    for body in pool.imap_unordered(fetch, urls, maxsize=3):
        assert_type(body, bytes)
    for power in pool.imap(pow, [1, 2], [3, 4]):
        assert_type(power, Any)
    pool.map(fetch, [1, 2])  # error
    pool.map(fetch, 3)  # error
    pool.spawn(fetch, 1)  # error
    pool.imap(fetch, [1])  # error
    greenrt.Pool("10")  # error
    threads = greenrt.ThreadPool(4)
    assert_type(threads.spawn(fetch, "a"), greenrt.AsyncResult[bytes])
    assert_type(threads.map(len, urls), list[int])
    threads.spawn(fetch, 1)  # error
    executor = sync.ThreadPoolExecutor(3)
    assert_type(executor.submit(fetch, "a").result(), bytes)
    executor.submit(fetch, 1)  # error


# -- The hub and its loop


def hub() -> None:
    assert_type(greenrt.get_hub(), greenrt.Hub)
    assert_type(greenrt.get_hub().loop, greenrt.Loop)
    loop = greenrt.get_hub().loop
    timer = loop.timer(1.5, repeat=2)
    timer.start(print, "tick")
    timer.start(1)  # error
    timer.stop()
    loop.timer("1")  # error
    loop.io(1, greenrt.READ | greenrt.WRITE).start(nothing)
    loop.signal(15).start(nothing)
    loop.run_callback(fetch, "a")
    loop.run_callback(fetch, 1)  # error
    loop.proxy().post(nothing)
    assert_type(greenrt.LoopProxy(loop).call(fetch, "a", timeout=3), bytes)
    greenrt.LoopProxy(loop).post(fetch)  # error
    loop.run_callback_threadsafe(1)  # error
    assert_type(loop.now(), float)
    assert_type(loop.closed, bool)
    greenrt.wait_read(0, timeout=1)
    greenrt.wait_write(socket.socket())
    greenrt.wait_write("a")  # error
    handler = greenrt.signal_handler(15, fetch, "a")
    handler.cancel()
    greenrt.signal_handler(15, fetch, 1)  # error


# -- Names and servers


def names() -> None:
    assert_type(dns.query("example.org").records, list[str])
    assert_type(dns.query("example.org", "AAAA").records, list[str])
    assert_type(dns.query("example.org", "MX").records[0].exchange, str)
    assert_type(dns.query("example.org", "SRV", timeout=1).records[0].port, int)
    assert_type(dns.query("example.org", "TXT").records[0].data, bytes)
    dns.query("example.org", "MX").records[0].port  # error # noqa: B018
    dns.query(b"example.org")  # error
    with happy_eyeballs.create_connection(("example.org", 80)) as connection:
        connection.sendall(b"")
    try:
        dns.query("example.org")
    except dns.NxDomain as error:
        assert_type(error.name, str)
    except errors.LoopExit:
        pass


def servers() -> None:
    server = serve.StreamServer(("127.0.0.1", 0), print)
    assert_type(server.started, bool)
    assert_type(server.stop(timeout=1), None)
    server.serve_forever()
    serve.StreamServer(("127.0.0.1", 0), 1)  # error
    wsgi = serve.WSGIServer(8080, None, limits=serve.Limits(head=1000))
    wsgi.start()
    serve.Limits(head="a")  # error
    server.ssl_context = ssl.create_default_context()
    serve.StreamServer(":0", print, ssl_context="a")  # error
    serve.DatagramServer(b"", print)  # error
    serve.StreamServer("unix:/run/a", print, spawn=greenrt.Pool(10)).start()
    serve.StreamServer(socket.socket(), print, spawn="defaults")  # error


monkey.patch_all()
monkey.patch_all(threads=False)  # error
